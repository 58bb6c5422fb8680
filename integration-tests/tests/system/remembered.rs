//! What people correct again and again is told to later plannings, and a plan is found by what it means, by real processes.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::shortened;
use integration_tests::eventually::eventually;
use integration_tests::faults;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{ModelServer, Say};

const LIMIT: Duration = Duration::from_secs(60);
/// Looking for what is new may take a share of the time only, and a busy machine makes that long.
const LEARNED_WITHIN: Duration = Duration::from_secs(150);
const MEANT: &str = "green tea";
/// Each says `MEANT` without a word of it, or of the others: a busy machine plans some without memory, and each is learned from.
const PARAPHRASES: [&str; 5] = [
    "Camellia infusions, briefly",
    "What makes gyokuro precious?",
    "Sencha harvests explained",
    "Why matcha froths",
    "Steeping longjing well",
];
const CORRECTION: &str = "Name a price in the first sentence";

/// Whatever is about tea points one way, everything else another.
fn embedded(body: &Value, _: &str) -> Option<Say> {
    let texts = body["input"].as_array()?.iter().filter_map(Value::as_str);
    let data: Vec<Value> = (0..)
        .zip(texts)
        .map(|(index, text): (usize, _)| {
            let is_meant = [MEANT, "amellia", "gyokuro", "encha", "matcha", "longjing"]
                .iter()
                .any(|word| text.contains(word));
            let vector = if is_meant { [1.0, 0.1] } else { [0.1, 1.0] };
            json!({"index": index, "embedding": vector})
        })
        .collect();
    Some(Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"data": data}).to_string(),
    })
}

#[test]
fn corrections_and_meanings_reach_later_plannings() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = ModelServer::start().await?;
        server.tempered(embedded);
        let config = format!(
            "[llm.providers.own]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\n\
             [tools.embeddings]\nprovider = \"own\"\nmodel = \"embeds\"\n",
            server.url()
        );
        let system = System::start(Options::new("remembered", config)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        found_by_meaning(&rest, &server).await?;
        told_of_corrections(&system, &rest).await?;
        system.stop()
    })
}

async fn completed(rest: &Rest, text: &str, channels: Value) -> Result<(String, Value)> {
    let body =
        json!({"request": text, "auto_approve": true, "quality_threshold": 0.0, "preferences": {"channels": channels}});
    let task = rest.submit(&body).await?;
    let status = rest.until(&task, &["completed"], LIMIT).await?;
    Ok((task, status))
}

async fn found_by_meaning(rest: &Rest, server: &ModelServer) -> Result<()> {
    completed(rest, &format!("Write a blog post about {MEANT}"), json!(["blog"])).await?;
    let patterns = async || rest.get("/learning-patterns").await?.expect(200);
    eventually(
        "it is a pattern, and its intent is embedded",
        LEARNED_WITHIN,
        async || {
            let answer = patterns().await?;
            let intent = answer["patterns"][0]["intent"]
                .as_str()
                .context("no pattern")?
                .to_owned();
            let is_of_it = |asked: &testkit::Asked| {
                asked.body["input"]
                    .as_array()
                    .is_some_and(|texts| texts.contains(&json!(intent)))
            };
            ensure!(server.asked().iter().any(is_of_it), "{intent:?} was not embedded");
            Ok(())
        },
    )
    .await?;
    let (_, other) = completed(rest, "Quarterly figures, summed up", json!([])).await?;
    ensure!(
        other["memory"] == "empty",
        "it means something else: {}",
        other["memory"]
    );
    for text in PARAPHRASES {
        if completed(rest, text, json!([])).await?.1["memory"] == "used" {
            return Ok(());
        }
    }
    anyhow::bail!("nothing was remembered for what means the same");
}

/// The issue that the correction made, as the learner tells of it.
async fn issue(rest: &Rest) -> Result<Value> {
    let answer = rest.get("/learning-patterns").await?.expect(200)?;
    let issues = answer["issues"].as_array().context("no issues")?;
    let found = issues.iter().find(|issue| issue["hint"] == CORRECTION);
    Ok(found.context("nobody was corrected like this")?.clone())
}

async fn told_of_corrections(system: &System, rest: &Rest) -> Result<()> {
    for (n, subject) in ["kettles", "porcelain cups", "tea towels"].into_iter().enumerate() {
        let body = json!({"request": format!("Write a blog post about {subject}"), "quality_threshold": 0.0, "preferences": {"channels": ["blog"]}});
        let task = rest.submit(&body).await?;
        rest.until(&task, &["awaiting_approval"], LIMIT).await?;
        let revised = json!({"approved": false, "feedback": CORRECTION});
        rest.decide(&task, &revised).await?.expect(200)?;
        eventually("the revised result waits for approval", LIMIT, async || {
            let status = rest.status(&task).await?;
            ensure!(
                status["status"] == "awaiting_approval" && status["refinements"] == 1,
                "{}",
                shortened(&status)
            );
            Ok(())
        })
        .await?;
        rest.decide(&task, &json!({"approved": true})).await?.expect(200)?;
        rest.until(&task, &["completed"], LIMIT).await?;
        if n == 1 {
            faults::kill(system, &["learner"]).await?;
        }
    }
    eventually("each correction is seen once", LEARNED_WITHIN, async || {
        let issue = issue(rest).await?;
        let seen = issue["code"] == "result_revised" && issue["state"] == "told" && issue["tasks"] == 3;
        ensure!(seen, "{}", rest.get("/learning-patterns").await?.expect(200)?["issues"]);
        Ok(())
    })
    .await?;

    // It is withheld from one in ten by lot: that all eight are held out is one case in a hundred million.
    let id = issue(rest).await?["issue_id"].clone();
    let mut told = 0;
    for n in 0..8 {
        let (task, _) = completed(rest, &format!("Write a blog post about teapot {n}"), json!(["blog"])).await?;
        let trace = rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
        let issues = trace["planning"][0]["issues"].as_array().cloned().unwrap_or_default();
        told += usize::from(issues.iter().any(|issue| issue["issue_id"] == id));
        if told == 2 {
            break;
        }
    }
    ensure!(told > 0, "no later planning was told");
    eventually("what became of it is counted", LEARNED_WITHIN, async || {
        let issue = issue(rest).await?;
        ensure!(issue["told"].as_u64() >= Some(told as u64), "{issue}");
        Ok(())
    })
    .await
}
