//! Talking to the one address of a provider.

use super::ServingError;
use anyhow::Context as _;
use bytes::Bytes;
use futures::stream;
use outbound::{
    AllowList, Client, HeaderMap, HeaderValue, Limits, Method, OutboundError, Request, Response, Unlisted, Url, header,
};
use serde_json::Value;
use service::config::ProviderConfig;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const PATIENCE: Duration = Duration::from_secs(30);
/// To load, or take in, what is large.
const LONG: Duration = Duration::from_secs(2 * 3600);
const MOST_ANSWER: usize = 8 << 20;
const PIECE: usize = 1 << 20;
/// Characters of its own words that are passed on.
const WORDS: usize = 300;

/// A provider's address.
pub struct Server {
    client: Client,
    /// What OpenAI's paths begin with, no slash at the end.
    base: String,
    /// What its own paths begin with.
    root: String,
    headers: HeaderMap,
    /// As configured.
    pub name: String,
}

/// Where a path begins.
#[derive(Clone, Copy)]
pub enum At {
    /// Beside OpenAI's.
    Base,
    /// At the root of the server.
    Root,
}

impl Server {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// A key that is not there, an address that is none.
    pub fn open(name: &str, provider: &ProviderConfig) -> anyhow::Result<Self> {
        let base = provider.base_url.as_deref().context("it has no base_url")?;
        let base = base.trim_end_matches('/').to_owned();
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(&base)?;
        let limits = Limits {
            max_response_bytes: MOST_ANSWER,
            ..Limits::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &provider.api_key {
            let key = key.resolve().context("its key cannot be read")?;
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).context("its key is no header")?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(Self {
            client: Client::new(allow, limits)?,
            root: base.strip_suffix("/v1").unwrap_or(&base).to_owned(),
            base,
            headers,
            name: name.to_owned(),
        })
    }

    /// An answer to GET; null where it is no JSON.
    pub async fn get(&self, at: At, path: &str) -> Result<Value, ServingError> {
        let request = self.request(Method::GET, at, path, PATIENCE)?;
        self.read(self.client.send(request).await)
    }

    /// An answer to a document.
    pub async fn send(&self, method: Method, at: At, path: &str, body: &Value) -> Result<Value, ServingError> {
        let mut request = self.request(method, at, path, LONG)?;
        request.body = body.to_string().into();
        self.read(self.client.send(request).await)
    }

    /// Whether there is something at a path.
    pub async fn has(&self, at: At, path: &str) -> Result<bool, ServingError> {
        let request = self.request(Method::HEAD, at, path, PATIENCE)?;
        match self.client.send(request).await {
            Ok(answer) if answer.status.as_u16() == 404 => Ok(false),
            answer => self.read(answer).map(|_| true),
        }
    }

    /// Sends a file, a piece at a time.
    pub async fn send_file(&self, at: At, path: &str, file: &Path) -> Result<Value, ServingError> {
        let mut request = self.request(Method::POST, at, path, LONG)?;
        request.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        let unreadable = |error| ServingError::Away(format!("the file cannot be read: {error}"));
        let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let size = opened.metadata().await.map_err(unreadable)?.len();
        let pieces = stream::try_unfold(opened, |mut file| async move {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
        });
        self.read(self.client.upload(request, size, pieces).await)
    }

    fn request(&self, method: Method, at: At, path: &str, timeout: Duration) -> Result<Request, ServingError> {
        let begins = match at {
            At::Base => &self.base,
            At::Root => &self.root,
        };
        let url = Url::parse(&format!("{begins}{path}"));
        let url = url.map_err(|error| ServingError::Refused(format!("{}: {error}", self.name)))?;
        let mut request = Request::new(method, url, timeout);
        request.headers = self.headers.clone();
        Ok(request)
    }

    fn read(&self, answer: Result<Response, OutboundError>) -> Result<Value, ServingError> {
        let answer = answer.map_err(|error| {
            let told = format!("{} does not answer: {error}", self.name);
            match error.retryable() {
                true => ServingError::Away(told),
                false => ServingError::Refused(told),
            }
        })?;
        if answer.status.is_success() {
            return Ok(serde_json::from_slice(&answer.body).unwrap_or_default());
        }
        let told = format!("{} answers {}: {}", self.name, answer.status, words(&answer.body));
        Err(match answer.status.as_u16() {
            408 | 425 | 429 | 500..=599 => ServingError::Away(told),
            _ => ServingError::Refused(told),
        })
    }
}

/// Names of a list in OpenAI's form.
pub fn ids(list: &Value) -> Vec<String> {
    let entries = list.get("data").and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.get("id")?.as_str()?.to_owned()))
        .collect()
}

/// The message within an error's body, wherever servers put it.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
    let places = ["/error/message", "/error", "/message", "/detail"];
    let found = places.iter().find_map(|place| parsed.pointer(place)?.as_str());
    found.unwrap_or(&text).chars().take(WORDS).collect()
}
