//! Tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4).

use super::{Redactor, UnusableCredentials, resolve, sensitive};
use crate::failure::RunFailure;
use crate::template::percent_encode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outbound::{AllowList, Client, HeaderValue, Limits, Method, Request, Response, Unlisted, Url, header};
use serde::Deserialize;
use service::config::{AuthConfig, ClientAuth, Secret};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A token is short.
const MAX_ANSWER_BYTES: usize = 64 << 10;
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a token whose server does not tell.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// A token is renewed so long before its end, or at half its life if that is later.
const MARGIN: Duration = Duration::from_secs(30);
/// Callers that waited for a fetch which failed share its failure, and the server is left alone for so long.
const FAILURE_KEPT: Duration = Duration::from_secs(1);

/// Fetches tokens, one at a time, and keeps the last.
pub(super) struct TokenSource {
    client: Client,
    url: Url,
    client_id: String,
    client_secret: Secret,
    client_auth: ClientAuth,
    scopes: String,
    audience: Option<String>,
    redactor: Redactor,
    current: Mutex<Current>,
}

enum Current {
    Nothing,
    Token { token: String, until: Instant },
    Failed { failure: RunFailure, until: Instant },
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<f64>,
}

impl TokenSource {
    pub(super) fn new(
        config: &AuthConfig,
        token_url: &str,
        client_id: &str,
        client_secret: &Secret,
        redactor: Redactor,
    ) -> Result<Self, UnusableCredentials> {
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(token_url)?;
        let limits = Limits {
            max_response_bytes: MAX_ANSWER_BYTES,
            ..Limits::default()
        };
        Ok(Self {
            client: Client::new(allow, limits)?,
            url: Url::parse(token_url).map_err(|_| UnusableCredentials::Url(token_url.to_owned()))?,
            client_id: client_id.to_owned(),
            client_secret: client_secret.clone(),
            client_auth: config.client_auth,
            scopes: config.scopes.join(" "),
            audience: config.audience.clone(),
            redactor,
            current: Mutex::new(Current::Nothing),
        })
    }

    /// The token of now. Whoever asks while one is being fetched waits for it.
    pub(super) async fn token(&self) -> Result<String, RunFailure> {
        let mut current = self.current.lock().await;
        match &*current {
            Current::Token { token, until } if Instant::now() < *until => return Ok(token.clone()),
            Current::Failed { failure, until } if Instant::now() < *until => return Err(failure.clone()),
            Current::Nothing | Current::Token { .. } | Current::Failed { .. } => {}
        }
        match self.fetch().await {
            Ok((token, lifetime)) => {
                *current = Current::Token {
                    token: token.clone(),
                    until: Instant::now() + lifetime.saturating_sub(MARGIN).max(lifetime / 2),
                };
                Ok(token)
            }
            Err(failure) => {
                *current = Current::Failed {
                    failure: failure.clone(),
                    until: Instant::now() + FAILURE_KEPT,
                };
                Err(failure)
            }
        }
    }

    /// The server refused this token; one that was fetched since is kept.
    pub(super) async fn forget(&self, refused: &str) {
        let mut current = self.current.lock().await;
        if matches!(&*current, Current::Token { token, .. } if token == refused) {
            *current = Current::Nothing;
        }
    }

    async fn fetch(&self) -> Result<(String, Duration), RunFailure> {
        let response = self.client.send(self.request()?).await.map_err(|error| RunFailure {
            retryable: error.retryable(),
            ..RunFailure::permanent(error.code(), format!("no token: {error}"))
        })?;
        if !response.status.is_success() {
            return Err(refusal(&response));
        }
        let answer: TokenAnswer =
            serde_json::from_slice(&response.body).map_err(|_| unusable("its answer holds no token"))?;
        if answer
            .token_type
            .is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer"))
        {
            return Err(unusable("its tokens are no bearer tokens"));
        }
        self.redactor.learn(&answer.access_token);
        let lifetime = answer.expires_in.map(|seconds| seconds.clamp(0.0, 86_400.0));
        let lifetime = lifetime.map_or(DEFAULT_LIFETIME, Duration::from_secs_f64);
        Ok((answer.access_token, lifetime))
    }

    fn request(&self) -> Result<Request, RunFailure> {
        let secret = resolve(&self.client_secret)?;
        self.redactor.learn(&secret);
        let mut request = Request::new(Method::POST, self.url.clone(), FETCH_TIMEOUT);
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(header::CONTENT_TYPE, form_type);
        let json = HeaderValue::from_static("application/json");
        request.headers.insert(header::ACCEPT, json);
        let mut form = vec![("grant_type", "client_credentials")];
        if !self.scopes.is_empty() {
            form.push(("scope", &self.scopes));
        }
        form.extend(self.audience.as_deref().map(|audience| ("audience", audience)));
        match self.client_auth {
            ClientAuth::Basic => {
                let pair = format!("{}:{}", percent_encode(&self.client_id), percent_encode(&secret));
                let pair = STANDARD.encode(pair);
                self.redactor.learn(&pair);
                request
                    .headers
                    .insert(header::AUTHORIZATION, sensitive(&format!("Basic {pair}"))?);
            }
            ClientAuth::Body => form.extend([("client_id", self.client_id.as_str()), ("client_secret", &secret)]),
        }
        let fields = form
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encode(value)));
        request.body = fields.collect::<Vec<_>>().join("&").into();
        Ok(request)
    }
}

/// Tells the error's code, which is a word of the standard, and nothing else of the answer.
fn refusal(response: &Response) -> RunFailure {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let told = serde_json::from_slice::<Refusal>(&response.body).ok();
    let told = told.map(|told| told.error).filter(|error| is_word(error));
    let message = format!("it answered {} {}", response.status.as_u16(), told.unwrap_or_default());
    RunFailure {
        retryable: response.status.as_u16() == 429 || response.status.is_server_error(),
        retry_after_seconds: response.retry_after_seconds(),
        ..unusable(message.trim_end())
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn unusable(what: &str) -> RunFailure {
    RunFailure::permanent("tool_credentials", format!("the server of tokens gave none: {what}"))
}
