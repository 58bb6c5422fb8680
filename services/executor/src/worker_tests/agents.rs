//! Agents that work by tools which the catalog suspends and brings back.

use super::*;
use axum::Router;
use testkit::{ModelServer, Say};

const LESS_THAN_A_BEAT: Duration = Duration::from_secs(2);

/// A reader that counts its pages, and an agent that reads them by itself.
struct Scene {
    system: System,
    model: ModelServer,
    pages: Arc<AtomicU32>,
}

impl Scene {
    async fn start() -> anyhow::Result<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let read = Arc::clone(&pages);
        let page = move || async move {
            read.fetch_add(1, Ordering::SeqCst);
            axum::Json(json!({"text": "Seven kettles."}))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let reader = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(page);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let model = ModelServer::start().await?;
        model.tempered(wants_a_page);
        let config = json!({
            "llm": {"providers": {"m": {"kind": "openai", "base_url": model.url(), "model": "m"}}, "roles": {"writer": "m"}},
            "agents": [{"tool_id": "look_agent", "description": "Looks", "prompt": "Look.", "tools": ["reader.page"],
                "max_tool_calls": 3}],
            "apis": [{"name": "reader", "base_url": reader, "endpoints": [{"name": "page", "path": "/page"}]}],
        });
        Ok(Self {
            system: System::start_with(serde_json::from_value(config)?).await?,
            model,
            pages,
        })
    }

    /// From now on.
    fn say(&self, version: u64, active: bool) {
        *self.system.told.catalog.lock().unwrap() = Some(Said { version, active });
    }

    /// Runs the agent over a model that wants to read a page; how many pages were read, and the tools of each prompt.
    async fn look(&mut self) -> anyhow::Result<(u32, Vec<usize>)> {
        let (pages, prompts) = (self.pages.load(Ordering::SeqCst), self.model.asked().len());
        let results = self
            .system
            .ask(WorkKind::Execute, vec![step("look_agent", json!({}), None)])
            .await?;
        ensure!(
            matches!(
                results.first().and_then(|result| result.outcome.as_ref()),
                Some(Outcome::Output(_) | Outcome::Failure(_))
            ),
            "{results:?}"
        );
        let asked = self.model.asked().split_off(prompts);
        let tools = asked
            .iter()
            .map(|asked| asked.body["tools"].as_array().map_or(0, Vec::len));
        Ok((self.pages.load(Ordering::SeqCst) - pages, tools.collect()))
    }
}

/// Calls it once, whether or not it was shown it.
fn wants_a_page(asked: &Value, _: &str) -> Option<Say> {
    let mut messages = asked["messages"].as_array()?.iter();
    if messages.any(|message| message["role"] == "tool") {
        return Some(Say::Words("There are seven.".to_owned()));
    }
    let call = json!({"id": "1", "type": "function", "function": {"name": "reader_page", "arguments": "{}"}});
    let message = json!({"role": "assistant", "content": "", "tool_calls": [call]});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    Some(Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).to_string(),
    })
}

#[tokio::test]
async fn an_agent_goes_without_a_suspended_tool_and_has_it_again_once_it_is_approved() -> anyhow::Result<()> {
    let mut scene = Scene::start().await?;
    scene.say(1, true);
    assert_eq!(
        scene.look().await?,
        (1, vec![1, 1]),
        "it is read at once where nothing was heard"
    );

    scene.say(2, false);
    let within_a_beat = async {
        loop {
            let (pages, tools) = scene.look().await?;
            if tools.iter().all(|tools| *tools == 0) {
                return anyhow::Ok(pages);
            }
        }
    };
    let pages = timeout(PATIENCE, within_a_beat)
        .await
        .context("it is still offered")??;
    assert_eq!(pages, 0, "the model calls what it was not shown");

    scene.say(3, true);
    // Those who work at about the same time share a reading.
    let at_once = async {
        while scene.look().await?.0 == 0 {}
        anyhow::Ok(())
    };
    timeout(LESS_THAN_A_BEAT, at_once)
        .await
        .context("it is not offered")??;
    scene.system.stop().await
}
