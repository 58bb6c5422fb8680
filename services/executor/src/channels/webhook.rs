//! Channels of kind `webhook`: a POST with Standard Webhooks headers.

use super::frozen_content::FrozenContent;
use super::{Channel, Publication, Reason};
use crate::deliverable::Deliverable;
use crate::effects::{EffectPort, Intent, Licensed, Sender, Sent, Stop, perform};
use crate::failure::RunFailure;
use crate::signing::{self, SigningError};
use crate::tools::http_endpoint::{Verdict, ended, judge, refusal};
use async_trait::async_trait;
use outbound::{AllowList, Client, HeaderValue, Limits, Method, Request, Unlisted, Url, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::config::{ChannelConfig, Secret};
use std::time::Duration;
use tokio::time::Instant;
use workflow::ids::TaskId;
use workflow::vocabulary::EffectClass;

/// What a receiver says is not read beyond this.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Posts to one receiver.
pub struct Webhook {
    client: Client,
    url: Url,
    secrets: Vec<Secret>,
    class: EffectClass,
    timeout: Duration,
    key_ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct FrozenPost {
    url: String,
    /// Unix seconds; a resend carries the first one's, so that all arrivals of a key are the same.
    timestamp: i64,
    content: FrozenContent,
}

impl Webhook {
    pub(crate) fn open(channel: &ChannelConfig) -> Result<Self, Reason> {
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(channel.url())?;
        let limits = Limits {
            max_response_bytes: MAX_ANSWER_BYTES,
            ..Limits::default()
        };
        if let Some(secret) = &channel.secret {
            signing::check(secret)?;
        }
        Ok(Self {
            client: Client::new(allow, limits)?,
            url: Url::parse(channel.url()).map_err(|_| Reason::Url)?,
            secrets: channel.secret.iter().cloned().collect(),
            class: super::class(channel),
            timeout: Duration::from_secs_f64(channel.timeout_seconds),
            key_ttl: Duration::from_secs_f64(channel.key_ttl_seconds),
        })
    }
}

#[async_trait]
impl Channel for Webhook {
    async fn publish(&self, publication: Publication<'_>, run: &dyn EffectPort) -> Result<String, Stop> {
        let deliverable = publication.deliverable;
        let timestamp = publication.now.timestamp();
        let frozen = FrozenPost {
            url: self.url.to_string(),
            timestamp,
            content: FrozenContent::freeze(&body(publication.task, timestamp, deliverable)),
        };
        let intent = Intent {
            class: self.class,
            target: format!("{} {}", deliverable.channel, self.url.origin().ascii_serialization()),
            tool_id: String::new(),
            request_json: json!(frozen).to_string(),
            send_within: self.timeout,
            key_ttl: self.key_ttl,
        };
        let sender = Post {
            webhook: self,
            task: publication.task,
            deliverable,
        };
        let answer = perform(run, &intent, &sender).await?;
        Ok(super::location(&answer))
    }
}

fn body(task: TaskId, timestamp: i64, deliverable: &Deliverable) -> String {
    json!({
        "type": "deliverable.published",
        "timestamp": service::clock::rfc3339(timestamp.saturating_mul(1000)),
        "data": {
            "task_id": task,
            "channel": deliverable.channel,
            "title": deliverable.title,
            "content": deliverable.content,
            "content_type": deliverable.content_type,
            "content_hash": deliverable.content_hash,
        },
    })
    .to_string()
}

struct Post<'a> {
    webhook: &'a Webhook,
    task: TaskId,
    deliverable: &'a Deliverable,
}

impl Post<'_> {
    fn request(&self, licensed: &Licensed) -> Result<Request, RunFailure> {
        let frozen: FrozenPost = serde_json::from_str(&licensed.request_json).map_err(|_| unusable("request"))?;
        let url = Url::parse(&frozen.url).map_err(|_| unusable("url"))?;
        let body = frozen
            .content
            .thaw(|| body(self.task, frozen.timestamp, self.deliverable))?;
        let left = licensed.send_before.saturating_duration_since(Instant::now());
        let mut headers = signing::headers(&licensed.key, frozen.timestamp, &body, &self.webhook.secrets)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Request {
            headers,
            body: body.into(),
            ..Request::new(Method::POST, url, left.min(self.webhook.timeout))
        })
    }
}

impl From<SigningError> for RunFailure {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Unreadable(source) => Self::transient("secret", source.to_string()),
            SigningError::Id | SigningError::Form => unusable("secret"),
        }
    }
}

/// A query may hold a token, and the location is told to everybody.
fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.into()
}

fn unusable(what: &str) -> RunFailure {
    RunFailure::permanent("effect_request", format!("the {what} cannot be used"))
}

#[async_trait]
impl Sender for Post<'_> {
    async fn send(&self, licensed: &Licensed) -> Sent {
        let request = match self.request(licensed) {
            Ok(request) => request,
            Err(failure) => return Sent::NotDone(failure),
        };
        let location = without_query(&request.url);
        let keyed = self.webhook.class == EffectClass::Keyed;
        match self.webhook.client.send(request).await {
            Ok(response) => match judge(response.status, keyed) {
                Verdict::Done => Sent::Confirmed(json!({"status": response.status.as_u16(), "location": location})),
                Verdict::No => Sent::Refused(refusal(&response)),
                Verdict::NotDone => Sent::NotDone(refusal(&response)),
                Verdict::Unclear => Sent::Unclear(refusal(&response)),
            },
            Err(error) => match ended(error) {
                Sent::Confirmed(_) => Sent::Confirmed(json!({"location": location})),
                sent => sent,
            },
        }
    }
}
