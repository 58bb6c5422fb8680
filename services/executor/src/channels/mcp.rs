//! Channels of kind `mcp`: a call of a tool of a server.

use super::frozen_content::FrozenContent;
use super::{Channel, Publication};
use crate::deliverable::Deliverable;
use crate::effects::{EffectPort, Intent, Licensed, Sender, Sent, Stop, perform};
use crate::failure::RunFailure;
use crate::template::to_template;
use crate::tools::http_endpoint::filled;
use crate::tools::in_force::InForce;
use crate::tools::mcp::{Answer, Ended, FrozenCall, Manner, Pin, Server, Servers, read};
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use service::config::{ChannelConfig, ChannelKind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use workflow::hash::Fingerprint;
use workflow::vocabulary::EffectClass;

/// Publishes by calling a tool.
pub struct McpChannel {
    server: Arc<Server>,
    tool: String,
    tool_id: String,
    in_force: InForce,
    /// The tool's definition at the first publication, for while nothing is known of the one in force.
    version: OnceLock<Fingerprint>,
    arguments: Value,
    class: EffectClass,
    timeout: Duration,
    key_ttl: Duration,
}

/// The id of the tool that a channel publishes with, where it is one of this kind.
pub fn tool_of(channel: &ChannelConfig) -> Option<String> {
    let is_mcp = channel.kind == ChannelKind::Mcp;
    let named = channel.server.as_deref().zip(channel.tool.as_deref());
    named
        .filter(|_| is_mcp)
        .map(|(server, tool)| format!("{server}.{tool}"))
}

impl McpChannel {
    pub(crate) fn open(channel: &ChannelConfig, servers: &Servers) -> Result<Self, RunFailure> {
        let arguments = channel.arguments.clone().map(Value::Object);
        Ok(Self {
            server: Arc::clone(servers.get(channel.server.as_deref().unwrap_or_default())?),
            tool: channel.tool.clone().unwrap_or_default(),
            tool_id: tool_of(channel).unwrap_or_default(),
            in_force: servers.in_force().clone(),
            version: OnceLock::new(),
            arguments: arguments.unwrap_or_else(|| json!({"title": "{{title}}", "content": "{{content}}"})),
            class: super::class(channel),
            timeout: Duration::from_secs_f64(channel.timeout_seconds),
            key_ttl: Duration::from_secs_f64(channel.key_ttl_seconds),
        })
    }

    /// The call that publishes; the same for the same deliverable.
    fn call(&self, deliverable: &Deliverable) -> Result<FrozenCall, RunFailure> {
        let known = json!({
            "title": deliverable.title, "content": deliverable.content, "content_type": deliverable.content_type,
            "content_hash": deliverable.content_hash, "channel": deliverable.channel,
        });
        let names = known.as_object().cloned().unwrap_or_default();
        let arguments = filled(&self.arguments, &names, &to_template(&known))?;
        Ok(FrozenCall {
            tool: self.tool.clone(),
            arguments: object(arguments),
            responses: None,
            request_state: None,
        })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[async_trait]
impl Channel for McpChannel {
    async fn publish(&self, publication: Publication<'_>, run: &dyn EffectPort) -> Result<String, Stop> {
        let text = json!(self.call(publication.deliverable)?).to_string();
        let intent = Intent {
            class: self.class,
            target: format!(
                "{} {}.{}",
                publication.deliverable.channel, self.server.config.name, self.tool
            ),
            tool_id: self.tool_id.clone(),
            request_json: json!(FrozenContent::freeze(&text)).to_string(),
            send_within: self.timeout,
            key_ttl: self.key_ttl,
        };
        let sender = Publishing { channel: self, text };
        Ok(super::location(&perform(run, &intent, &sender).await?))
    }
}

struct Publishing<'a> {
    channel: &'a McpChannel,
    text: String,
}

impl Publishing<'_> {
    fn frozen(&self, licensed: &Licensed) -> Result<FrozenCall, RunFailure> {
        let unreadable = || RunFailure::permanent("effect_request", "the frozen request cannot be read");
        let content: FrozenContent = serde_json::from_str(&licensed.request_json).map_err(|_| unreadable())?;
        let text = content.thaw(|| self.text.clone())?;
        serde_json::from_str(&text).map_err(|_| unreadable())
    }
}

#[async_trait]
impl Sender for Publishing<'_> {
    async fn send(&self, licensed: &Licensed) -> Sent {
        let frozen = match self.frozen(licensed) {
            Ok(frozen) => frozen,
            Err(failure) => return Sent::NotDone(failure),
        };
        let manner = Manner::licensed(self.channel.class, licensed);
        let pin = Pin::InForce {
            known: self.channel.in_force.of(&self.channel.tool_id),
            first: &self.channel.version,
        };
        let answer = self
            .channel
            .server
            .call(&frozen, pin, manner, licensed.send_before)
            .await;
        let result = match answer {
            Ok(Answer::Result(result)) => result,
            Ok(Answer::Asks(question)) => {
                let message = format!("it asks: {}", question.message);
                return Sent::Refused(RunFailure::permanent("tool_error", message));
            }
            Err(trouble) => return trouble.sent(),
        };
        match read(&result, None) {
            Ok(Ended::Output(output)) => {
                let location = super::shown(location(&output), &self.channel.server.redactor);
                Sent::Confirmed(json!({"location": location}))
            }
            // It says nothing of how far the tool had come.
            Ok(Ended::Failed(why)) => Sent::Unclear(RunFailure::permanent("tool_error", why)),
            Err(trouble) => trouble.sent(),
        }
    }
}

/// Where the tool says that it went: a URL of its structured output, or the first link of its content.
fn location(output: &Value) -> &str {
    let structured = ["/structured/url", "/structured/location", "/structured/link"];
    let mut told = structured
        .iter()
        .filter_map(|pointer| output.pointer(pointer)?.as_str());
    let items = output.get("content").and_then(Value::as_array);
    let mut links = items.into_iter().flatten().filter_map(|item| item.get("uri")?.as_str());
    told.next().or_else(|| links.next()).unwrap_or_default()
}
