//! Erasing a user: no word of theirs is left in any table or on the stream, and everything else is as it was.

use super::world::{LIMIT, World, caller, code, planned};
use crate::erasing;
use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{EraseUserTasksRequest, ForkRequest, GetRecordsRequest, ListEventsRequest, TaskRequest};
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use tonic::Request;

/// Whatever the user says has this in it; who says it does not.
const SECRET: &str = "xylograph";
/// The user of `world::caller`.
const USER: &str = "ann";

/// How often `word` stands in any column of any table, as text.
async fn found(world: &World, word: &str) -> Vec<(String, i64)> {
    let pool = &world.tasks.shared.pool;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'coordinator'")
            .fetch_all(pool)
            .await
            .unwrap();
    let mut found = Vec::new();
    for table in tables {
        // bytea is shown as hex.
        let count = format!(
            "SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, encode($1::bytea, 'hex')) > 0"
        );
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .bind(word)
            .fetch_one(pool)
            .await
            .unwrap();
        if count > 0 {
            found.push((table, count));
        }
    }
    found
}

/// The relay tells everything that was not told yet.
async fn relay(world: &World) {
    let shared = &world.tasks.shared;
    // It leaves what is younger to whoever committed it.
    sqlx::query("UPDATE outbox_batch SET created_at = created_at - interval '1 minute'")
        .execute(&shared.pool)
        .await
        .unwrap();
    let relay = outbox::Relay::new(
        shared.pool.clone(),
        shared.bus.clone(),
        7.0,
        shared.events_stream.clone(),
    );
    relay.pass().await.unwrap();
}

/// Bodies on the events stream with `word` in them.
async fn on_stream(world: &World, word: &str) -> usize {
    let bus = &world.tasks.shared.bus;
    let name = bus.names().stream(bus::names::StreamName::Events);
    let stream = bus.jetstream().get_stream(&name).await.unwrap();
    let state = stream.cached_info().state.clone();
    let mut count = 0;
    for sequence in state.first_sequence..=state.last_sequence {
        if let Ok(message) = stream.get_raw_message(sequence).await {
            count += usize::from(String::from_utf8_lossy(&message.payload).contains(word));
        }
    }
    count
}

async fn order(world: &World) -> contracts::coordinator::EraseUserTasksResponse {
    let now: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 1")
        .fetch_one(&world.tasks.shared.pool)
        .await
        .unwrap();
    order_at(world, now).await
}

async fn order_at(world: &World, asked_at_ms: i64) -> contracts::coordinator::EraseUserTasksResponse {
    let request = EraseUserTasksRequest {
        tenant: world.tenant.to_owned(),
        user: USER.to_owned(),
        asked_at_ms,
    };
    let answer = world.tasks.erase_user_tasks(Request::new(request)).await;
    answer.unwrap().into_inner()
}

