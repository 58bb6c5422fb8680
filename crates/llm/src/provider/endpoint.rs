//! A provider's address, and calling it.

use super::retry_after::retry_after;
use super::{Completion, Exchange, Fault, FaultKind, Form, Protocol, events, text};
use outbound::{Client, HeaderMap, HeaderValue, Method, OutboundError, Pace, Request, Streaming, Url, header};
use serde_json::Value;
use std::time::Duration;

/// Bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 * 1024;

/// How a provider is reached.
pub(crate) struct Endpoint {
    client: Client,
    protocol: Box<dyn Protocol>,
    reach: Reach,
}

/// What an endpoint is made of.
pub(crate) struct Reach {
    /// Where calls go.
    pub(crate) url: Url,
    /// Sent with each; the credential among them.
    pub(crate) headers: HeaderMap,
    /// The credential, to keep it out of what is told.
    pub(crate) key: Option<String>,
    /// For a whole call.
    pub(crate) timeout: Duration,
    /// For silence.
    pub(crate) pace: Pace,
    /// The clock.
    pub(crate) unix_ms: fn() -> i64,
}

impl Endpoint {
    pub(crate) fn new(client: Client, protocol: Box<dyn Protocol>, mut reach: Reach) -> Self {
        let json = HeaderValue::from_static("application/json");
        reach.headers.insert(header::CONTENT_TYPE, json);
        let either = HeaderValue::from_static("text/event-stream, application/json");
        reach.headers.insert(header::ACCEPT, either);
        Self {
            client,
            protocol,
            reach,
        }
    }

    pub(crate) fn forms(&self) -> &'static [Form] {
        self.protocol.forms()
    }

    /// For telemetry.
    pub(crate) fn host(&self) -> &str {
        self.reach.url.host_str().unwrap_or_default()
    }

    /// Makes one call. Dropping the future closes the connection.
    pub(crate) async fn call(&self, exchange: &Exchange<'_>) -> Result<Completion, Fault> {
        let outcome = self.exchange(exchange).await;
        outcome.map_err(|fault| fault.presentable(self.reach.key.as_deref()))
    }

    async fn exchange(&self, exchange: &Exchange<'_>) -> Result<Completion, Fault> {
        let mut request = Request::new(Method::POST, self.reach.url.clone(), self.reach.timeout);
        request.headers = self.reach.headers.clone();
        request.body = self.protocol.request(exchange).to_string().into();
        let answer = self.client.stream(request, self.reach.pace).await;
        let mut answer = answer.map_err(|error| self.fault(&error))?;
        if !answer.status.is_success() {
            return Err(self.refusal(exchange, answer).await);
        }
        let whole = if is_stream(&answer.headers) {
            events::assemble(answer, self.protocol.assembler(), |error| self.fault(error)).await?
        } else {
            let body = answer.rest().await.map_err(|error| self.fault(&error))?;
            serde_json::from_slice(&body).map_err(|error| Fault::broken(&format!("the answer is no JSON: {error}")))?
        };
        self.protocol.completion(exchange, &whole)
    }

    fn fault(&self, error: &OutboundError) -> Fault {
        Fault::of_outbound(error, self.reach.timeout)
    }

    async fn refusal(&self, exchange: &Exchange<'_>, mut answer: Streaming) -> Fault {
        let pause = retry_after(&answer.headers, (self.reach.unix_ms)());
        let mut body = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() > ERROR_BYTES {
                break;
            }
        }
        let body = String::from_utf8_lossy(&body);
        let words = words_of(&body);
        let mut fault = Fault::of_status(answer.status, &words, pause);
        if let Some(kind) = unknown(exchange, answer.status.as_u16(), &words) {
            fault.kind = kind;
        }
        fault
    }
}

/// What of the request the server does not know; none: it refuses for another reason.
fn unknown(exchange: &Exchange<'_>, status: u16, words: &str) -> Option<FaultKind> {
    let lower = words.to_lowercase();
    if status == 400 && lower.contains("max_completion_tokens") {
        return Some(FaultKind::BoundUnknown);
    }
    let structured = exchange.schema.is_some() && exchange.form != Form::Prompt;
    let about_else = [
        "context length",
        "context_length",
        "context window",
        "too long",
        "too large",
        "api key",
    ]
    .iter()
    .any(|other| lower.contains(other))
        || lower.contains("model")
            && ["not found", "does not exist", "not exist"]
                .iter()
                .any(|other| lower.contains(other));
    let may_be = match status {
        400 | 404 | 422 => !about_else,
        // llama-cpp-python answers so where the format is of a type it does not know.
        500 => lower.contains("response_format"),
        _ => false,
    };
    (structured && may_be).then_some(FaultKind::FormUnknown)
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("event-stream"))
}

/// The message within an error's body, wherever servers put it.
pub(crate) fn words_of(body: &str) -> String {
    let Ok(parsed) = serde_json::from_str::<Value>(body) else {
        return body.to_owned();
    };
    let error = parsed.get("error").unwrap_or(&parsed);
    let words = [
        error.as_str().unwrap_or_default(),
        text(error, "message"),
        text(error, "detail"),
    ];
    let found = words.into_iter().find(|words| !words.is_empty());
    found.map_or_else(|| body.to_owned(), str::to_owned)
}
