//! A sentence goes in over REST and comes out published, as the contract says.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use integration_tests::plans::null_step;
use integration_tests::rest::Rest;
use integration_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_sentence_is_planned_judged_approved_and_published() -> Result<()> {
    hold(
        "contract",
        |_| {},
        behaviours![
            the_sample_request_is_published_after_approval,
            unseen_requests_are_each_answered,
            a_truncated_draft_scores_clearly_lower,
            tools_and_the_plan_schema_are_listed,
            waiting_tasks_stand_in_the_inbox,
            finished_tasks_can_be_exported,
            grpc_offers_the_same_verbs,
            a_channel_list_decides_where_results_go,
        ],
    )
}

/// The sample of the README.
fn sample() -> Value {
    json!({
        "request": "Generate blog post about AI trends",
        "business_metrics": {"revenue_monthly": 50000, "traffic_monthly": 25000, "conversion_rate": 0.04},
        "preferences": {"tone": "professional", "channels": ["blog", "linkedin"]},
    })
}

async fn the_sample_request_is_published_after_approval(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let answer = rest.post("/process", &sample()).await?;
    let location = answer
        .headers
        .get("location")
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let accepted = answer.expect(202)?;
    let task = accepted.text("/task_id")?;
    ensure!(
        location.is_some_and(|location| location.contains(task)),
        "Location does not name the task"
    );
    for link in ["/links/status", "/links/approval", "/links/events"] {
        ensure!(accepted.text(link)?.contains(task), "{link} does not name the task");
    }

    let waiting = rest.until(task, &["awaiting_approval"], LIMIT).await?;
    ensure!(waiting.text("/phase")? == "approval", "phase {}", waiting["phase"]);
    ensure!(
        waiting.text("/plan/origin")? == "planner" && !waiting.list("/plan/steps")?.is_empty(),
        "no plan: {}",
        shortened(&waiting)
    );
    ensure!(waiting["quality"]["passed"] == true, "quality: {}", waiting["quality"]);
    ensure!(!waiting.text("/intent/goal")?.is_empty(), "no goal");

    let approval = rest.approval(task).await?;
    ensure!(approval.text("/kind")? == "publication", "{}", shortened(&approval));
    let channels: BTreeSet<&str> = approval
        .list("/deliverables")?
        .iter()
        .filter_map(|d| d["channel"].as_str())
        .collect();
    ensure!(
        channels == BTreeSet::from(["blog", "linkedin"]),
        "deliverables for {channels:?}"
    );
    for deliverable in approval.list("/deliverables")? {
        let content = deliverable.text("/content")?;
        let hash = Sha256::digest(content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        ensure!(
            deliverable.text("/content_hash")? == hash,
            "hash of the {} deliverable",
            deliverable["channel"]
        );
    }

    let decision = json!({"approved": true, "content_hash": approval.text("/content_hash")?});
    rest.decide(task, &decision).await?.expect(200)?;
    let done = rest.until(task, &["completed"], LIMIT).await?;
    ensure!(done.list("/published")?.len() == 2, "published: {}", done["published"]);
    let blog = approval
        .list("/deliverables")?
        .iter()
        .find(|d| d["channel"] == "blog")
        .context("no blog deliverable")?;
    let folder = world.system.state().join("published/blog");
    let files = markdown_files(&folder)?;
    let body = blog.text("/content")?.lines().last().unwrap_or_default();
    ensure!(
        files.iter().any(|text| text.contains(body)),
        "no file in {} has the approved text",
        folder.display()
    );
    Ok(())
}

fn markdown_files(folder: &std::path::Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))?;
    let paths = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"));
    paths
        .map(|path| std::fs::read_to_string(path).context("reading what was published"))
        .collect()
}

