//! Servers of the Model Context Protocol that ask, that want a token, and whose tools change, and an API whose document
//! does, seen through the whole system. They share one system.

use crate::{api_changes, mcp_changes, mcp_questions, mcp_tokens, out_of_use};
use anyhow::{Context as _, Result};
use integration_tests::injection::Sink;
use integration_tests::mcp_server::{Character, McpServer, Revision, tool};
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub const LIMIT: Duration = Duration::from_secs(60);

/// Servers by what they speak: `old` and `new`; `locked` wants a token of `tokens`.
pub struct Scene {
    pub system: System,
    pub rest: Rest,
    pub old: McpServer,
    pub new: McpServer,
    pub locked: McpServer,
    pub tokens: Sink,
    /// An API, and its document.
    pub api: Sink,
    /// Nobody has any business there.
    pub elsewhere: Sink,
}

#[test]
fn servers_ask_humans_are_shown_tokens_and_change_under_the_eyes_of_the_catalog() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let scene = Scene::start().await?;
        let outcome = hold(&scene).await;
        if outcome.is_err() {
            scene.system.keep_state();
        }
        outcome.and(scene.system.stop())
    })
}

impl Scene {
    async fn start() -> Result<Self> {
        let tokens = Sink::start(mcp_tokens::token).await?;
        let api = Sink::start(api_changes::document).await?;
        let elsewhere = Sink::start(|_| json!({})).await?;
        let server = async |revision, lets_in| {
            let character = Character {
                revision,
                lets_in,
                elsewhere: format!("{}/mcp", elsewhere.url()),
            };
            McpServer::start(character, first_tools()).await
        };
        let old = server(Revision::Handshake, |_| true).await?;
        let new = server(Revision::Current, |_| true).await?;
        let locked = server(Revision::Current, mcp_tokens::lets_in).await?;
        let config = configuration(&old, &new, &locked, &tokens) + &api_changes::configuration(&api);
        let system = System::start(Options::new("mcp-live", config)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        Ok(Self {
            system,
            rest,
            old,
            new,
            locked,
            tokens,
            api,
            elsewhere,
        })
    }
}

pub fn first_tools() -> Vec<Value> {
    ["ask", "echo", "moved", "look", "gone"]
        .map(|name| tool(name, &format!("Does what its name says: {name}.")))
        .to_vec()
}

fn configuration(old: &McpServer, new: &McpServer, locked: &McpServer, tokens: &Sink) -> String {
    let (old, new, locked, tokens) = (old.url(), new.url(), locked.url(), tokens.url());
    let (secret, wall) = (mcp_tokens::SECRET, mcp_changes::CHANNEL);
    // Calls of `new` have effects: nobody says otherwise.
    format!(
        r#"
[[mcp_servers]]
name = "old"
url = "{old}"
effects = "read_only"
[[mcp_servers]]
name = "new"
url = "{new}"
tools = {{ look = {{ effects = "read_only" }} }}
[[mcp_servers]]
name = "locked"
url = "{locked}"
effects = "read_only"
[mcp_servers.auth]
kind = "oauth_client_credentials"
token_url = "{tokens}/token"
client_id = "orchestrator"
client_secret = "{secret}"
[[channels]]
name = "{wall}"
kind = "mcp"
server = "old"
tool = "look"
arguments = {{ item = "{{{{title}}}}" }}
"#
    )
}

async fn hold(scene: &Scene) -> Result<()> {
    futures::future::try_join4(
        holds(
            "questions are answered or declined",
            mcp_questions::are_answered_or_declined(scene),
        ),
        holds(
            "tokens reach their server alone",
            mcp_tokens::reach_their_server_alone(scene),
        ),
        holds(
            "changes are noticed within seconds",
            mcp_changes::are_noticed_within_seconds(scene),
        ),
        holds("a document is read again", api_changes::wait_for_approval(scene)),
    )
    .await?;
    holds(
        "a tool out of use publishes nothing",
        out_of_use::stops_publications(scene),
    )
    .await?;
    holds(
        "a tool out of use is not called by what was queued",
        out_of_use::stops_what_was_queued(scene),
    )
    .await?;
    let outlived = mcp_questions::outlive_the_executor(scene);
    holds("questions outlive the executor", outlived).await
}

async fn holds(what: &str, case: impl Future<Output = Result<()>>) -> Result<()> {
    let began = Instant::now();
    case.await.context(what.to_owned())?;
    println!("holds  {what} ({:.1} s)", began.elapsed().as_secs_f64());
    Ok(())
}

/// A task with one call of a tool for an item.
pub async fn call(scene: &Scene, tool_id: &str, item: &str) -> Result<String> {
    let step = json!({"key": "call", "tool_id": tool_id, "arguments": {"item": item}});
    let plan = json!({"steps": [step]});
    let body = integration_tests::plans::unattended(&format!("Call {tool_id} for {item}"), plan, &[]);
    scene.rest.submit(&body).await
}
