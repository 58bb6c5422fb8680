//! A lenient judge approves until people have said often enough that it is wrong; then they are asked.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened};
use integration_tests::eventually::eventually;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::ModelServer;

const LIMIT: Duration = Duration::from_secs(60);
/// Decisions that tell something.
const ENOUGH: u64 = 4;

fn body(auto_approve: bool) -> Value {
    let write = json!({"key": "write", "tool_id": "writer_agent", "arguments": {"topic": "AI trends"}});
    json!({
        "request": "Write about AI trends for our shop, in a friendly tone", "plan": {"steps": [write]},
        "preferences": {"channels": []}, "quality_threshold": 0.2, "auto_approve": auto_approve,
    })
}

/// `GET /judges` once so many words are counted there: that is done once a second.
async fn counted(rest: &Rest, figure: &str, words: u64) -> Result<Value> {
    eventually("decisions are counted", LIMIT, || async {
        let judges = rest.get("/judges").await?.expect(200)?;
        let n = judges.pointer(&format!("/items/0/figures/{figure}"));
        ensure!(n == Some(&json!(words)), "{judges}");
        Ok(judges)
    })
    .await
}

#[test]
fn people_who_do_not_agree_with_a_judge_are_asked_instead_of_it() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = ModelServer::start().await?;
        let config = format!(
            "[llm.providers.scripted]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\n\
             [llm.roles]\nplanner = \"scripted\"\nwriter = \"scripted\"\njudge = \"scripted\"\n\
             [quality.judge_floor]\nagreement = 0.7\nmin_labels = {ENOUGH}\n",
            server.url()
        );
        let system = System::start(Options::new("judges", config)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        let task = rest.submit(&body(true)).await?;
        rest.until(&task, &["completed"], LIMIT).await?;

        for _ in 0..ENOUGH {
            let task = rest.submit(&body(false)).await?;
            rest.until(&task, &["awaiting_approval"], LIMIT).await?;
            let refused = json!({"approved": false, "dimensions": ["tone"]});
            rest.decide(&task, &refused).await?.expect(200)?;
            // Said again it is nothing new.
            rest.decide(&task, &refused).await?.expect(409)?;
        }
        let judges = counted(&rest, "overall/n", ENOUGH).await?;
        let judge = judges.pointer("/items/0").context("nobody judged")?;
        ensure!(judge["models"] == json!(["scripted/m"]), "{judge}");
        ensure!(
            judge["may_approve"] == false && judge["figures"]["overall"]["n"] == ENOUGH,
            "{judge}"
        );
        ensure!(
            judge["figures"]["tone"]["counts"]["only_judge_good"] == ENOUGH,
            "{judge}"
        );

        let task = rest.submit(&body(true)).await?;
        let waiting = rest.until(&task, &["awaiting_approval"], LIMIT).await?;
        let why = waiting.text("/open_gates/0/withheld")?;
        ensure!(why.contains("scripted/m") && why.contains("0 of 4"), "{why}");
        let approval = rest.approval(&task).await?;
        ensure!(approval["withheld"] == why, "{}", shortened(&approval));
        let trace = rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
        ensure!(trace.to_string().contains("0 of 4"), "{}", shortened(&trace));
        // People are asked, so that they can say that it has become better.
        rest.decide(&task, &json!({"approved": true})).await?.expect(200)?;
        rest.until(&task, &["completed"], LIMIT).await?;
        let path = format!("/tasks/{task}/feedback");
        rest.post(&path, &json!({"rating": 1, "dimension": "clarity"}))
            .await?
            .expect(201)?;
        let judges = counted(&rest, "clarity/counts/only_judge_good", 1).await?;
        let figures = judges.pointer("/items/0/figures").context("no figures")?;
        ensure!(figures["overall"]["n"] == ENOUGH + 1, "{figures}");
        ensure!(
            figures["clarity"]["counts"]["only_judge_good"] == 1,
            "the last word of a person counts: {figures}"
        );
        let dev = system.dev()?;
        let coordinator = dev.services.iter().find(|service| service.kind() == "coordinator");
        let health = coordinator.and_then(|service| service.health_url.as_deref());
        let health = health.context("no coordinator")?.trim_end_matches("/readyz");
        let series = format!("{health}/metrics");
        eventually("the figures are series", LIMIT, || async {
            let told = reqwest::get(&series).await?.text().await?;
            ensure!(told.contains("orchestrator_judge_labels"), "not yet");
            Ok(())
        })
        .await?;
        system.stop()
    })
}