/// Twenty requests nobody prepared for, each with words its result must speak of.
const UNSEEN: [(&str, [&str; 2]); 20] = [
    (
        "Write a newsletter about our new espresso machines for office managers",
        ["espresso", "office"],
    ),
    (
        "Summarise why small bakeries should offer sourdough subscriptions",
        ["sourdough", "subscription"],
    ),
    (
        "Draft a product announcement for a waterproof hiking backpack",
        ["waterproof", "backpack"],
    ),
    (
        "Write a blog post on how to train for a first marathon",
        ["marathon", "train"],
    ),
    (
        "Explain heat pumps to homeowners who have an old gas boiler",
        ["heat pump", "boiler"],
    ),
    (
        "Create a social post announcing our summer sale of garden furniture",
        ["garden", "sale"],
    ),
    (
        "Write a short guide to choosing a piano teacher for children",
        ["piano", "teacher"],
    ),
    (
        "Outline an article about electric cargo bikes in city logistics",
        ["cargo", "logistics"],
    ),
    (
        "Write an email inviting dentists to a workshop on sterilisation",
        ["dentist", "sterilisation"],
    ),
    (
        "Describe the benefits of remote onboarding for software companies",
        ["onboarding", "software"],
    ),
    (
        "Write a press note on a museum exhibition of Bronze Age jewellery",
        ["bronze", "museum"],
    ),
    (
        "Give advice on reducing food waste in hotel kitchens",
        ["waste", "hotel"],
    ),
    (
        "Write a post about astronomy evenings at a mountain lodge",
        ["astronomy", "mountain"],
    ),
    ("Compare oat milk and almond milk for a cafe menu", ["oat", "almond"]),
    (
        "Write an introduction to beekeeping on city roofs",
        ["beekeeping", "roof"],
    ),
    (
        "Draft a safety notice about ladders for a painting business",
        ["ladder", "painting"],
    ),
    (
        "Write about the history of lighthouses for a sailing magazine",
        ["lighthouse", "sailing"],
    ),
    ("Explain vitamin D to parents of toddlers", ["vitamin", "toddler"]),
    (
        "Write a landing page text for a translation bureau specialised in patents",
        ["translation", "patent"],
    ),
    (
        "Prepare talking points on flood insurance for river towns",
        ["flood", "insurance"],
    ),
];

async fn unseen_requests_are_each_answered(world: Arc<World>) -> Result<()> {
    let results: Vec<String> = stream::iter(UNSEEN)
        .map(|(request, words)| answered(&world.rest, request, words))
        .buffered(5)
        .try_collect()
        .await?;
    let different: BTreeSet<&str> = results.iter().map(String::as_str).collect();
    ensure!(
        different.len() == UNSEEN.len(),
        "only {} different results",
        different.len()
    );
    Ok(())
}

async fn answered(rest: &Rest, request: &str, words: [&str; 2]) -> Result<String> {
    let task = rest
        .submit(&json!({"request": request, "preferences": {"channels": []}}))
        .await?;
    let status = rest
        .until(&task, &["awaiting_approval"], LIMIT)
        .await
        .with_context(|| request.to_owned())?;
    let approval = rest.approval(&task).await?;
    let deliverables = approval.list("/deliverables")?;
    ensure!(
        deliverables.len() == 1 && deliverables[0]["channel"] == "result",
        "{request}: {}",
        shortened(&approval)
    );
    let content = deliverables[0].text("/content")?.to_owned();
    let lower = content.to_lowercase();
    for word in words {
        ensure!(lower.contains(word), "{request}: nothing about {word} in: {content}");
    }
    ensure!(status["quality"]["passed"] == true, "{request}: {}", status["quality"]);
    rest.decide(&task, &json!({"approved": true})).await?.expect(200)?;
    rest.until(&task, &["completed"], LIMIT).await?;
    Ok(content)
}

const FULL_DRAFT: &str = "# Why small shops should care about solar roofs\n\n\
Solar roofs lower the electricity bill of a small shop from the first month. A bakery, a florist or a repair shop uses most of \
its power while the sun shines, so little of it has to be stored.\n\n\
## What it costs\n\nA roof of sixty square metres costs about as much as a delivery van. Grants pay a part, and the rest is \
usually earned back within nine years.\n\n\
## How to begin\n\nAsk the owner of the building, have the roof checked, and compare three offers. A good installer explains \
what happens on a cloudy week in winter.\n\n\
## Conclusion\n\nFor shops that stay where they are, solar roofs are a calm investment: they save money, and customers like to see them.";

