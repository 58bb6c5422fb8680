//! Channels of kind `http`: a blog's or network's own API, called by template.

use super::frozen_content::FrozenContent;
use super::{Channel, Publication, Reason};
use crate::credentials::Credentials;
use crate::effects::{EffectPort, Intent, Licensed, Looked, Sender, Sent, Stop, perform};
use crate::failure::RunFailure;
use crate::tools::http_endpoint::{
    FrozenRequest, HttpSender, KEY_PLACE, RequestMaker, Unanswered, Verdict, ended, judge, look_up, refusal,
};
use async_trait::async_trait;
use outbound::{AllowList, Client, Limits, Redirects, Response, StatusCode, Unlisted};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service::config::{ApiConfig, ChannelConfig, EndpointConfig, LookupConfig};
use std::time::Duration;
use workflow::vocabulary::EffectClass;

/// What a receiver says is not read beyond this.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Calls one API.
pub struct Http {
    client: Client,
    credentials: Credentials,
    requests: RequestMaker,
    lookup: Option<LookupConfig>,
    config: ChannelConfig,
    class: EffectClass,
}

#[derive(Serialize, Deserialize)]
struct FrozenPost {
    /// Without its body.
    request: FrozenRequest,
    content: FrozenContent,
}

impl Http {
    pub(crate) fn open(channel: &ChannelConfig) -> Result<Self, Reason> {
        let (origin, path) = channel.target();
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(origin)?;
        let limits = Limits {
            max_response_bytes: MAX_ANSWER_BYTES,
            ..Limits::default()
        };
        let lookup = channel.probe.as_ref().map(|probe| LookupConfig {
            path: rooted(channel.probe_path().unwrap_or_default()),
            query: Default::default(),
            done: probe.found.clone(),
            answer_pointer: None,
        });
        let endpoint = EndpointConfig {
            method: channel.method,
            path: rooted(path),
            body: channel.body.clone(),
            lookup: lookup.clone(),
            ..EndpointConfig::default()
        };
        let api = ApiConfig::new(&channel.name, origin, channel.headers.clone());
        Ok(Self {
            client: Client::new(allow, limits)?,
            credentials: Credentials::new(origin, channel.auth.as_ref(), &channel.headers)?,
            requests: RequestMaker::new(&api, &endpoint)?,
            lookup,
            class: super::class(channel),
            config: channel.clone(),
        })
    }

    /// The request, with the key's place where the key belongs.
    fn make(&self, publication: &Publication<'_>) -> Result<FrozenRequest, RunFailure> {
        let mut made = self.requests.make(&arguments(publication))?;
        if self.class == EffectClass::Keyed {
            let header = self.config.idempotency_header.to_ascii_lowercase();
            made.headers.insert(header, KEY_PLACE.to_owned());
        }
        Ok(made)
    }

    fn sender(&self) -> HttpSender<'_> {
        HttpSender {
            client: &self.client,
            requests: &self.requests,
            credentials: &self.credentials,
            class: self.class,
            lookup: self.lookup.as_ref(),
        }
    }

    fn succeeded(&self, status: StatusCode) -> bool {
        let listed = &self.config.success;
        listed.is_empty() || listed.contains(&status.as_u16())
    }

    fn judge(&self, response: &Response) -> Sent {
        match judge(response.status, self.class == EffectClass::Keyed) {
            Verdict::Done if self.succeeded(response.status) => Sent::Confirmed(self.receipt(response)),
            // Not the answer the operator knows: it may have been done in part, or be another's page.
            Verdict::Done | Verdict::Unclear => Sent::Unclear(refusal(response)),
            Verdict::No => Sent::Refused(refusal(response)),
            Verdict::NotDone => Sent::NotDone(refusal(response)),
        }
    }

    fn receipt(&self, response: &Response) -> Value {
        let named = self.config.location_header.as_deref();
        let header = named.and_then(|name| response.headers.get(name)?.to_str().ok());
        let document = || serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        let location = match (header, &self.config.location_pointer) {
            (Some(text), _) => text.to_owned(),
            (None, Some(pointer)) => text_at(&document(), pointer),
            (None, None) => String::new(),
        };
        json!({"status": response.status.as_u16(), "location": self.shown(&location)})
    }

    fn shown(&self, location: &str) -> String {
        super::shown(location, self.credentials.redactor())
    }
}

