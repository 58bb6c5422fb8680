//! Forks and retries over a real writer and Postgres.

use super::world::{World, caller, code, document, planned};
use crate::store::payloads;
use crate::view::story;
use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{ControlRequest, ForkRequest};
use contracts::problem::Problem;
use serde_json::{Value, json};
use tonic::Request;
use workflow::state::Unit;

/// New task, whether it was there, and `forked_from`.
type Forked = (String, bool, Value);

impl World {
    async fn fork(&self, tenant: &str, task_id: &str, key: &str, fork: Value) -> Result<Forked, Box<Problem>> {
        let request = ForkRequest {
            caller: caller(tenant),
            task_id: task_id.to_owned(),
            body_hash: format!("{task_id} {fork}"),
            fork_json: fork.to_string(),
            idempotency_key: key.to_owned(),
        };
        let answer = self.tasks.fork(Request::new(request)).await;
        let answer = answer.map_err(|s| Box::new(Problem::from_status(&s)))?.into_inner();
        let task = answer.task.unwrap();
        Ok((
            task.task_id,
            task.replayed,
            serde_json::from_str(&answer.forked_from_json).unwrap(),
        ))
    }

    /// A task whose steps are done.
    async fn done(&self) -> String {
        let id = self.submit(planned("Write about AI")).await;
        self.work(&id).await;
        id
    }
}

#[tokio::test]
async fn a_fork_takes_over_what_is_the_same_and_says_so() {
    let world = World::new().await;
    let source = world.done().await;
    let change = json!({ "overrides": { "steps": { "check": { "arguments": { "loud": true } } } } });
    let (id, replayed, from) = world.fork("a", &source, "k", change.clone()).await.unwrap();
    assert!(!replayed);
    assert_eq!((&from["task_id"], &from["reused"]), (&json!(source), &json!(["draft"])));
    assert!(from["saved"]["seconds"].as_f64().is_some(), "{from}");
    let status = world.status(&id).await;
    assert_eq!(status["forked_from"], from);
    assert_eq!(status["request"], "Write about AI");
    assert_eq!(status["plan"]["origin"], "human");
    let step = |index: usize| &status["plan"]["steps"][index];
    assert_eq!(
        (&step(0)["status"], &step(1)["status"]),
        (&json!("succeeded"), &json!("queued"))
    );
    assert_eq!(
        step(0)["output"],
        world.status(&source).await["plan"]["steps"][0]["output"]
    );
    world.work(&id).await;
    assert_eq!(
        world.status(&id).await["status"],
        "awaiting_approval",
        "who may publish was not taken over"
    );

    let (twin, replayed, _) = world.fork("a", &source, "k", change).await.unwrap();
    assert_eq!((twin == id, replayed), (true, true));
    let other = world.fork("a", &source, "k", json!({})).await.unwrap_err();
    assert_eq!((other.status, other.code.as_str()), (422, "idempotency_key_reused"));
    let (from_start, ..) = world
        .fork("a", &source, "", json!({ "from_step": "draft" }))
        .await
        .unwrap();
    assert_eq!(world.status(&from_start).await["forked_from"]["reused"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_forked_is_refused_at_its_place() {
    let world = World::new().await;
    let source = world.done().await;
    let refused = async |tenant: &str, task: &str, fork: Value| {
        let answer = world.fork(tenant, task, "", fork).await;
        code(answer.map(|(id, ..)| json!(id)))
    };
    assert_eq!(refused("b", &source, json!({})).await, (404, "not_found".to_owned()));
    let step = json!({ "from_step": "nowhere" });
    assert_eq!(refused("a", &source, step).await, (422, "unknown_step".to_owned()));
    let step = json!({ "overrides": { "steps": { "nowhere": {} } } });
    assert_eq!(refused("a", &source, step).await, (422, "unknown_step".to_owned()));
    let tool = json!({ "overrides": { "steps": { "draft": { "tool_id": "none" } } } });
    assert_eq!(refused("a", &source, tool).await, (422, "plan_tool".to_owned()));
    let auto = json!({ "overrides": { "auto_approve": true } });
    assert_eq!(
        refused("a", &source, auto).await,
        (403, "auto_approve_not_allowed".to_owned())
    );
    let unplanned = world.submit(json!({ "request": "Write" })).await;
    assert_eq!(
        refused("a", &unplanned, json!({})).await,
        (409, "wrong_state".to_owned())
    );
}

#[tokio::test]
async fn large_outputs_lie_beside_the_fork_and_beside_nothing_that_came_to_nothing() {
    let world = World::new().await;
    let source = world.done().await;
    let pool = &world.tasks.shared.pool;
    let large = payloads::put(pool, source.parse().unwrap(), b"\"large\"")
        .await
        .unwrap();
    sqlx::query("UPDATE payload SET body = $1 WHERE task_id = $2 AND kind = 'output'")
        .bind(format!("blob:{}:{}", large.sha256, large.size))
        .bind(source.parse::<workflow::ids::TaskId>().unwrap().0)
        .execute(pool)
        .await
        .unwrap();
    let (id, ..) = world.fork("a", &source, "k", json!({})).await.unwrap();
    assert_eq!(world.status(&id).await["plan"]["steps"][0]["output"], "large");
    world.fork("a", &source, "k", json!({})).await.unwrap();
    world
        .fork(
            "a",
            &source,
            "",
            json!({ "overrides": { "steps": { "check": { "tool_id": "none" } } } }),
        )
        .await
        .unwrap_err();
    let owners: i64 = sqlx::query_scalar("SELECT count(DISTINCT task_id) FROM blob")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(owners, 2);
}

#[tokio::test]
async fn a_retry_says_what_stands() {
    let world = World::new().await;
    let id = world.submit(planned("Write about AI")).await;
    let task = id.parse().unwrap();
    world
        .end(
            task,
            &world.job(task).await,
            Ok(story::well(Unit::Step(0), "step", 1.0)),
        )
        .await;
    world.end(task, &world.job(task).await, Err(story::broken())).await;
    let request = ControlRequest {
        caller: caller("a"),
        task_id: id.clone(),
        verb: "retry".to_owned(),
        body_json: String::new(),
    };
    let answer = document(world.tasks.control(Request::new(request)).await).unwrap();
    assert_eq!(answer["retried"]["reused"], json!(["draft"]));
    assert_eq!(answer["plan"]["steps"][1]["status"], "queued");
}
