//! Sending an endpoint's request, and what its answer means for the effect.

use super::lookup::look_up;
use super::request::{FrozenRequest, RequestMaker};
use crate::credentials::{Credentials, Redactor};
use crate::effects::{Licensed, Looked, Sender, Sent};
use crate::failure::RunFailure;
use async_trait::async_trait;
use outbound::{
    Client, Failure, HeaderMap, HeaderName, HeaderValue, Method, OutboundError, Redirects, Request, RequestSent,
    Response, StatusCode, Url,
};
use serde_json::{Value, json};
use service::config::LookupConfig;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use workflow::vocabulary::EffectClass;

/// Sends requests of one endpoint.
pub struct HttpSender<'a> {
    pub client: &'a Client,
    pub requests: &'a RequestMaker,
    pub credentials: &'a Credentials,
    /// What repeating a call does.
    pub class: EffectClass,
    /// How to find out whether a call did its work.
    pub lookup: Option<&'a LookupConfig>,
}

/// Why there is no answer.
pub enum Unanswered {
    /// It was not sent.
    Unsent(RunFailure),
    /// The call ended without one.
    Ended(OutboundError),
}

impl Unanswered {
    /// As the run's end.
    pub fn failure(self) -> RunFailure {
        match self {
            Self::Unsent(failure) => failure,
            Self::Ended(error) => failure_of(error),
        }
    }
}

impl HttpSender<'_> {
    /// A call that may be repeated freely: no ledger.
    ///
    /// # Errors
    /// Whatever is no success.
    pub async fn read(
        &self,
        frozen: &FrozenRequest,
        redirects: Redirects,
        end: Instant,
    ) -> Result<Response, RunFailure> {
        let answered = self.exchange(frozen, None, redirects, end).await;
        let response = answered.map_err(Unanswered::failure)?;
        match judge(response.status, false) {
            Verdict::Done => Ok(response),
            Verdict::No | Verdict::NotDone | Verdict::Unclear => Err(refusal(&response)),
        }
    }

    /// Sends it; after a 401, when nothing happened, once more with a new token.
    pub async fn exchange(
        &self,
        frozen: &FrozenRequest,
        key: Option<&str>,
        redirects: Redirects,
        end: Instant,
    ) -> Result<Response, Unanswered> {
        let request = self.request(frozen, key, redirects, end).await?;
        let sent = request.headers.clone();
        let response = self.client.send(request).await.map_err(Unanswered::Ended)?;
        if response.status == StatusCode::UNAUTHORIZED && self.credentials.refused(&sent).await {
            let request = self.request(frozen, key, redirects, end).await?;
            return self.client.send(request).await.map_err(Unanswered::Ended);
        }
        Ok(response)
    }

    async fn request(
        &self,
        frozen: &FrozenRequest,
        key: Option<&str>,
        redirects: Redirects,
        end: Instant,
    ) -> Result<Request, Unanswered> {
        let mut request = self.without_credentials(frozen, key).map_err(Unanswered::Unsent)?;
        request.redirects = redirects;
        let late = || {
            Unanswered::Unsent(RunFailure::transient(
                "tool_timeout",
                "there was no time left to send it",
            ))
        };
        let secret = timeout_at(end, self.credentials.headers(&request.url)).await;
        request
            .headers
            .extend(secret.map_err(|_| late())?.map_err(Unanswered::Unsent)?);
        request.timeout = end.saturating_duration_since(Instant::now());
        if request.timeout.is_zero() {
            return Err(late());
        }
        Ok(request)
    }

    fn without_credentials(&self, frozen: &FrozenRequest, key: Option<&str>) -> Result<Request, RunFailure> {
        let broken = || RunFailure::permanent("tool_bad_arguments", "the request cannot be sent as it stands");
        let method = Method::from_bytes(frozen.method.as_bytes()).map_err(|_| broken())?;
        let url = Url::parse(&frozen.url).map_err(|_| broken())?;
        let mut headers: HeaderMap = self.requests.fixed_headers().clone();
        for (name, value) in &frozen.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken())?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| broken())?);
        }
        if let Some(key) = key {
            headers.insert("idempotency-key", HeaderValue::from_str(key).map_err(|_| broken())?);
        }
        Ok(Request {
            headers,
            body: frozen.body.clone().unwrap_or_default().into(),
            ..Request::new(method, url, Duration::ZERO)
        })
    }
}

