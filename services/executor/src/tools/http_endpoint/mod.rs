//! Endpoints of HTTP APIs as tools.

mod answer;
mod request;
mod sending;
#[cfg(test)]
mod tests;

use super::{Call, Offer, Output, Tool};
use crate::effects::{Intent, Stop, perform};
use answer::Answers;
use async_trait::async_trait;
use outbound::{AllowList, Client, Limits, Unlisted};
use request::{RequestMaker, UnusableEndpoint};
use sending::{HttpSender, call_directly};
pub(crate) use sending::{Verdict, ended, judge, refusal};
use service::config::{ApiConfig, EndpointConfig};
use std::sync::Arc;
use std::time::Duration;
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
    let offer = |endpoint| offer(api, endpoint, client, pool);
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

fn offer(api: &ApiConfig, endpoint: &EndpointConfig, client: &Client, pool: &str) -> Result<Offer, UnusableApi> {
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
        client: client.with_max_response_bytes(bytes),
        requests: RequestMaker::new(api, endpoint).map_err(unusable)?,
        answers: Answers::new(endpoint).map_err(unusable)?,
        class,
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
        tool_id,
    };
    Ok(Offer {
        spec,
        tool: Arc::new(tool),
    })
}

struct HttpEndpoint {
    client: Client,
    requests: RequestMaker,
    answers: Answers,
    class: EffectClass,
    target: String,
    timeout: Duration,
    key_ttl: Duration,
}

#[async_trait]
impl Tool for HttpEndpoint {
    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        let frozen = self.requests.make(&call.arguments)?;
        let sender = HttpSender {
            client: &self.client,
            requests: &self.requests,
            keyed: self.class == EffectClass::Keyed,
        };
        let answer = if self.class == EffectClass::ReadOnly {
            call_directly(&sender, &frozen, give_up_at(call.run.deadline())).await?
        } else {
            let intent = Intent {
                class: self.class,
                target: self.target.clone(),
                request_json: frozen.to_json(),
                send_within: self.timeout,
                key_ttl: self.key_ttl,
            };
            perform(call.run, &intent, &sender).await?
        };
        let output = self.answers.output(&answer, self.class == EffectClass::ReadOnly)?;
        Ok(Output::free(output.to_string()))
    }
}
