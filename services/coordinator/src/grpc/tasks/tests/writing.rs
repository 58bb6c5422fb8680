//! What is decided while another batch is being written.

use super::world::{LIMIT, World, planned};
use crate::store;
use crate::writer::inbox::{Answer, Ask};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;
use std::time::Duration;
use workflow::decision::Reply;
use workflow::ids::TaskId;
use workflow::input::Input;

/// Keeps the next write of a task from ending.
struct Held {
    connection: PgConnection,
}

impl Held {
    async fn on(world: &World, task_id: &str) -> Self {
        let url = world.database_url.as_str();
        let mut connection = PgConnection::connect(url).await.unwrap();
        let id: TaskId = task_id.parse().unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
        sqlx::query("SELECT 1 FROM coordinator.task WHERE id = $1 FOR UPDATE")
            .bind(id.0)
            .execute(&mut connection)
            .await
            .unwrap();
        Self { connection }
    }

    /// Waits until a write waits for us.
    async fn is_waited_for(&mut self) {
        self.sees("pg_backend_pid() = ANY (pg_blocking_pids(pid))").await;
    }

    /// Waits until the keys of other submissions were looked up: they are decided next.
    async fn keys_are_asked_for(&mut self) {
        self.sees("datname = current_database() AND state = 'idle' AND query LIKE '%JOIN idempotency%'")
            .await;
    }

    /// Waits for a session of which this is true.
    async fn sees(&mut self, what: &str) {
        let question = format!("SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE {what})");
        let seen = async {
            loop {
                // Within a transaction it is remembered what others did at the first look.
                sqlx::raw_sql("SELECT pg_stat_clear_snapshot()")
                    .execute(&mut self.connection)
                    .await
                    .unwrap();
                let seen: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(question.clone()))
                    .fetch_one(&mut self.connection)
                    .await
                    .unwrap();
                if seen {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, seen).await.unwrap();
    }

    async fn let_go(mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await.unwrap();
    }

    /// Ends the connection of who waits for us, as a failing database would.
    async fn cut(mut self) {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))",
        )
        .execute(&mut self.connection)
        .await
        .unwrap();
        self.let_go().await;
    }
}

/// The status and the numbers of its events, which must have no gap.
async fn told(world: &World, task_id: &str) -> (Value, usize) {
    let status = world.status(task_id).await["status"].clone();
    let id: TaskId = task_id.parse().unwrap();
    let events = store::tasks::lists::events(&world.tasks.shared.pool, "a", id, 0, 1000).await;
    let numbers: Vec<i64> = events.unwrap().unwrap().into_iter().map(|(number, _)| number).collect();
    let expected: Vec<i64> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    (status, numbers.len())
}

#[tokio::test]
async fn inputs_of_a_task_that_is_being_written_wait_and_are_answered_in_order() {
    let world = World::new().await;
    let id = world.submit(planned("Paused and resumed")).await;
    let task: TaskId = id.parse().unwrap();
    let mut held = Held::on(&world, &id).await;
    let actor = || "ann".to_owned();
    let ask = |input| world.tasks.shared.inbox.ask(task, Ask::Input(input));
    let script = async {
        held.is_waited_for().await;
        // Decided for the next batch, and written as soon as the first is.
        let other = world.submit_with("", planned("Meanwhile"));
        tokio::join!(other, held.let_go()).0.unwrap()
    };
    // Joined in this order, and what enters the inbox at its first poll keeps it.
    let (paused, resumed, cancelled, late, other) = tokio::join!(
        biased;
        ask(Input::PauseRequested { actor: actor() }),
        ask(Input::ResumeRequested { actor: actor() }),
        ask(Input::CancelRequested { actor: actor() }),
        ask(Input::ResumeRequested { actor: actor() }),
        script,
    );
    for answer in [paused, resumed, cancelled] {
        assert!(matches!(answer, Answer::Reply { reply: Reply::Done }), "{answer:?}");
    }
    let refused = matches!(
        late,
        Answer::Reply {
            reply: Reply::Refused(_)
        }
    );
    assert!(refused, "{late:?}");
    told(&world, &id).await;
    assert_eq!(told(&world, &other.0).await.0, "executing");
}

#[tokio::test]
async fn what_was_decided_beside_a_write_that_fails_is_decided_again() {
    let world = World::new().await;
    let first = world.submit(planned("Its write fails")).await;
    let second = world.submit(planned("Decided meanwhile")).await;
    let mut held = Held::on(&world, &first).await;
    let script = async {
        held.is_waited_for().await;
        let meanwhile = async {
            held.keys_are_asked_for().await;
            held.cut().await;
        };
        let (paused, accepted, ()) = tokio::join!(
            world.control(&second, "pause"),
            world.submit_with("once", planned("Accepted meanwhile")),
            meanwhile,
        );
        (paused, accepted)
    };
    let (paused, (beside, accepted)) = tokio::join!(world.control(&first, "pause"), script);
    assert_eq!(paused.unwrap()["status"], "paused");
    assert_eq!(beside.unwrap()["status"], "paused");
    let (third, replayed) = accepted.unwrap();
    assert!(!replayed);
    assert_eq!(
        told(&world, &first).await,
        (json!("paused"), told(&world, &second).await.1)
    );
    assert_eq!(told(&world, &third).await.0, "executing");
    let again = world.submit_with("once", planned("Accepted meanwhile")).await;
    assert_eq!(again.unwrap(), (third, true));
}

#[tokio::test]
async fn twins_make_one_task_whichever_batch_they_fall_into() {
    let world = World::new().await;
    let blocker = world.submit(planned("Held up")).await;
    let mut held = Held::on(&world, &blocker).await;
    let script = async {
        held.is_waited_for().await;
        let early = (0..10).map(|_| world.submit_with("twin", planned("Once")));
        let (early, ()) = tokio::join!(futures::future::join_all(early), async {
            held.keys_are_asked_for().await;
            held.let_go().await;
        });
        let late = (0..10).map(|_| world.submit_with("twin", planned("Once")));
        [early, futures::future::join_all(late).await].concat()
    };
    let (_, answers) = tokio::join!(world.control(&blocker, "pause"), script);
    let answers: Vec<(String, bool)> = answers.into_iter().map(Result::unwrap).collect();
    let tasks: BTreeSet<&str> = answers.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(tasks.len(), 1);
    assert_eq!(answers.iter().filter(|(_, replayed)| !replayed).count(), 1);
}
