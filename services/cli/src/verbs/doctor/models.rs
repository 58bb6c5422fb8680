//! Whether each configured model provider can be reached, takes our key, and has the model.

use super::finding::Finding;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::Value;
use service::config::{DEFAULT_PROVIDER, LlmConfig, ProviderKind, Secret};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const OPENAI: &str = "https://api.openai.com/v1";
const ANTHROPIC: &str = "https://api.anthropic.com";
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// Names shown where the wanted one is not among them.
const SHOWN: usize = 8;
/// Of a list of models.
const MAX_ANSWER: usize = 4 << 20;

/// A provider as it is configured.
pub struct Provider {
    /// `llm`, or its name below `llm.providers`.
    pub name: String,
    pub kind: ProviderKind,
    pub base_url: Option<String>,
    pub key: Key,
    /// Models that are asked of it.
    pub models: BTreeSet<String>,
}

/// Its key, resolved.
pub enum Key {
    /// None is configured; local servers need none.
    None,
    Known(String),
    /// Why the reference leads nowhere.
    Missing(String),
}

impl Key {
    fn of(secret: Option<&Secret>) -> Self {
        match secret.map(Secret::resolve) {
            None => Self::None,
            Some(Ok(key)) => Self::Known(key),
            Some(Err(error)) => Self::Missing(error.to_string()),
        }
    }
}

/// Every provider of a configuration, with the models its roles and sizes name.
pub fn configured(llm: &LlmConfig) -> Vec<Provider> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for target in llm.targets() {
        wanted.entry(target.provider).or_default().insert(target.model);
    }
    let default = llm.base_url.as_ref().map(|base_url| Provider {
        name: DEFAULT_PROVIDER.to_owned(),
        kind: ProviderKind::Openai,
        base_url: Some(base_url.clone()),
        key: Key::of(llm.api_key.as_ref()),
        models: llm
            .model
            .iter()
            .cloned()
            .chain(wanted.remove(DEFAULT_PROVIDER).unwrap_or_default())
            .collect(),
    });
    let named = llm.providers.iter().map(|(name, provider)| Provider {
        name: name.clone(),
        kind: provider.kind,
        base_url: provider.base_url.clone(),
        key: Key::of(provider.api_key.as_ref()),
        models: provider
            .model
            .iter()
            .cloned()
            .chain(wanted.remove(name).unwrap_or_default())
            .collect(),
    });
    default.into_iter().chain(named).collect()
}

/// One finding a provider; that the built-in engine answers where there is none.
pub async fn check(llm: &LlmConfig) -> Vec<Finding> {
    let providers = configured(llm);
    if providers.is_empty() {
        return vec![Finding::ok(
            "model",
            "the built-in offline engine answers; no model is configured",
        )];
    }
    futures::future::join_all(providers.iter().map(examine)).await
}

/// Asks a provider for its models: what costs nothing and needs the key.
pub async fn examine(provider: &Provider) -> Finding {
    let name = format!("model {}", provider.name);
    let base = match provider.kind {
        ProviderKind::Offline | ProviderKind::Null => return Finding::ok(name, "built in"),
        ProviderKind::Anthropic => provider.base_url.as_deref().unwrap_or(ANTHROPIC),
        ProviderKind::Openai => provider.base_url.as_deref().unwrap_or(OPENAI),
    };
    if let Key::Missing(why) = &provider.key {
        return Finding::fail(
            name,
            why,
            "set it in the shell that runs `make up`, then: make down && make up",
        );
    }
    let Some(url) = models_url(provider.kind, base) else {
        return Finding::fail(name, "base_url is no address", "write it as http://host:port/v1");
    };
    let place = shown(&url);
    // Services reach models without a proxy too.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        // A key is for the configured host alone.
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let http = match client {
        Ok(http) => http,
        Err(error) => return Finding::fail(name, error.without_url().to_string(), "report this"),
    };
    let request = authenticated(http.get(url), provider);
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return unreachable(&name, &place, error),
    };
    match response.status() {
        status if status.is_success() => match listed(response).await {
            Some(models) => compare(&name, &place, &provider.models, &models),
            None => Finding::warn(
                name,
                format!("{place} answers, but not with a list of models"),
                "look whether base_url ends as the server's manual says, often in /v1",
            ),
        },
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            let (why, fix) = match provider.key {
                Key::None => (
                    "asks for a key",
                    "write api_key = { env = \"NAME\" } beside its base_url",
                ),
                Key::Known(_) | Key::Missing(_) => (
                    "refuses the key",
                    "look whether the key is this server's and still valid",
                ),
            };
            Finding::fail(name, format!("{place} {why} ({status})"), fix)
        }
        status @ (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => Finding::warn(
            name,
            format!("{place} answers {status}: it lists no models, or base_url is not the beginning of its API"),
            "where requests fail too, end base_url as the server's manual says, often in /v1",
        ),
        status if status.is_redirection() => Finding::fail(
            name,
            format!("{place} answers {status}: it leads elsewhere, where no key is sent"),
            "write the address it leads to as base_url, if you trust it",
        ),
        status => Finding::warn(
            name,
            format!("{place} answers {status}"),
            "try again; its own log says more",
        ),
    }
}

