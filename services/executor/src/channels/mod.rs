//! Channels: where approved deliverables go. One file a kind.

pub mod directory;
mod frozen_content;
pub mod http;
#[cfg(test)]
mod http_tests;
pub mod mcp;
pub mod null;
mod slug;
#[cfg(test)]
mod tests;
pub mod webhook;

use crate::credentials::Redactor;
use crate::deliverable::Deliverable;
use crate::effects::{EffectPort, Stop};
use crate::failure::RunFailure;
use crate::tools::mcp::Servers;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service::config::{ChannelConfig, ChannelKind, Config};
use std::collections::BTreeMap;
use std::sync::Arc;
use workflow::ids::TaskId;
use workflow::vocabulary::EffectClass;

/// Characters of a location that are kept.
const MAX_LOCATION: usize = 2_000;

/// What is published, and for whom.
pub struct Publication<'a> {
    /// Whose result it is.
    pub task: TaskId,
    /// The approved deliverable.
    pub deliverable: &'a Deliverable,
    /// Wall time of this run; frozen by the first one.
    pub now: DateTime<Utc>,
}

/// Delivers to one place. May be asked again for the same publication after a crash.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Publishes; the answer is where it went: a path or URL, or nothing.
    async fn publish(&self, publication: Publication<'_>, run: &dyn EffectPort) -> Result<String, Stop>;
}

/// A channel that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("channel {name}")]
pub struct UnusableChannel {
    name: String,
    #[source]
    reason: Reason,
}

/// Why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error(transparent)]
    Address(#[from] outbound::InvalidEntry),
    #[error("the URL cannot be used")]
    Url,
    #[error(transparent)]
    Client(#[from] outbound::BuildError),
    #[error(transparent)]
    Secret(#[from] crate::signing::SigningError),
    #[error(transparent)]
    Server(#[from] RunFailure),
    #[error(transparent)]
    Credentials(#[from] crate::credentials::UnusableCredentials),
    #[error(transparent)]
    Request(#[from] crate::tools::http_endpoint::UnusableEndpoint),
    #[error("the folder's path cannot be used")]
    Folder(#[from] std::io::Error),
}

/// The channels of the configuration, by name.
pub struct Channels {
    served: BTreeMap<String, Served>,
}

struct Served {
    channel: Arc<dyn Channel>,
    announced: Value,
}

impl Channels {
    /// Opens every channel.
    ///
    /// # Errors
    /// The first that cannot work.
    pub fn build(config: &Config, servers: &Servers) -> Result<Self, UnusableChannel> {
        let open = |channel: &ChannelConfig| {
            let served = Served {
                channel: open(channel, config, servers).map_err(|reason| UnusableChannel {
                    name: channel.name.clone(),
                    reason,
                })?,
                announced: announcement(channel),
            };
            Ok((channel.name.clone(), served))
        };
        let served = config.channels.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { served })
    }

    /// The channel of that name.
    ///
    /// # Errors
    /// `unknown_channel`.
    pub fn get(&self, name: &str) -> Result<&dyn Channel, RunFailure> {
        let unknown = || RunFailure::permanent("unknown_channel", format!("this executor has no channel `{name}`"));
        self.served.get(name).map(|s| s.channel.as_ref()).ok_or_else(unknown)
    }

    /// `{name, kind, effects}` of each, for the catalog.
    pub fn announcements(&self) -> impl Iterator<Item = &Value> {
        self.served.values().map(|served| &served.announced)
    }
}

fn open(channel: &ChannelConfig, config: &Config, servers: &Servers) -> Result<Arc<dyn Channel>, Reason> {
    Ok(match channel.kind {
        ChannelKind::Directory => Arc::new(directory::Directory::open(channel, &config.service.state_dir)?),
        ChannelKind::Webhook => Arc::new(webhook::Webhook::open(channel)?),
        ChannelKind::Mcp => Arc::new(mcp::McpChannel::open(channel, servers)?),
        ChannelKind::Http => Arc::new(http::Http::open(channel)?),
        ChannelKind::Null => Arc::new(null::Null),
    })
}

fn announcement(channel: &ChannelConfig) -> Value {
    let (kind, class) = match channel.kind {
        ChannelKind::Directory => ("directory", class(channel)),
        ChannelKind::Webhook => ("webhook", class(channel)),
        ChannelKind::Mcp => ("mcp", class(channel)),
        ChannelKind::Http => ("http", class(channel)),
        ChannelKind::Null => ("null", EffectClass::ReadOnly),
    };
    json!({"name": channel.name, "kind": kind, "effects": class.as_str()})
}

/// Where a recorded answer says that it went.
fn location(answer: &Value) -> String {
    let location = answer.get("location").and_then(Value::as_str);
    location.unwrap_or_default().to_owned()
}

/// Where a receiver says that it went, without secrets and at a length people read.
fn shown(location: &str, redactor: &Redactor) -> String {
    let plain = location.chars().filter(|c| !c.is_control()).collect();
    redactor.text(plain).chars().take(MAX_LOCATION).collect()
}

fn class(channel: &ChannelConfig) -> EffectClass {
    crate::tools::registry::effect_class(channel.effects())
}