async fn a_truncated_draft_scores_clearly_lower(world: Arc<World>) -> Result<()> {
    let cut: String = FULL_DRAFT.chars().take(FULL_DRAFT.chars().count() / 6).collect();
    let full = score(&world.rest, FULL_DRAFT).await?;
    let truncated = score(&world.rest, &cut).await?;
    ensure!(
        full - truncated >= 0.1,
        "the whole draft scored {full:.2}, cut off {truncated:.2}"
    );
    Ok(())
}

async fn score(rest: &Rest, draft: &str) -> Result<f64> {
    let plan = json!({"steps": [null_step("draft", &json!({"text": draft}), &[])]});
    let request = json!({
        "request": "Write an article about solar roofs for small shops: cost, how to begin, conclusion",
        "plan": plan, "quality_threshold": 0.0, "preferences": {"channels": []},
    });
    let task = rest.submit(&request).await?;
    let status = rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    status.number("/quality/overall")
}

async fn tools_and_the_plan_schema_are_listed(world: Arc<World>) -> Result<()> {
    let tools = world.rest.pages("/tools?limit=100").await?;
    for wanted in ["null", "research_agent", "writer_agent", "oracle.work", "oracle.once"] {
        let tool = tools
            .iter()
            .find(|tool| tool["tool_id"] == wanted)
            .with_context(|| format!("no tool {wanted}"))?;
        for member in [
            "/name",
            "/description",
            "/category",
            "/source",
            "/effects",
            "/state",
            "/version_hash",
        ] {
            tool.text(member)?;
        }
        ensure!(tool["input_schema"].is_object(), "{wanted} has no input schema");
    }
    let effects = tools
        .iter()
        .find(|tool| tool["tool_id"] == "oracle.once")
        .map(|tool| tool["effects"].clone());
    ensure!(effects == Some(json!("once")), "effects of oracle.once: {effects:?}");
    let schema = world.rest.get("/plan-schema").await?.expect(200)?;
    ensure!(
        schema["properties"]["steps"].is_object(),
        "plan schema: {}",
        shortened(&schema)
    );
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = Rest::send(world.rest.root_request(Method::GET, path)).await?;
        ensure!(answer.status == 200, "{path} answers {}", answer.status);
    }
    Ok(())
}

async fn waiting_tasks_stand_in_the_inbox(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let plan = json!({"steps": [null_step("only", &json!({"text": "Inbox text, long enough to be read."}), &[])]});
    let request = json!({"request": "Stand in the inbox", "plan": plan, "quality_threshold": 0.0, "preferences": {"channels": []}});
    let task = rest.submit(&request).await?;
    rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let inbox = rest.pages("/approvals?limit=200").await?;
    let entry = inbox
        .iter()
        .find(|entry| entry["task_id"] == task.as_str())
        .context("not in the inbox")?;
    ensure!(entry.text("/kind")? == "publication", "{entry}");
    let listed = rest.pages("/tasks?status=awaiting_approval&limit=200").await?;
    ensure!(
        listed.iter().any(|entry| entry["task_id"] == task.as_str()),
        "not listed by status"
    );
    rest.decide(&task, &json!({"approved": false})).await?.expect(200)?;
    rest.until(&task, &["rejected"], LIMIT).await?;
    let inbox = rest.pages("/approvals?limit=200").await?;
    ensure!(
        !inbox.iter().any(|entry| entry["task_id"] == task.as_str()),
        "a decided gate stays in the inbox"
    );
    Ok(())
}

async fn finished_tasks_can_be_exported(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let plan = json!({"steps": [null_step("only", &json!({"text": "A record for the learner to keep."}), &[])]});
    let request = json!({
        "request": "Be remembered by the learner", "plan": plan, "quality_threshold": 0.0, "auto_approve": true,
        "preferences": {"channels": []},
    });
    let task = rest.submit(&request).await?;
    rest.until(&task, &["completed"], LIMIT).await?;
    eventually("the export holds the finished task", LIMIT, || async {
        let body = json!({"format": "jsonl", "filter_by_quality": 0.0, "limit": 10000});
        let export = rest.post("/training-data/export", &body).await?.expect(200)?;
        let id = export.text("/export_id")?;
        let file = rest
            .request(Method::GET, &format!("/training-data/exports/{id}/file"))
            .send()
            .await?;
        ensure!(file.status().is_success(), "export file: {}", file.status());
        let text = file.text().await?;
        let records = text
            .lines()
            .map(serde_json::from_str::<Value>)
            .collect::<Result<Vec<_>, _>>()?;
        ensure!(
            export.number("/count")? as usize == records.len(),
            "count {} of {} records",
            export["count"],
            records.len()
        );
        let record = records
            .iter()
            .find(|record| record["request"] == "Be remembered by the learner")
            .context("not exported yet")?;
        for member in [
            "schema_version",
            "record_id",
            "intent",
            "plan",
            "steps",
            "quality",
            "labels",
            "models",
        ] {
            ensure!(
                record.get(member).is_some(),
                "a record without {member}: {}",
                shortened(record)
            );
        }
        Ok(())
    })
    .await
}

