//! Rollouts against a real Postgres.

use super::Rollouts;
use crate::grpc::tasks::tests::world::{World, planned};
use contracts::coordinator::rollout_service_server::RolloutService;
use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{
    Assigned, GetRecordsRequest, ListAskedRequest, ListAssignedRequest, ServedModel, SetRolloutsRequest,
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tonic::{Code, Request, Status};

const EXPERIMENT: &str = "00000000-0000-7000-8000-0000000000e1";
const SALT: &str = "00000000-0000-7000-8000-00000000005a";
const MODEL: &str = "00000000-0000-7000-8000-0000000000a1";

/// The writer's challenger beside the configured model, for a share of the tasks in hundredths of a percent.
fn tried(version: u64, salt: &str, exposed: u16) -> Value {
    let experiment = json!({
        "id": EXPERIMENT, "salt": salt, "unit": "task", "challenger": MODEL, "step": 1, "exposed": exposed,
        "phase": "running",
    });
    json!({ "version": version, "roles": { "writer": { "champion": "configured", "experiment": experiment } } })
}

async fn set(service: &Rollouts, tenant: &str, table: Value) -> Result<u64, Status> {
    let ask = SetRolloutsRequest {
        tenant: tenant.to_owned(),
        table_json: table.to_string(),
        models: vec![ServedModel {
            model_id: MODEL.to_owned(),
            name: "writer-7".to_owned(),
            provider: "own".to_owned(),
            model: "writer-7-q4".to_owned(),
            answers_as: String::new(),
        }],
    };
    let answer = service.set_rollouts(Request::new(ask)).await?;
    Ok(answer.into_inner().version)
}

/// Every coordinator has heard of the tables by now: tasks that are made from here on go by them.
async fn heard(service: &Rollouts) {
    let past =
        r#"UPDATE rollout SET body = regexp_replace(body, '"until_unix_ms":\d+', '"until_unix_ms":' || $1, 'g')"#;
    let update = sqlx::query(past).bind(service::clock::now_ms().to_string());
    update.execute(&service.0.pool).await.unwrap();
    service.0.rollouts.refresh(&service.0.pool).await.unwrap();
}

async fn assigned(service: &Rollouts, tenant: &str, after: &str, limit: u32) -> Vec<Assigned> {
    let ask = ListAssignedRequest {
        tenant: tenant.to_owned(),
        experiment_id: EXPERIMENT.to_owned(),
        after: after.to_owned(),
        limit,
    };
    service
        .list_assigned(Request::new(ask))
        .await
        .unwrap()
        .into_inner()
        .assigned
}

#[tokio::test]
async fn a_task_is_given_a_model_once_and_the_experiment_knows_it_in_order() {
    let world = World::new().await;
    let service = Rollouts(Arc::clone(&world.tasks.shared));
    let before = world.submit(planned("before")).await;
    assert_eq!(set(&service, "a", tried(1, SALT, 10_000)).await.unwrap(), 1);
    heard(&service).await;
    let mut tasks = Vec::new();
    for n in 0..6 {
        tasks.push(world.submit(planned(&format!("request {n}"))).await);
    }
    let all = assigned(&service, "a", "", 1000).await;
    let ids: Vec<&str> = all.iter().map(|a| a.task_id.as_str()).collect();
    assert_eq!(ids, tasks, "in the order they were taken in, without the one before");
    assert!(
        all.iter()
            .all(|a| (a.propensity - 0.5).abs() < 1e-9 && a.user == "ann" && a.step == 1)
    );
    let pages = [
        assigned(&service, "a", "", 4).await,
        assigned(&service, "a", &all[3].place, 4).await,
    ];
    assert_eq!(pages.concat(), all);
    assert!(assigned(&service, "b", "", 1000).await.is_empty(), "another tenant's");

    // The experiment is over: what was given stands, and what comes is as configured.
    let over = json!({ "version": 2, "roles": { "writer": { "champion": "configured" } } });
    assert_eq!(set(&service, "a", over).await.unwrap(), 2);
    for task in tasks.iter().chain([&before]) {
        world.work(task).await;
    }
    assert_eq!(assigned(&service, "a", "", 1000).await, all);
    for (task, given) in tasks.iter().zip(&all) {
        let name = if given.arm == "challenger" {
            "writer-7"
        } else {
            "configured"
        };
        assert_eq!(world.status(task).await["model_versions"], json!({ "writer": name }));
    }
    assert_eq!(world.status(&before).await["model_versions"], json!({}));
}

#[tokio::test]
async fn a_task_that_began_outside_stays_there_although_more_are_exposed() {
    let world = World::new().await;
    let service = Rollouts(Arc::clone(&world.tasks.shared));
    set(&service, "a", tried(1, SALT, 1)).await.unwrap();
    heard(&service).await;
    let mut tasks = Vec::new();
    for n in 0..6 {
        tasks.push(world.submit(planned(&format!("request {n}"))).await);
    }
    assert_eq!(set(&service, "a", tried(2, SALT, 10_000)).await.unwrap(), 2);
    // Their later steps are dispatched under the new table.
    for task in &tasks {
        world.work(task).await;
        assert_eq!(world.status(task).await["model_versions"], json!({}));
    }
    assert!(assigned(&service, "a", "", 1000).await.is_empty());
    heard(&service).await;
    let later = world.submit(planned("later")).await;
    assert_eq!(assigned(&service, "a", "", 1000).await[0].task_id, later);
}

#[tokio::test]
async fn workers_are_told_whom_rollouts_ask_and_of_a_rollback_at_once() {
    let world = World::new().await;
    let service = Rollouts(Arc::clone(&world.tasks.shared));
    let asked = async |tenant: &str| -> Vec<(String, String, String)> {
        let tenant = tenant.to_owned();
        let answer = service
            .list_asked(Request::new(ListAskedRequest { tenant }))
            .await
            .unwrap();
        let asked = answer.into_inner().asked.into_iter();
        asked.map(|asked| (asked.role, asked.provider, asked.model)).collect()
    };
    set(&service, "a", tried(1, SALT, 10_000)).await.unwrap();
    let challenger = ("writer".to_owned(), "own".to_owned(), "writer-7-q4".to_owned());
    assert_eq!(asked("a").await, [challenger]);
    assert_eq!(asked("b").await, []);
    set(&service, "a", json!({ "version": 2, "roles": {} })).await.unwrap();
    assert_eq!(asked("a").await, []);
}

#[tokio::test]
async fn the_record_of_a_task_says_what_it_was_given() {
    let world = World::new().await;
    let service = Rollouts(Arc::clone(&world.tasks.shared));
    let champion =
        json!({ "version": 1, "roles": { "writer": { "champion": MODEL }, "judge": { "champion": MODEL } } });
    set(&service, "a", champion).await.unwrap();
    let task = world.submit(planned("write")).await;
    world.work(&task).await;
    world.decide(&task, json!({ "approved": true })).await.unwrap();
    world.work(&task).await;
    let request = GetRecordsRequest {
        task_ids: vec![task.clone()],
    };
    let records = world
        .tasks
        .get_records(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let records: Vec<_> = records.map(Result::unwrap).collect().await;
    let record: Value = serde_json::from_str(&records[0].json).unwrap();
    let given = record["assignments"].as_array().unwrap();
    let shown: Vec<_> = given
        .iter()
        .map(|g| (&g["role"], &g["name"], &g["arm"], &g["passed_over"]))
        .collect();
    // The workers of this test know of no rollouts: they asked nobody.
    let (name, outside, yes) = (json!("writer-7"), json!("champion_outside"), json!(true));
    let (judge, writer) = (json!("judge"), json!("writer"));
    assert_eq!(
        shown,
        [(&judge, &name, &outside, &yes), (&writer, &name, &outside, &yes)]
    );
    assert_eq!(
        record["task"]["model_versions"],
        json!({ "judge": "writer-7", "writer": "writer-7" })
    );
}

#[tokio::test]
async fn an_older_table_changes_nothing_and_one_that_moves_units_is_refused() {
    let world = World::new().await;
    let service = Rollouts(Arc::clone(&world.tasks.shared));
    assert_eq!(set(&service, "a", tried(5, SALT, 100)).await.unwrap(), 5);
    assert_eq!(set(&service, "a", tried(4, SALT, 10_000)).await.unwrap(), 5, "late");
    assert_eq!(set(&service, "a", tried(5, SALT, 10_000)).await.unwrap(), 5, "again");
    let moved = set(&service, "a", tried(6, EXPERIMENT, 100)).await.unwrap_err();
    assert_eq!(moved.code(), Code::FailedPrecondition);
    let smaller = set(&service, "a", tried(6, SALT, 50)).await.unwrap_err();
    assert_eq!(smaller.code(), Code::FailedPrecondition);
    assert_eq!(set(&service, "a", tried(6, SALT, 500)).await.unwrap(), 6);
    assert_eq!(
        set(&service, "b", tried(1, SALT, 100)).await.unwrap(),
        1,
        "a tenant's table is its own"
    );
    let other = "00000000-0000-7000-8000-0000000000a2";
    let nobody = json!({ "version": 9, "roles": { "writer": { "champion": other } } });
    let mut shadow = tried(9, SALT, 500);
    shadow["roles"]["writer"]["experiment"]["phase"] = "shadow".into();
    let bad = [
        json!({}),
        json!({ "version": 9, "roles": { "writer": {} } }),
        json!([]),
        nobody,
        shadow,
    ];
    for bad in bad {
        assert_eq!(set(&service, "a", bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert_eq!(
        set(&service, "a.>", tried(9, SALT, 1)).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

/// What of a run of the first step's job stands in the trace, and whether that passes the model over.
async fn passed_over(calls: &str, outcome: &str, error: &str, lost: bool) -> bool {
    let world = World::new().await;
    let service = Rollouts(Arc::clone(&world.tasks.shared));
    let champion = json!({ "version": 1, "roles": { "writer": { "champion": MODEL } } });
    set(&service, "a", champion).await.unwrap();
    let task = world.submit(planned("write")).await;
    let pool = &world.tasks.shared.pool;
    sqlx::query(
        "INSERT INTO run (task_id, job_id, run_id, kind, outcome, error, message, counted, started_at, finished_at, calls)
         VALUES ($1::uuid, gen_random_uuid(), gen_random_uuid(), 'execute', $2, $3, '', true, now(), now(), $4)",
    )
    .bind(&task)
    .bind(outcome)
    .bind(error)
    .bind(calls)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("UPDATE assignment SET lost = $1")
        .bind(lost)
        .execute(pool)
        .await
        .unwrap();
    let given = crate::store::rollouts::of_tasks(pool, &[task.parse().unwrap()])
        .await
        .unwrap();
    given[0].passed_over
}

#[tokio::test]
async fn a_model_is_passed_over_that_failed_was_lost_or_was_not_asked() {
    let asked = r#"[{"kind":"model","name":"plan","provider":"own","model":"writer-7-q4","prompt":"plan@1"}]"#;
    let other = r#"[{"kind":"model","name":"plan","provider":"own","model":"base","prompt":"plan@1"}]"#;
    let decided = asked.replace(
        "}]",
        r#"},{"kind":"decision","name":"passed_over","provider":"own","model":"writer-7-q4"}]"#,
    );
    assert!(!passed_over(asked, "succeeded", "", false).await);
    assert!(
        !passed_over(asked, "failed", "tool_failed", false).await,
        "a tool's fault is not the model's"
    );
    assert!(passed_over(asked, "failed", "llm_bad_output", false).await);
    assert!(passed_over(&decided, "succeeded", "", false).await);
    assert!(passed_over(other, "succeeded", "", false).await, "it was not asked");
    assert!(
        passed_over(asked, "succeeded", "", true).await,
        "it took its worker with it"
    );
}