/// Until the orders are done, as the background loop would.
async fn until_done(world: &World) {
    let done = async {
        loop {
            erasing::work(&world.tasks.shared, Duration::ZERO).await.unwrap();
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM erasure")
                .fetch_one(&world.tasks.shared.pool)
                .await
                .unwrap();
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, done).await.unwrap();
}

async fn ended(world: &World, request: &str) -> String {
    let id = world.submit(planned(request)).await;
    world.work(&id).await;
    let edit = json!({ "approved": true, "edits": { "blog": format!("{request}, edited") }, "feedback": request });
    world.decide(&id, edit).await.unwrap();
    world.work(&id).await;
    assert_eq!(world.status(&id).await["status"], "completed");
    id
}

async fn told(world: &World, id: &str) -> Vec<Value> {
    let request = ListEventsRequest {
        caller: caller(world.tenant),
        task_id: id.to_owned(),
        after: 0,
        limit: 200,
    };
    let page = super::world::document(world.tasks.list_events(Request::new(request)).await).unwrap();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn of_an_erased_user_no_word_is_left_and_the_rest_is_as_it_was() {
    let world = World::new().await;
    let id = ended(&world, SECRET).await;
    let pool = &world.tasks.shared.pool;
    // Of somebody else: the same words are theirs.
    let other = ended(&world, "quiet waters").await;
    sqlx::query(
        "UPDATE payload SET body = replace(body, '\"actor\":\"ann\"', '\"actor\":\"bob\"') WHERE task_id = $1::uuid",
    )
    .bind(&other)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("INSERT INTO quarantine (hash, task_id, reason, input) VALUES ('h', $1::uuid, 'no', $2)")
        .bind(&id)
        .bind(SECRET)
        .execute(pool)
        .await
        .unwrap();
    let others = told(&world, &other).await;
    let before = told(&world, &id).await;
    relay(&world).await;
    assert!(found(&world, SECRET).await.len() > 4, "there is something to erase");
    assert!(on_stream(&world, SECRET).await > 1, "on the stream, too");

    let answer = order(&world).await;
    assert!(!answer.up_to_date, "nobody works on it in this test");
    // Once more before it is done: the same order.
    order(&world).await;
    until_done(&world).await;

    assert_eq!(found(&world, SECRET).await, []);
    assert_eq!(on_stream(&world, SECRET).await, 0);
    let status = world.status(&id).await;
    assert_eq!(
        (&status["status"], &status["erased"], &status["request"]),
        (&json!("completed"), &json!(true), &json!(""))
    );
    let request = TaskRequest {
        caller: caller(world.tenant),
        task_id: id.clone(),
    };
    world.tasks.get_trace(Request::new(request)).await.unwrap();
    assert_eq!(
        code(world.control(&id, "retry").await),
        (409, "already_terminal".to_owned())
    );
    let fork = ForkRequest {
        caller: caller(world.tenant),
        task_id: id.clone(),
        fork_json: "{}".to_owned(),
        ..ForkRequest::default()
    };
    assert!(
        world.tasks.fork(Request::new(fork)).await.is_err(),
        "there is nothing to fork"
    );
    let request = GetRecordsRequest {
        task_ids: vec![id.clone(), other.clone()],
    };
    let records = world
        .tasks
        .get_records(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let given: Vec<String> = records.map(|record| record.unwrap().task_id).collect().await;
    assert_eq!(
        given,
        std::slice::from_ref(&other),
        "nothing is learned of an erased task"
    );

    let after = told(&world, &id).await;
    let envelope = |event: &Value| (event["id"].clone(), event["type"].clone(), event["sequence"].clone());
    assert_eq!(
        after.iter().map(envelope).collect::<Vec<_>>(),
        before.iter().map(envelope).collect::<Vec<_>>()
    );
    assert_eq!(told(&world, &other).await, others);
    assert_eq!(world.status(&other).await["request"], "quiet waters");
    assert!(
        on_stream(&world, "quiet waters").await > 0,
        "other events stay on the stream"
    );
}

#[tokio::test]
async fn a_task_that_nobody_can_read_keeps_no_words_and_holds_up_nobody() {
    let world = World::new().await;
    let (broken, sound) = (ended(&world, SECRET).await, ended(&world, SECRET).await);
    relay(&world).await;
    sqlx::query("UPDATE task SET state = 'xylograph, no JSON' WHERE id = $1::uuid")
        .bind(&broken)
        .execute(&world.tasks.shared.pool)
        .await
        .unwrap();
    order(&world).await;
    until_done(&world).await;
    assert_eq!(found(&world, SECRET).await, []);
    assert_eq!(on_stream(&world, SECRET).await, 0);
    assert_eq!(world.status(&sound).await["erased"], true);
}

#[tokio::test]
async fn a_task_that_runs_is_erased_when_it_has_ended_and_one_begun_afterwards_is_not() {
    let world = World::new().await;
    let id = world.submit(planned(SECRET)).await;
    order(&world).await;
    erasing::work(&world.tasks.shared, Duration::ZERO).await.unwrap();
    let answer = order_at(&world, 1).await;
    assert_eq!(
        (answer.running, answer.erased, answer.up_to_date),
        (1, 0, true),
        "an older order changes nothing"
    );
    world.work(&id).await;
    assert_eq!(world.status(&id).await["request"], SECRET, "it goes on as it is");
    let later = world.submit(planned("somebody new")).await;

    world.control(&id, "cancel").await.unwrap();
    until_done(&world).await;
    assert_eq!(found(&world, SECRET).await, []);
    assert_eq!(world.status(&later).await["request"], "somebody new");

    // What comes late of it is kept without words, and the writer goes on.
    let late = "INSERT INTO erasure (tenant, actor, ordered_at) VALUES ('a', 'nobody', now())";
    sqlx::query(late).execute(&world.tasks.shared.pool).await.unwrap();
    until_done(&world).await;
    let task = id.parse().unwrap();
    crate::store::payloads::put(&world.tasks.shared.pool, task, SECRET.as_bytes())
        .await
        .unwrap();
    crate::store::quarantine::keep(&world.tasks.shared.pool, Some(task), SECRET, SECRET)
        .await
        .unwrap();
    assert_eq!(found(&world, SECRET).await, []);
    world.work(&later).await;
    assert_eq!(world.status(&later).await["status"], "awaiting_approval");
}
