//! Documents from files, and from servers while the executor runs.

use super::document::{self, Document};
use super::reading::{MAX_BYTES, NotReadable};
use super::{Expanded, Refused, UnusableDocument, expanded};
use crate::discovery::Source;
use crate::tools::Offer;
use crate::tools::http_endpoint::{self, UnusableApi};
use crate::tools::registry::{Registry, served};
use crate::tools::served::Served;
use outbound::Url;
use serde_json::json;
use service::config::{ApiConfig, EndpointConfig};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use workflow::hash::Fingerprint;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// However often the catalog changes.
const BETWEEN_HINTS: Duration = Duration::from_secs(15);

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

/// Keeps the tools of a document served until shutdown: fetches it until it is there, and again at every discovery, from
/// time to time, and when the catalog changed. While it cannot be read, what was read last is served.
pub async fn keep_loading(
    api: ApiConfig,
    pool: String,
    registry: Registry,
    mut source: Source,
    shutdown: CancellationToken,
) {
    let refresh = Duration::from_secs_f64(api.openapi_refresh_seconds);
    let mut hints = source.hints();
    let mut pause = FIRST_PAUSE;
    let mut known = None;
    let mut not_before = Instant::now();
    loop {
        hints.mark_unchanged();
        let next = match load(&api, &pool, known.as_ref()).await {
            Ok(loaded) => {
                if let Some((document, tools)) = loaded {
                    tracing::info!(api = api.name, tools = tools.len(), "the OpenAPI document was read");
                    registry.replace(&format!("api {}", api.name), tools);
                    known = Some(document);
                }
                pause = FIRST_PAUSE;
                refresh
            }
            Err(reason) => {
                tracing::warn!(api = api.name, reason, "the OpenAPI document cannot be read now");
                let now = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                now
            }
        };
        source.looked();
        let hinted = async {
            sleep_until(not_before).await;
            // The sender lives as long as the source.
            drop(hints.changed().await);
        };
        tokio::select! {
            () = sleep(next) => {}
            () = hinted => not_before = Instant::now() + BETWEEN_HINTS,
            // Who asks wants it read, whatever its server says of changes.
            _ = source.asked() => known = None,
            () = shutdown.cancelled() => return,
        }
    }
}

/// A document and its tools; none where it is the known one still.
async fn load(
    api: &ApiConfig,
    pool: &str,
    known: Option<&Document>,
) -> Result<Option<(Document, Vec<Served>)>, String> {
    let source = api.openapi.as_deref().unwrap_or_default();
    let url = Url::parse(source).map_err(|error| error.to_string())?;
    let Some((document, text)) = document::fetch(api, &url, known).await? else {
        return Ok(None);
    };
    let offers = offers(api, &text, Some(&url), pool).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })?;
    let tools = served(offers).map_err(|error| error.to_string())?;
    Ok(Some((document, tools)))
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