async fn grpc_offers_the_same_verbs(world: Arc<World>) -> Result<()> {
    use contracts::v1::orchestrator_service_client::OrchestratorServiceClient;
    use contracts::v1::{DecideApprovalRequest, GetTaskRequest, SubmitTaskRequest, WatchTaskRequest};
    let mut client = OrchestratorServiceClient::connect(world.system.dev()?.grpc_url).await?;
    let plan = json!({"steps": [null_step("only", &json!({"text": "Submitted over gRPC."}), &[])]});
    let submitted = client
        .submit_task(SubmitTaskRequest {
            request: "Arrive over gRPC".to_owned(),
            plan_json: plan.to_string(),
            preferences_json: r#"{"channels":[]}"#.to_owned(),
            quality_threshold: Some(0.0),
            ..Default::default()
        })
        .await?
        .into_inner();
    let task_id = submitted.task_id;
    world.rest.until(&task_id, &["awaiting_approval"], LIMIT).await?;
    let task = client
        .get_task(GetTaskRequest {
            task_id: task_id.clone(),
        })
        .await?
        .into_inner();
    ensure!(task.status == "awaiting_approval" && task.steps_total == 1, "{task:?}");
    let mut events = client
        .watch_task(WatchTaskRequest {
            task_id: task_id.clone(),
            after_sequence: 0,
        })
        .await?
        .into_inner();
    let decision = DecideApprovalRequest {
        task_id: task_id.clone(),
        approved: true,
        ..Default::default()
    };
    client.decide_approval(decision).await?;
    let mut told = Vec::new();
    while let Some(event) = tokio::time::timeout(LIMIT, events.message()).await?? {
        told.push((event.sequence, event.r#type));
    }
    ensure!(
        told.iter().map(|(sequence, _)| *sequence).eq(1..=told.len() as u64),
        "sequences {told:?}"
    );
    ensure!(
        told.last().is_some_and(|(_, kind)| kind.contains("task.completed")),
        "the stream ends with {:?}",
        told.last()
    );
    let unknown = client
        .get_task(GetTaskRequest {
            task_id: "0190b5a0-0000-7000-8000-000000000000".to_owned(),
        })
        .await;
    ensure!(
        unknown.is_err_and(|status| status.code() == tonic::Code::NotFound),
        "an unknown task is not NOT_FOUND"
    );
    Ok(())
}

async fn a_channel_list_decides_where_results_go(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let text = "# Only here\n\nThis text is for the web log alone, and nobody else gets it.";
    let plan = json!({"steps": [null_step("only", &json!({"text": text}), &[])]});
    let request = json!({"request": "Publish in one place", "plan": plan, "quality_threshold": 0.0, "preferences": {"channels": ["blog", "linkedin"]}});
    let task = rest.submit(&request).await?;
    rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let refused = rest
        .decide(&task, &json!({"approved": true, "publish_to_channels": ["fax"]}))
        .await?;
    ensure!(
        refused.status == 422,
        "a channel that is not among the deliverables: {}",
        refused.status
    );
    rest.decide(&task, &json!({"approved": true, "publish_to_channels": ["linkedin"]}))
        .await?
        .expect(200)?;
    let done = rest.until(&task, &["completed"], LIMIT).await?;
    let channels: Vec<&Value> = done
        .list("/published")?
        .iter()
        .map(|published| &published["channel"])
        .collect();
    ensure!(channels == [&json!("linkedin")], "published to {channels:?}");
    ensure!(step(&done, "only")?["status"] == "succeeded", "{}", shortened(&done));
    Ok(())
}