/// `base_url` is the beginning of the API; of Anthropic's also without its version.
fn models_url(kind: ProviderKind, base: &str) -> Option<Url> {
    let base = base.trim_end_matches('/');
    let versioned = match kind {
        ProviderKind::Anthropic if !base.ends_with("/v1") => format!("{base}/v1"),
        _ => base.to_owned(),
    };
    Url::parse(&format!("{versioned}/models"))
        .ok()
        .filter(|url| url.has_host())
}

fn authenticated(request: RequestBuilder, provider: &Provider) -> RequestBuilder {
    let request = match provider.kind {
        ProviderKind::Anthropic => request.header("anthropic-version", ANTHROPIC_VERSION),
        _ => request,
    };
    match (&provider.key, provider.kind) {
        (Key::Known(key), ProviderKind::Anthropic) => request.header("x-api-key", key),
        (Key::Known(key), _) => request.bearer_auth(key),
        (Key::None | Key::Missing(_), _) => request,
    }
}

/// An address without what somebody may have put before its host or behind its path.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn unreachable(name: &str, place: &str, error: reqwest::Error) -> Finding {
    let is_silent = error.is_timeout();
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let why = if is_silent {
        format!("no answer within {} s", PATIENCE.as_secs())
    } else {
        cause.to_string()
    };
    Finding::fail(
        name,
        format!("{place} cannot be reached: {why}"),
        "start the model server, or correct base_url; from here it must answer: curl ".to_owned() + place,
    )
}

/// Ids of `{data: [{id}]}`, which both kinds answer with.
async fn listed(mut response: reqwest::Response) -> Option<Vec<String>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return None;
        }
    }
    let answer: Value = serde_json::from_slice(&body).ok()?;
    let models = answer.get("data")?.as_array()?;
    Some(
        models
            .iter()
            .filter_map(|model| Some(model.get("id")?.as_str()?.to_owned()))
            .collect(),
    )
}

fn compare(name: &str, place: &str, wanted: &BTreeSet<String>, listed: &[String]) -> Finding {
    // Ollama lists `llama3.2:latest` and answers to `llama3.2`.
    let is_there = |model: &String| {
        listed
            .iter()
            .any(|known| known == model || known.strip_suffix(":latest") == Some(model))
    };
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|model| !is_there(model))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        let models: Vec<&str> = wanted.iter().map(String::as_str).collect();
        return Finding::ok(
            name,
            format!("{place} answers  {}", models.join(", ")).trim_end().to_owned(),
        );
    }
    let known: Vec<&str> = listed.iter().take(SHOWN).map(String::as_str).collect();
    let more = if listed.len() > known.len() { ", …" } else { "" };
    Finding::warn(
        name,
        format!("{place} answers, but does not list {}", missing.join(", ")),
        format!("name one it has: {}{more}", known.join(", ")),
    )
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
