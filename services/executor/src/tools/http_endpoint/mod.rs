//! Endpoints of HTTP APIs as tools.

mod answer;
mod lookup;
mod pages;
mod request;
mod sending;
#[cfg(test)]
mod tests;

use super::{Call, Offer, Output, Tool};
use crate::credentials::{Credentials, UnusableCredentials};
use crate::effects::{Intent, Stop, perform};
use crate::failure::RunFailure;
use answer::Answers;
use async_trait::async_trait;
pub(crate) use lookup::{KEY_PLACE, look_up};
use outbound::{AllowList, Client, Limits, Redirects, Unlisted};
use pages::all_items;
pub(crate) use request::{FrozenRequest, RequestMaker, UnusableEndpoint, filled};
use sending::recorded;
pub(crate) use sending::{HttpSender, Unanswered, Verdict, ended, judge, refusal};
use serde_json::Value;
use service::config::{ApiConfig, EndpointConfig, LookupConfig, PaginationConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use worker::give_up_at;
use workflow::tool::{ToolSource, ToolSpecification};
use workflow::vocabulary::EffectClass;

/// Answers of calls with effects are kept in the ledger, whose messages are bounded.
const MAX_RECORDED_BYTES: usize = 1 << 20;

/// An API that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum UnusableApi {
    /// An address cannot be used.
    #[error("api {api}")]
    Address {
        /// Its name.
        api: String,
        /// What is wrong.
        #[source]
        source: outbound::InvalidEntry,
    },
    /// No HTTP client.
    #[error("api {api}")]
    Client {
        /// Its name.
        api: String,
        /// What is wrong.
        #[source]
        source: outbound::BuildError,
    },
    /// Its OpenAPI document cannot be used.
    #[error("api {api}: its OpenAPI document")]
    Document {
        /// Its name.
        api: String,
        /// What is wrong.
        #[source]
        source: crate::tools::openapi::UnusableDocument,
    },
    /// Its credentials cannot be used.
    #[error("api {api}")]
    Credentials {
        /// Its name.
        api: String,
        /// What is wrong.
        #[source]
        source: UnusableCredentials,
    },
    /// An endpoint cannot be used.
    #[error("tool {tool_id}")]
    Endpoint {
        /// The tool.
        tool_id: String,
        /// What is wrong.
        #[source]
        source: UnusableEndpoint,
    },
}

/// The endpoints of one API.
///
/// # Errors
/// What makes it unusable.
pub fn offers(api: &ApiConfig, pool: &str) -> Result<Vec<Offer>, UnusableApi> {
    offers_through(&client(api)?, api, pool)
}

/// The same at an address that no operator wrote down: https, public hosts.
///
/// # Errors
/// What makes it unusable.
pub fn public_offers(api: &ApiConfig, pool: &str) -> Result<Vec<Offer>, UnusableApi> {
    let client = Client::new(AllowList::new(Unlisted::PublicHttps), Limits::default());
    let client = client.map_err(|source| UnusableApi::Client {
        api: api.name.clone(),
        source,
    })?;
    offers_through(&client, api, pool)
}

fn offers_through(client: &Client, api: &ApiConfig, pool: &str) -> Result<Vec<Offer>, UnusableApi> {
    let credentials = Credentials::new(&api.base_url, api.auth.as_ref(), &api.headers);
    let credentials = credentials.map_err(|source| UnusableApi::Credentials {
        api: api.name.clone(),
        source,
    })?;
    let offer = |endpoint| offer(api, endpoint, client, &credentials, pool);
    api.endpoints.iter().map(offer).collect()
}

fn client(api: &ApiConfig) -> Result<Client, UnusableApi> {
    let mut allow = AllowList::new(Unlisted::Refused);
    for entry in std::iter::once(&api.base_url).chain(&api.allow_hosts) {
        allow.allow(entry).map_err(|source| UnusableApi::Address {
            api: api.name.clone(),
            source,
        })?;
    }
    Client::new(allow, Limits::default()).map_err(|source| UnusableApi::Client {
        api: api.name.clone(),
        source,
    })
}

