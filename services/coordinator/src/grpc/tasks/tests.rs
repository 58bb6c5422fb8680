//! The service over a real writer, Postgres and NATS; the test itself is the worker.

mod erasing;
mod escalation;
mod forking;
mod judging;
mod windows;
pub(in crate::grpc) mod world;
mod writing;

use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{
    ApprovalRequest, ControlRequest, DecideRequest, GetRecordsRequest, ListEventsRequest, ListFinishedRequest,
    ListRequest, ListTasksRequest, TaskRequest,
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use tonic::Request;

use world::{LIMIT, World, caller, code, document, planned};

#[tokio::test]
async fn a_submitted_plan_is_worked_through_edited_approved_and_recorded() {
    let world = World::new().await;
    let id = world.submit(planned("Write about AI")).await;
    world.work(&id).await;
    let approval = world.approval(&id, "").await.unwrap();
    assert_eq!(
        (&approval["kind"], &approval["deliverables"][0]["content"]),
        (&json!("publication"), &json!("abc"))
    );
    let stale = json!({ "approved": true, "content_hash": "0" });
    assert_eq!(code(world.decide(&id, stale).await), (409, "approval_stale".to_owned()));
    let nowhere = json!({ "approved": true, "publish_to_channels": ["fax"] });
    assert_eq!(
        code(world.decide(&id, nowhere).await),
        (422, "unknown_channel".to_owned())
    );
    let nothing = json!({ "approved": true, "edits": { "fax": "x" } });
    assert_eq!(
        code(world.decide(&id, nothing).await),
        (422, "unknown_channel".to_owned())
    );
    let edit = json!({ "approved": true, "edits": { "blog": "edited" }, "content_hash": approval["content_hash"] });
    let status = world.decide(&id, edit.clone()).await.unwrap();
    assert_eq!(
        (&status["status"], &status["deliverables"][0]["content"]),
        (&json!("publishing"), &json!("edited"))
    );
    let late = world.decide(&id, edit).await.unwrap_err();
    assert_eq!(
        (late.status, late.code.as_str(), &late.extra["decided_by"]),
        (409, "already_decided", &json!("ann"))
    );
    assert_eq!(late.extra["action"], "edit");
    world.work(&id).await;
    let done = world.status(&id).await;
    assert_eq!(
        (&done["status"], &done["published"][0]["location"]),
        (&json!("completed"), &json!("/blog/1.md"))
    );
    assert_eq!(
        code(world.approval(&id, "").await),
        (409, "not_awaiting_approval".to_owned())
    );
    assert_eq!(
        code(world.control(&id, "cancel").await),
        (409, "already_terminal".to_owned())
    );

    let request = GetRecordsRequest {
        task_ids: vec![id.clone(), world.submit(planned("Not ended")).await],
    };
    let stream = world
        .tasks
        .get_records(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let records: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(
        records
            .iter()
            .map(|r| (r.task_id.as_str(), r.tenant.as_str()))
            .collect::<Vec<_>>(),
        [(id.as_str(), "a")]
    );
    let record: Value = serde_json::from_str(&records[0].json).unwrap();
    assert_eq!(
        (&record["task"]["status"], &record["gates"][0]["action"]),
        (&json!("completed"), &json!("edit"))
    );
    assert_eq!(
        (
            &record["outputs"]["draft"]["text"],
            &record["deliverables"][0]["content"]
        ),
        (&json!("text of step"), &json!("edited"))
    );
    assert_eq!(record["drafts"], json!([{ "channel": "blog", "content": "abc" }]));
    assert_eq!(record["assessments"].as_array().unwrap().len(), 1);
    assert_eq!(
        record["assessments"][0]["plan_version"],
        record["task"]["plan"]["version"]
    );

    let finished = async {
        loop {
            let request = ListFinishedRequest::default();
            let page = world
                .tasks
                .list_finished(Request::new(request))
                .await
                .unwrap()
                .into_inner();
            if !page.task_ids.is_empty() {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let page = tokio::time::timeout(LIMIT, finished).await.unwrap();
    assert_eq!(page.task_ids, [id]);
    let next = ListFinishedRequest {
        cursor: page.cursor.clone(),
        limit: 0,
    };
    let next = world
        .tasks
        .list_finished(Request::new(next))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((next.task_ids.len(), next.cursor), (0, page.cursor));
}

#[tokio::test]
async fn a_key_makes_one_task_and_what_cannot_be_accepted_makes_none() {
    let world = World::new().await;
    let first = world.submit_with("k", planned("Once")).await.unwrap();
    assert_eq!(world.submit_with("k", planned("Once")).await.unwrap(), (first.0, true));
    let reused = world.submit_with("k", planned("Another")).await.unwrap_err();
    assert_eq!((reused.status, reused.code.as_str()), (422, "idempotency_key_reused"));
    let plan = json!({ "steps": [{ "key": "a", "tool_id": "rm_rf", "arguments": {} }] });
    let refused = world
        .submit_with("", json!({ "request": "x", "plan": plan }))
        .await
        .unwrap_err();
    let pointer = refused.errors[0].pointer.as_str();
    assert_eq!(
        (refused.status, refused.code.as_str(), pointer),
        (422, "plan_tool", "/plan/steps/0/tool_id")
    );
    let fax = json!({ "request": "x", "preferences": { "channels": ["fax"] } });
    assert_eq!(world.submit_with("", fax).await.unwrap_err().code, "unknown_channel");
    let auto = json!({ "request": "x", "auto_approve": true });
    assert_eq!(world.submit_with("", auto).await.unwrap_err().status, 403);
    let request = ListTasksRequest {
        caller: caller("a"),
        ..ListTasksRequest::default()
    };
    let listed = document(world.tasks.list_tasks(Request::new(request)).await).unwrap();
    assert_eq!(
        (listed["items"].as_array().unwrap().len(), &listed["next_cursor"]),
        (1, &Value::Null)
    );
    assert_eq!(listed["items"][0]["request"], "Once");
}

#[tokio::test]
async fn another_tenants_task_does_not_exist_and_no_id_is_told_apart() {
    let world = World::new().await;
    let id = world.submit(planned("Mine")).await;
    let ask = |tenant: &'static str, task_id: String| {
        let tasks = &world.tasks;
        async move {
            let (caller, verb) = (caller(tenant), "cancel".to_owned());
            let task = TaskRequest {
                caller: caller.clone(),
                task_id: task_id.clone(),
            };
            let approval = ApprovalRequest {
                caller: caller.clone(),
                task_id: task_id.clone(),
                ..Default::default()
            };
            let decision_json = r#"{"approved":true}"#.to_owned();
            let decide = DecideRequest {
                caller: caller.clone(),
                task_id: task_id.clone(),
                decision_json,
                ..Default::default()
            };
            let control = ControlRequest {
                caller: caller.clone(),
                task_id: task_id.clone(),
                verb,
                ..Default::default()
            };
            let events = ListEventsRequest {
                caller,
                task_id,
                ..Default::default()
            };
            [
                document(tasks.get_task(Request::new(task)).await),
                document(tasks.get_approval(Request::new(approval)).await),
                document(tasks.decide(Request::new(decide)).await),
                document(tasks.control(Request::new(control)).await),
                document(tasks.list_events(Request::new(events)).await),
            ]
        }
    };
    for answer in ask("b", id.clone()).await {
        assert_eq!(code(answer), (404, "not_found".to_owned()));
    }
    for answer in ask("a", "0190b5a0-0000-7000-8000-000000000000".to_owned()).await {
        assert_eq!(code(answer), (404, "not_found".to_owned()));
    }
    for answer in ask("a", "not-an-id".to_owned()).await {
        assert_eq!(code(answer), (400, "invalid_id".to_owned()));
    }
    for answer in ask("", id.clone()).await {
        assert_eq!(code(answer), (401, "unauthenticated".to_owned()));
    }
    assert_eq!(world.status(&id).await["status"], "executing");
}

#[tokio::test]
async fn the_inbox_shows_every_open_gate_with_its_risk_page_by_page() {
    let world = World::new().await;
    let mut reviewed = planned("Review");
    reviewed["plan_review"] = json!(true);
    let first = world.submit(reviewed).await;
    let plan = json!({ "steps": [{ "key": "mail", "tool_id": "send", "arguments": {} }, { "key": "more", "tool_id": "send", "arguments": {} }] });
    let second = world.submit(json!({ "request": "Send", "plan": plan })).await;
    world.work(&second).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.approvals(1, &cursor).await;
        let item = &page["items"][0];
        assert!(item["age_seconds"].as_f64().unwrap() >= 0.0 && item["opened_at"].is_string());
        seen.push(json!([
            item["task_id"],
            item["kind"],
            item["status"],
            item["step_key"],
            item["risk"]
        ]));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let step = |key: &str| json!([second, "step", "awaiting_step_approval", key, "high"]);
    assert_eq!(
        seen,
        [
            json!([first, "plan", "awaiting_plan_review", null, "low"]),
            step("mail"),
            step("more")
        ]
    );
    let ambiguous = world.approval(&second, "").await.unwrap_err();
    assert_eq!((ambiguous.status, ambiguous.code.as_str()), (409, "gate_ambiguous"));
    let gate = ambiguous.extra["gates"][0].as_str().unwrap();
    assert_eq!(world.approval(&second, gate).await.unwrap()["step_key"], "mail");
    let unnamed = world.decide(&second, json!({ "approved": true })).await.unwrap_err();
    assert_eq!(
        (unnamed.code.as_str(), &unnamed.extra["gates"]),
        ("gate_ambiguous", &ambiguous.extra["gates"])
    );
    let edit = json!({ "approved": true, "gate_id": gate, "edits": { "blog": "x" } });
    assert_eq!(code(world.decide(&second, edit).await), (422, "validation".to_owned()));
    let foreign = ListRequest {
        assignee: String::new(),
        caller: caller("a"),
        limit: 1,
        cursor: "t00000000000000000000000000000000".to_owned(),
    };
    let foreign = document(world.tasks.list_approvals(Request::new(foreign)).await);
    assert_eq!(code(foreign), (400, "invalid_cursor".to_owned()));
    world.decide(&first, json!({ "approved": false })).await.unwrap();
    assert_eq!(world.status(&first).await["status"], "rejected");
    assert_eq!(world.approvals(9, "").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_step_s_call_is_shown_edited_once_and_never_by_who_saw_another() {
    let world = World::new().await;
    let plan = json!({ "steps": [{ "key": "mail", "tool_id": "send", "arguments": {} }] });
    let id = world.submit(json!({ "request": "Send", "plan": plan })).await;
    world.work(&id).await;
    let shown = world.approval(&id, "").await.unwrap();
    assert_eq!(shown["arguments"], json!({ "text": "for step" }));
    let word = |more: Value| {
        let mut word = json!({ "approved": true, "content_hash": shown["content_hash"] });
        word.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        word
    };
    let stale = word(json!({ "arguments": {}, "content_hash": "0" }));
    assert_eq!(code(world.decide(&id, stale).await), (409, "approval_stale".to_owned()));
    let misplaced = word(json!({ "responses": {} }));
    assert_eq!(code(world.decide(&id, misplaced).await), (422, "validation".to_owned()));
    let edit = word(json!({ "arguments": { "text": "mine" } }));
    assert_eq!(world.decide(&id, edit.clone()).await.unwrap()["status"], "executing");
    let again = code(world.decide(&id, edit).await);
    assert_eq!(again, (409, "already_decided".to_owned()));
    world.work(&id).await;
    let late = json!({ "approved": true, "arguments": {} });
    assert_eq!(world.approval(&id, "").await.unwrap()["kind"], "publication");
    assert_eq!(code(world.decide(&id, late).await), (422, "validation".to_owned()));
}

#[tokio::test]
async fn tasks_are_paused_resumed_and_cancelled_and_their_events_paged() {
    let world = World::new().await;
    let id = world.submit(planned("Steer me")).await;
    assert_eq!(world.control(&id, "pause").await.unwrap()["status"], "paused");
    assert_eq!(code(world.control(&id, "retry").await), (409, "wrong_state".to_owned()));
    assert_eq!(world.control(&id, "resume").await.unwrap()["status"], "executing");
    assert_eq!(
        code(world.control(&id, "resume").await),
        (409, "wrong_state".to_owned())
    );
    assert_eq!(world.control(&id, "cancel").await.unwrap()["status"], "cancelled");
    assert_eq!(
        world.control(&id, "cancel").await.unwrap()["error"]["code"],
        "cancelled"
    );
    let mut sequences = Vec::new();
    let mut after = 0;
    loop {
        let request = ListEventsRequest {
            caller: caller("a"),
            task_id: id.clone(),
            after,
            limit: 2,
        };
        let page = document(world.tasks.list_events(Request::new(request)).await).unwrap();
        let items = page["items"].as_array().unwrap();
        sequences.extend(items.iter().map(|e| e["sequence"].as_u64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    assert!(
        sequences.len() > 4 && sequences.iter().copied().eq(1..=sequences.len() as u64),
        "{sequences:?}"
    );
}

#[tokio::test]
async fn planning_that_no_model_answers_is_shown_as_waiting_until_it_is_done() {
    let world = World::new().await;
    let id = world.submit(json!({ "request": "Write about AI" })).await;
    world.postpone(&id).await;
    let waits = world.status(&id).await["waiting"].clone();
    assert_eq!(
        (&waits[0]["what"], &waits[0]["code"], &waits[0]["message"]),
        (
            &json!("planning"),
            &json!("model_unavailable"),
            &json!("no model answers")
        )
    );
    assert!(
        waits[0]["until"].is_string() && waits.as_array().unwrap().len() == 1,
        "{waits}"
    );
    let fine = world.submit(planned("Write about AI")).await;
    assert_eq!(world.status(&fine).await.get("waiting"), None);
}