#[async_trait]
impl Sender for HttpSender<'_> {
    async fn send(&self, licensed: &Licensed) -> Sent {
        let Ok(frozen) = serde_json::from_str::<FrozenRequest>(&licensed.request_json) else {
            let message = "the frozen request cannot be read";
            return Sent::NotDone(RunFailure::permanent("effect_request", message));
        };
        let keyed = self.class == EffectClass::Keyed;
        // Who can be asked about a call may know it by its key.
        let key = (keyed || self.class == EffectClass::Queryable).then_some(licensed.key.as_str());
        let end = licensed.send_before;
        match self.exchange(&frozen, key, Redirects::Returned, end).await {
            Ok(response) => match judge(response.status, keyed) {
                Verdict::Done => Sent::Confirmed(recorded(&response, self.credentials.redactor())),
                Verdict::No => Sent::Refused(refusal(&response)),
                Verdict::NotDone => Sent::NotDone(refusal(&response)),
                Verdict::Unclear => Sent::Unclear(refusal(&response)),
            },
            Err(Unanswered::Unsent(failure)) => Sent::NotDone(failure),
            Err(Unanswered::Ended(error)) => ended(error),
        }
    }

    async fn look_up(&self, licensed: &Licensed) -> Looked {
        let frozen = serde_json::from_str::<FrozenRequest>(&licensed.request_json);
        match (frozen, self.lookup) {
            (Ok(frozen), Some(lookup)) => look_up(self, lookup, &frozen, licensed).await,
            (Err(_), _) | (_, None) => {
                let message = "there is no way to look it up";
                Looked::Unclear(RunFailure::permanent("effect_lookup", message))
            }
        }
    }
}

/// A sending without an answer.
pub fn ended(error: OutboundError) -> Sent {
    match (&error.failure, error.request_sent) {
        // The head said that it was done; only the body is of no use.
        (Failure::ResponseTooLarge { status, .. }, _) if status.is_success() => {
            Sent::Confirmed(json!({"status": status.as_u16(), "too_large": true}))
        }
        (_, RequestSent::No) => Sent::NotDone(failure_of(error)),
        (_, RequestSent::Maybe) => Sent::Unclear(failure_of(error)),
    }
}

/// What a status says about the effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It happened.
    Done,
    /// It did not happen, and will not.
    No,
    /// It did not happen this time.
    NotDone,
    /// It may have happened.
    Unclear,
}

/// Judges a status. A conflict under a key may be the echo of an earlier sending that arrived, and many servers answer
/// what they have done by leading away from it.
pub fn judge(status: StatusCode, keyed: bool) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Done,
        409 if keyed => Verdict::Unclear,
        425 | 429 => Verdict::NotDone,
        301..=303 | 408 => Verdict::Unclear,
        300..=499 => Verdict::No,
        _ => Verdict::Unclear,
    }
}

/// The failure an answer that is no success stands for.
pub fn refusal(response: &Response) -> RunFailure {
    let status = response.status.as_u16();
    let message = format!("the receiver answered {status}");
    let later = matches!(status, 408 | 409 | 425 | 429 | 500..);
    RunFailure {
        retryable: later && status != 409,
        retry_after_seconds: response.retry_after_seconds().filter(|_| later),
        ..RunFailure::permanent(if later { "tool_unavailable" } else { "tool_rejected" }, message)
    }
}

/// The failure a call without answer stands for.
pub fn failure_of(error: OutboundError) -> RunFailure {
    RunFailure {
        retryable: error.retryable(),
        ..RunFailure::permanent(error.code(), error.to_string())
    }
}

/// The answer as the ledger keeps it.
pub fn recorded(response: &Response, redactor: &Redactor) -> Value {
    let body = String::from_utf8_lossy(&response.body).into_owned();
    json!({"status": response.status.as_u16(), "body": redactor.body(body)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_says_no_means_that_nothing_happened() {
        for (status, keyed, verdict) in [
            (204, false, Verdict::Done),
            (301, false, Verdict::Unclear),
            (303, true, Verdict::Unclear),
            (307, false, Verdict::No),
            (404, false, Verdict::No),
            (408, false, Verdict::Unclear),
            (409, false, Verdict::No),
            (409, true, Verdict::Unclear),
            (429, false, Verdict::NotDone),
            (500, false, Verdict::Unclear),
        ] {
            assert_eq!(judge(StatusCode::from_u16(status).unwrap(), keyed), verdict, "{status}");
        }
    }
}