#[async_trait]
impl Channel for Http {
    async fn publish(&self, publication: Publication<'_>, run: &dyn EffectPort) -> Result<String, Stop> {
        let mut request = self.make(&publication)?;
        let content = FrozenContent::freeze(&request.body.take().unwrap_or_default());
        let frozen = FrozenPost { request, content };
        let intent = Intent {
            class: self.class,
            target: format!("{} {}", publication.deliverable.channel, self.config.target().0),
            tool_id: String::new(),
            request_json: json!(frozen).to_string(),
            send_within: Duration::from_secs_f64(self.config.timeout_seconds),
            key_ttl: Duration::from_secs_f64(self.config.key_ttl_seconds),
        };
        let posting = Posting {
            http: self,
            publication,
        };
        let answer = perform(run, &intent, &posting).await;
        let answer = answer.map_err(|stop| self.credentials.redactor().stop(stop))?;
        Ok(super::location(&answer))
    }
}

/// What templates know of a publication.
fn arguments(publication: &Publication<'_>) -> Map<String, Value> {
    let deliverable = publication.deliverable;
    [
        ("title", deliverable.title.clone()),
        ("content", deliverable.content.clone()),
        ("content_type", deliverable.content_type.clone()),
        ("content_hash", deliverable.content_hash.clone()),
        ("slug", super::slug::slug(&deliverable.title)),
        ("channel", deliverable.channel.clone()),
        ("task_id", publication.task.to_string()),
        ("key", KEY_PLACE.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .into_iter()
    .collect()
}

fn rooted(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

fn text_at(document: &Value, pointer: &str) -> String {
    match document.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

struct Posting<'a> {
    http: &'a Http,
    publication: Publication<'a>,
}

impl Posting<'_> {
    /// The frozen request with its body, and the key in its places.
    fn thawed(&self, licensed: &Licensed) -> Result<FrozenRequest, RunFailure> {
        let frozen: FrozenPost = serde_json::from_str(&licensed.request_json)
            .map_err(|_| RunFailure::permanent("effect_request", "the frozen request cannot be read"))?;
        let again = || self.http.make(&self.publication).ok().and_then(|made| made.body);
        let body = frozen.content.thaw(|| again().unwrap_or_default())?;
        let keyed = |text: String| text.replace(KEY_PLACE, &licensed.key);
        let FrozenRequest { url, headers, .. } = frozen.request.clone();
        Ok(FrozenRequest {
            url: keyed(url),
            headers: headers.into_iter().map(|(name, value)| (name, keyed(value))).collect(),
            body: Some(keyed(body)).filter(|body| !body.is_empty()),
            ..frozen.request
        })
    }
}

#[async_trait]
impl Sender for Posting<'_> {
    async fn send(&self, licensed: &Licensed) -> Sent {
        let frozen = match self.thawed(licensed) {
            Ok(frozen) => frozen,
            Err(failure) => return Sent::NotDone(failure),
        };
        let sender = self.http.sender();
        let answered = sender.exchange(&frozen, None, Redirects::Returned, licensed.send_before);
        match answered.await {
            Ok(response) => self.http.judge(&response),
            Err(Unanswered::Unsent(failure)) => Sent::NotDone(failure),
            Err(Unanswered::Ended(error)) => ended(error),
        }
    }

    async fn look_up(&self, licensed: &Licensed) -> Looked {
        let (frozen, lookup) = match (self.thawed(licensed), &self.http.lookup) {
            (Ok(frozen), Some(lookup)) => (frozen, lookup),
            (Err(failure), _) => return Looked::Unclear(failure),
            (Ok(_), None) => {
                let message = "there is no way to look it up";
                return Looked::Unclear(RunFailure::permanent("effect_lookup", message));
            }
        };
        match look_up(&self.http.sender(), lookup, &frozen, licensed).await {
            Looked::Found(answer) => {
                let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
                let document: Value = serde_json::from_str(body).unwrap_or_default();
                let probe = self.http.config.probe.as_ref();
                let pointer = probe.and_then(|probe| probe.location_pointer.as_deref());
                let location = pointer.map_or_else(String::new, |pointer| text_at(&document, pointer));
                Looked::Found(json!({"location": self.http.shown(&location), "looked_up": true}))
            }
            other => other,
        }
    }
}
