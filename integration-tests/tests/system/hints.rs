//! Feedback is what makes another round worth its money: a model that needs a hint gets it right with one, and never
//! without.

use anyhow::{Result, ensure};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{ModelServer, Say};

const LIMIT: Duration = Duration::from_secs(60);
/// No request says it; only the failed check does.
const HINT: &str = "ultramarine";
const ROUNDS: usize = 3;

/// Writes the word once somebody has told it.
fn needs_the_hint(asked: &Value, well: &str) -> Option<Say> {
    let told = asked["messages"].to_string().contains(HINT);
    told.then(|| Say::Words(well.replace("AI trends", &format!("AI trends in {HINT}"))))
}

fn body(max_refinements: usize, tier: Option<&str>) -> Value {
    let write = json!({
        "key": "write", "tool_id": "writer_agent", "arguments": {"topic": "a painting"}, "tier": tier,
        "acceptance": [{"pointer": "/text", "contains": HINT}],
    });
    json!({
        "request": "Describe the painting", "plan": {"steps": [write]}, "preferences": {"channels": []},
        "quality_threshold": 0.0, "max_refinements": max_refinements, "auto_approve": true,
    })
}

#[test]
fn feedback_beats_re_running_without_it() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = ModelServer::start().await?;
        server.tempered(needs_the_hint);
        let config = format!(
            "[llm.providers.scripted]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\n\
             [llm.roles]\nplanner = \"scripted\"\nwriter = \"scripted\"\njudge = \"null\"\n\
             [llm.tiers]\nsmall = \"scripted/s\"\n",
            server.url()
        );
        let system = System::start(Options::new("hints", config)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;

        let task = rest.submit(&body(ROUNDS, Some("small"))).await?;
        let done = rest.until(&task, &["completed"], LIMIT).await?;
        ensure!(done["refinements"] == 1, "{}", shortened(&done));
        let text = step(&done, "write")?["output"].to_string();
        ensure!(text.contains(HINT), "{text}");
        ensure!(
            server.asked().len() == 2,
            "{} calls with feedback",
            server.asked().len()
        );
        let small = |asked: &testkit::Asked| asked.body["model"] == "s";
        ensure!(server.asked().iter().all(small), "the step's tier was not asked");

        let task = rest.submit(&body(0, None)).await?;
        rest.until(&task, &["needs_attention"], LIMIT).await?;
        for round in 1..=ROUNDS {
            let again = json!({"from_step": "write"});
            rest.post(&format!("/tasks/{task}/retry"), &again).await?.expect(200)?;
            let bad = rest.until(&task, &["needs_attention"], LIMIT).await?;
            ensure!(
                bad.said("/attention/reason") == "quality_below_threshold",
                "{}",
                shortened(&bad)
            );
            let calls = server.asked().len() - 2;
            ensure!(
                server.asked().last().is_some_and(|asked| !small(asked)),
                "not the agent's own tier"
            );
            ensure!(calls == 1 + round, "{calls} calls without feedback");
        }
        system.stop()
    })
}
