//! One webhook: where it is, and a post to it.

use super::answer::{Verdict, judge};
use crate::signing::{self, SigningError};
use contracts::coordinator::{EndedNotice, Notice};
use contracts::webhooks::url_hash;
use outbound::{AllowList, Client, HeaderValue, Limits, Method, Request, Unlisted, Url, header};
use service::config::{Secret, WebhookConfig};
use std::time::Duration;

/// What a receiver says is not read beyond this.
const MAX_ANSWER_BYTES: usize = 16 << 10;
/// CloudEvents, structured.
const CONTENT_TYPE: &str = "application/cloudevents+json";

/// A webhook that cannot be posted to.
#[derive(Debug, thiserror::Error)]
#[error("webhook {name} cannot be used")]
pub struct UnusableWebhook {
    name: String,
    #[source]
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Address(#[from] outbound::InvalidEntry),
    #[error("the URL cannot be used")]
    Url,
    #[error(transparent)]
    Client(#[from] outbound::BuildError),
    #[error(transparent)]
    Secret(#[from] SigningError),
}

/// A webhook.
pub struct Receiver {
    pub name: String,
    pub url_hash: String,
    pub timeout: Duration,
    url: Url,
    secrets: Vec<Secret>,
    client: Client,
}

impl Receiver {
    /// Ready to post to.
    ///
    /// # Errors
    /// When nothing could ever be posted.
    pub fn open(config: &WebhookConfig) -> Result<Self, UnusableWebhook> {
        Self::build(config).map_err(|reason| UnusableWebhook {
            name: config.name.clone(),
            reason,
        })
    }

    fn build(config: &WebhookConfig) -> Result<Self, Reason> {
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(&config.url)?;
        let limits = Limits {
            max_response_bytes: MAX_ANSWER_BYTES,
            ..Limits::default()
        };
        for secret in &config.secrets {
            signing::check(secret)?;
        }
        Ok(Self {
            name: config.name.clone(),
            url_hash: url_hash(&config.url),
            timeout: Duration::from_secs_f64(config.timeout_seconds),
            url: Url::parse(&config.url).map_err(|_| Reason::Url)?,
            secrets: config.secrets.clone(),
            client: Client::new(allow, limits)?,
        })
    }

    /// Posts an event and says what became of it.
    pub async fn post(&self, notice: Notice) -> EndedNotice {
        let verdict = match self.request(&notice) {
            Ok(request) => {
                let answer = self.client.send(request).await;
                judge(&answer, service::clock::now_ms())
            }
            Err(error) => Verdict::Failed {
                error: error.to_string(),
                retry_after_seconds: 0.0,
            },
        };
        let (outcome, error, retry_after_seconds) = match verdict {
            Verdict::Delivered => ("delivered", String::new(), 0.0),
            Verdict::Gone => ("gone", String::new(), 0.0),
            Verdict::Failed {
                error,
                retry_after_seconds,
            } => ("failed", error, retry_after_seconds),
        };
        EndedNotice {
            stream_id: notice.stream_id,
            sequence: notice.sequence,
            lease_id: notice.lease_id,
            outcome: outcome.to_owned(),
            error,
            retry_after_seconds,
        }
    }

    /// The time is that of this post; receivers refuse what was signed too long ago.
    fn request(&self, notice: &Notice) -> Result<Request, SigningError> {
        let now = service::clock::now().timestamp();
        let mut headers = signing::headers(&notice.event_id, now, &notice.event_json, &self.secrets)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        Ok(Request {
            headers,
            body: notice.event_json.clone().into(),
            ..Request::new(Method::POST, self.url.clone(), self.timeout)
        })
    }
}