fn offer(
    api: &ApiConfig,
    endpoint: &EndpointConfig,
    client: &Client,
    credentials: &Credentials,
    pool: &str,
) -> Result<Offer, UnusableApi> {
    let tool_id = format!("{}.{}", api.name, endpoint.name);
    let class = super::registry::effect_class(endpoint.effects());
    let recorded = class != EffectClass::ReadOnly;
    let bytes = usize::try_from(endpoint.max_response_bytes).unwrap_or(usize::MAX);
    let bytes = if recorded { bytes.min(MAX_RECORDED_BYTES) } else { bytes };
    let unusable = |source| UnusableApi::Endpoint {
        tool_id: tool_id.clone(),
        source,
    };
    let tool = HttpEndpoint {
        credentials: credentials
            .with(&endpoint.headers)
            .map_err(|source| UnusableApi::Credentials {
                api: tool_id.clone(),
                source,
            })?,
        client: client.with_max_response_bytes(bytes),
        requests: RequestMaker::new(api, endpoint).map_err(unusable)?,
        answers: Answers::new(endpoint).map_err(unusable)?,
        class,
        lookup: endpoint.lookup.clone(),
        pagination: endpoint.pagination.clone(),
        max_bytes: bytes,
        target: format!("{tool_id} {} {}", endpoint.method.as_str(), api.base_url),
        timeout: Duration::from_secs_f64(endpoint.timeout_seconds),
        key_ttl: Duration::from_secs_f64(endpoint.key_ttl_seconds),
    };
    let spec = ToolSpecification {
        name: format!("{} {}", api.name, endpoint.name),
        description: endpoint.description.clone(),
        category: endpoint.category.clone(),
        input_schema: endpoint.input_schema.clone(),
        output_schema: endpoint.output_schema.clone(),
        estimated_cost: None,
        estimated_duration: None,
        requires_approval: endpoint.requires_approval,
        source: ToolSource::Api,
        effects: class,
        retry: super::registry::retry(&endpoint.retry),
        timeout_seconds: endpoint.timeout_seconds,
        pool: pool.to_owned(),
        binding_hash: None,
        foreign: false,
        tool_id,
    };
    Ok(Offer {
        spec,
        tool: Arc::new(tool),
    })
}

struct HttpEndpoint {
    client: Client,
    credentials: Credentials,
    requests: RequestMaker,
    answers: Answers,
    class: EffectClass,
    lookup: Option<LookupConfig>,
    pagination: Option<PaginationConfig>,
    max_bytes: usize,
    target: String,
    timeout: Duration,
    key_ttl: Duration,
}

#[async_trait]
impl Tool for HttpEndpoint {
    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        let output = self.output(call).await;
        let redactor = self.credentials.redactor();
        let output = output.map(|output| Output::free(redactor.text(output.to_string())));
        output.map_err(|stop| redactor.stop(stop))
    }
}

impl HttpEndpoint {
    async fn output(&self, call: Call<'_>) -> Result<Value, Stop> {
        let frozen = self.requests.make(&call.arguments)?;
        let sender = HttpSender {
            client: &self.client,
            requests: &self.requests,
            credentials: &self.credentials,
            class: self.class,
            lookup: self.lookup.as_ref(),
        };
        if self.class == EffectClass::ReadOnly {
            return Ok(self.read(&sender, frozen, give_up_at(call.run.deadline())).await?);
        }
        let intent = Intent {
            class: self.class,
            target: self.target.clone(),
            tool_id: String::new(),
            request_json: frozen.to_json(),
            send_within: self.timeout,
            key_ttl: self.key_ttl,
        };
        let answer = perform(call.run, &intent, &sender).await?;
        Ok(self.answers.output(&answer, false)?)
    }

    async fn read(&self, sender: &HttpSender<'_>, frozen: FrozenRequest, end: Instant) -> Result<Value, RunFailure> {
        if let Some(pagination) = &self.pagination {
            let items = all_items(sender, pagination, &self.answers, frozen, self.max_bytes, end).await?;
            return self.answers.checked(items);
        }
        let response = sender.read(&frozen, Redirects::Followed, end).await?;
        self.answers
            .output(&recorded(&response, self.credentials.redactor()), true)
    }
}
