//! Documents from files, and from servers while the executor runs.

use super::reading::{MAX_BYTES, NotReadable};
use super::{Expanded, Refused, UnusableDocument, expanded};
use crate::discovery::Source;
use crate::tools::Offer;
use crate::tools::http_endpoint::{self, UnusableApi};
use crate::tools::registry::{Registry, served};
use outbound::{AllowList, Client, Limits, Method, Redirects, Request, Unlisted, Url};
use serde_json::json;
use service::config::{ApiConfig, EndpointConfig};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use workflow::hash::Fingerprint;

const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The document is on a server.
pub fn is_remote(source: &str) -> bool {
    source.starts_with("https://") || source.starts_with("http://")
}

/// The tools of an API whose document is a file.
///
/// # Errors
/// What makes it unusable.
pub fn from_file(api: &ApiConfig, path: &Path, pool: &str) -> Result<Vec<Offer>, UnusableApi> {
    let text = read(path).map_err(|source| unusable(api, source.into()))?;
    offers(api, &text, None, pool)
}

/// One byte more than allowed is enough to know.
fn read(path: &Path) -> Result<String, NotReadable> {
    let mut text = String::new();
    let file = std::fs::File::open(path);
    let end = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = file.and_then(|file| file.take(end).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(source) => Err(NotReadable::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Keeps the tools of a document served until shutdown: fetches it until it is there, and at every discovery again.
/// While it cannot be read, what was read last is served.
pub async fn keep_loading(
    api: ApiConfig,
    pool: String,
    registry: Registry,
    mut source: Source,
    shutdown: CancellationToken,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let loaded = load(&api, &pool).await;
        let loaded = loaded.and_then(|offers| served(offers).map_err(|error| error.to_string()));
        let again = match loaded {
            Ok(tools) => {
                tracing::info!(api = api.name, tools = tools.len(), "the OpenAPI document was read");
                registry.replace(&format!("api {}", api.name), tools);
                pause = FIRST_PAUSE;
                None
            }
            Err(reason) => {
                tracing::warn!(api = api.name, reason, "the OpenAPI document cannot be read now");
                let now = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                Some(now)
            }
        };
        source.looked();
        let waits = async {
            match again {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = waits => {}
            _ = source.asked() => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn load(api: &ApiConfig, pool: &str) -> Result<Vec<Offer>, String> {
    let source = api.openapi.as_deref().unwrap_or_default();
    let url = Url::parse(source).map_err(|error| error.to_string())?;
    let text = fetch(api, &url).await?;
    offers(api, &text, Some(&url), pool).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

/// Without credentials: they are for the API, and the document may lie elsewhere.
async fn fetch(api: &ApiConfig, url: &Url) -> Result<String, String> {
    let mut allow = AllowList::new(Unlisted::Refused);
    for entry in std::iter::once(url.as_str()).chain(api.allow_hosts.iter().map(String::as_str)) {
        allow.allow(entry).map_err(|error| error.to_string())?;
    }
    let limits = Limits {
        max_response_bytes: MAX_BYTES,
        ..Limits::default()
    };
    let client = Client::new(allow, limits).map_err(|error| error.to_string())?;
    let mut request = Request::new(Method::GET, url.clone(), FETCH_TIMEOUT);
    request.redirects = Redirects::Followed;
    let response = client.send(request).await;
    let response = response.map_err(|error| format!("{}: {error}", error.code()))?;
    if !response.status.is_success() {
        return Err(format!("its server answered {}", response.status.as_u16()));
    }
    String::from_utf8(response.body.to_vec()).map_err(|_| "it is not UTF-8".to_owned())
}

fn offers(api: &ApiConfig, text: &str, came_from: Option<&Url>, pool: &str) -> Result<Vec<Offer>, UnusableApi> {
    let expanded = expanded(api, text, came_from).map_err(|source| unusable(api, source))?;
    let Expanded {
        api: expanded,
        operations,
        refused,
    } = expanded;
    for Refused {
        operation,
        code,
        reason,
    } in refused
    {
        tracing::warn!(api = api.name, operation, code, reason, "an operation gives no tool");
    }
    let mut offers = http_endpoint::offers(&expanded, pool)?;
    if came_from.is_some() {
        for (offer, endpoint) in offers.iter_mut().zip(&expanded.endpoints) {
            if operations.contains(&endpoint.name) {
                offer.spec.foreign = true;
                offer.spec.binding_hash = Some(binding(&expanded.base_url, endpoint).to_string());
            }
        }
    }
    Ok(offers)
}

/// Of what a call reaches: with the same words about it another path or method would be another tool.
fn binding(base_url: &str, endpoint: &EndpointConfig) -> Fingerprint {
    let reached = json!([
        base_url,
        endpoint.method,
        endpoint.path,
        endpoint.query,
        endpoint.body,
        endpoint.output_pointer,
    ]);
    Fingerprint::of([reached.to_string().as_bytes()])
}

fn unusable(api: &ApiConfig, source: UnusableDocument) -> UnusableApi {
    UnusableApi::Document {
        api: api.name.clone(),
        source,
    }
}
