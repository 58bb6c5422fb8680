//! What a tenant may spend in a window, with real rows and two coordinators that do not speak to each other.

use super::world::{LIMIT, World, planned};
use crate::store::{self, spending};
use crate::tenant_budgets::Used;
use crate::view::story;
use crate::writer::inbox::{Ask, Envelope};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use workflow::ids::TaskId;
use workflow::input::{Body, Cost, Input, Outcome};
use workflow::state::{Job, JobState, Task};
use workflow::time::Timestamp;

/// Calls in a window; a run of a step sets 20 aside.
const WINDOW: i64 = 50;

fn budget(max_calls: i64) -> Value {
    json!({ "tenant_budgets": [{ "tenant": "a", "window_seconds": 31_622_400, "max_calls": max_calls }] })
}

async fn used(world: &World) -> Used {
    let mut connection = world.tasks.shared.pool.acquire().await.unwrap();
    let used = spending::used(&mut connection, &[("a", Timestamp(0))]).await.unwrap();
    used["a"]
}

async fn task(world: &World, id: &str) -> Task {
    let found = store::tasks::find(&world.tasks.shared.pool, "a", id.parse().unwrap());
    found.await.unwrap().unwrap().0
}

/// The tasks that have a run, with its job.
async fn dispatched(world: &World, ids: &[String]) -> Vec<(TaskId, Job)> {
    let mut found = Vec::new();
    for id in ids {
        let task = task(world, id).await;
        let jobs = task
            .jobs
            .into_iter()
            .filter(|j| !matches!(j.state, JobState::Ready { .. }));
        found.extend(jobs.map(|job| (task.id, job)));
    }
    found
}

/// Until as many runs are dispatched.
async fn until(world: &World, ids: &[String], runs: usize) -> Vec<(TaskId, Job)> {
    let give_up = Instant::now() + LIMIT;
    loop {
        let found = dispatched(world, ids).await;
        let all = used(world).await.all();
        assert!(all.calls <= WINDOW, "the window holds {all:?}");
        if found.len() == runs {
            return found;
        }
        assert!(Instant::now() < give_up, "{} runs and not {runs}: {all:?}", found.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn tell(world: &World, task: TaskId, input: Input) {
    let (reply, answer) = oneshot::channel();
    let envelope = Envelope {
        task,
        ask: Ask::Input(input),
        reply: Some(reply),
        receipt: None,
        account: None,
        took: None,
    };
    world.tasks.shared.inbox.send(envelope).await;
    answer.await.unwrap();
}

fn ended((task, job): &(TaskId, Job), calls: i64) -> Input {
    let cost = Cost {
        calls,
        ..Cost::default()
    };
    let outcome = Outcome::Output(Body::new("{}"));
    story::ended_with(task.job(job.serial), job.dispatch, Ok(outcome), cost)
}

#[tokio::test]
async fn two_coordinators_at_once_set_no_more_aside_than_the_window_holds_and_go_on_as_it_is_settled() {
    let (one, other) = World::two_with_policy(budget(WINDOW)).await;
    let submitted = (0..12).map(|n| {
        let world = if n % 2 == 0 { &one } else { &other };
        world.submit(planned("Write about AI"))
    });
    let ids: Vec<String> = futures::future::join_all(submitted).await;
    let first = until(&one, &ids, 2).await;
    assert_eq!(used(&one).await.reserved.calls, 40);

    let running: BTreeSet<String> = first.iter().map(|(task, _)| task.to_string()).collect();
    let waits = ids.iter().find(|id| !running.contains(*id)).unwrap();
    let status = other.status(waits).await;
    let waiting = &status["waiting"][0];
    assert_eq!(
        (&waiting["what"], &waiting["code"]),
        (&json!("draft"), &json!("tenant_budget_exceeded"))
    );
    assert_eq!(waiting["until"], status["tenant_budget"]["window_ends_at"]);
    assert_eq!(status["tenant_budget"]["reserved"]["calls"], 40);
    assert_eq!(
        waiting["message"],
        "step draft may take 20 calls, of which 10 are left in the window of the tenant"
    );

    // One settles at less than its grant, through the other coordinator: 15 of 20 come back.
    tell(&other, first[0].0, ended(&first[0], 5)).await;
    let second = until(&one, &ids, 2).await;
    assert_eq!(used(&one).await.spent.calls, 5);
    // And the grant of a whole run is spent: 50 - 5 - 20 - 20 leaves no run but those two.
    for run in &second {
        tell(&one, run.0, ended(run, 20)).await;
    }
    let last = until(&one, &ids, 1).await;
    assert_eq!(last[0].1.grant.calls, 5, "the last of the window");
    tell(&other, last[0].0, ended(&last[0], 5)).await;
    until(&one, &ids, 0).await;
    assert_eq!(used(&one).await.all().calls, WINDOW);
    let total: i64 = sqlx::query_scalar("SELECT sum(calls)::bigint FROM cost")
        .fetch_one(&one.tasks.shared.pool)
        .await
        .unwrap();
    assert_eq!(total, WINDOW);
}

/// Whether a status shows the sum that was taken last, whatever is in the rows by now.
async fn sum_is_shown_again(world: &World, task: &str) -> bool {
    let shown = |status: Value| status["tenant_budget"]["spent"]["calls"].clone();
    let pool = &world.tasks.shared.pool;
    let row =
        "INSERT INTO cost (job_id, run_id, task_id, input_tokens, output_tokens, calls, model, estimated, at, tenant)
        SELECT id, gen_random_uuid(), id, 0, 0, 1, '', false, now(), tenant FROM task LIMIT 1 RETURNING run_id";
    let give_up = Instant::now() + LIMIT;
    // A second is short on a busy machine.
    while Instant::now() < give_up {
        let began = Instant::now();
        let before = shown(world.status(task).await);
        let run: uuid::Uuid = sqlx::query_scalar(row).fetch_one(pool).await.unwrap();
        let after = shown(world.status(task).await);
        sqlx::query("DELETE FROM cost WHERE run_id = $1")
            .bind(run)
            .execute(pool)
            .await
            .unwrap();
        if before == after || began.elapsed() < Duration::from_millis(500) {
            return before == after;
        }
    }
    false
}

#[tokio::test]
async fn a_window_is_summed_once_for_all_who_look_and_not_for_ended_tasks_which_leave_nothing_set_aside() {
    let (one, _other) = World::two_with_policy(budget(WINDOW)).await;
    let ids = vec![one.submit(planned("Write about AI")).await];
    let run = until(&one, &ids, 1).await.remove(0);
    assert!(
        sum_is_shown_again(&one, &ids[0]).await,
        "one sum for all who ask within a second"
    );
    let cancel = Input::CancelRequested {
        actor: "ann".to_owned(),
    };
    tell(&one, run.0, cancel).await;
    assert_eq!(one.status(&ids[0]).await["tenant_budget"], Value::Null);
    // As if a coordinator without budgets had ended it.
    let pool = &one.tasks.shared.pool;
    sqlx::query("INSERT INTO reserved SELECT id, tenant, 1, 1, 1 FROM task")
        .execute(pool)
        .await
        .unwrap();
    assert!(!used(&one).await.reserved.is_zero());
    spending::forget_ended(&mut pool.acquire().await.unwrap())
        .await
        .unwrap();
    assert!(used(&one).await.reserved.is_zero());
}

#[tokio::test]
async fn nobody_is_asked_because_of_what_the_same_input_gives_back() {
    let mut policy = budget(25);
    policy["tenant_budgets"][0]["on_exceeded"] = json!("ask");
    let (one, _other) = World::two_with_policy(policy).await;
    let ids = vec![one.submit(planned("Write about AI")).await];
    let draft = until(&one, &ids, 1).await.remove(0);
    assert_eq!(draft.1.grant.calls, 20);
    // 25 - 5 hold the next run; 25 - 5 - 20 do not.
    tell(&one, draft.0, ended(&draft, 5)).await;
    let next = until(&one, &ids, 1).await.remove(0);
    assert_eq!((next.1.grant.calls, used(&one).await.spent.calls), (20, 5));
    assert_eq!(one.status(&ids[0]).await["attention"], Value::Null);
    // The window is spent now, and a human is asked as soon as that is sure.
    tell(&one, next.0, ended(&next, 20)).await;
    let give_up = Instant::now() + LIMIT;
    let asked = loop {
        let status = one.status(&ids[0]).await;
        if status["attention"]["reason"] == "budget_exceeded" {
            break status;
        }
        assert!(Instant::now() < give_up, "nobody is asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(asked["attention"]["of_tenant"], true);
    let answers = &asked["open_gates"][0]["allowed_actions"];
    assert_eq!(
        *answers,
        json!(["retry", "reject", "cancel"]),
        "more for the task is no help"
    );
}

#[tokio::test]
async fn a_run_that_is_lost_counts_as_its_grant_and_its_late_result_in_the_window_it_was_lost_in() {
    let (one, _other) = World::two_with_policy(budget(WINDOW)).await;
    let ids = vec![one.submit(planned("Write about AI")).await];
    let run = until(&one, &ids, 1).await.remove(0);
    tell(
        &one,
        run.0,
        Input::CancelRequested {
            actor: "ann".to_owned(),
        },
    )
    .await;
    let lost = used(&one).await;
    assert_eq!(
        (lost.spent.calls, lost.reserved.calls),
        (20, 0),
        "no worker was heard of"
    );
    // The window moves on before the run tells.
    sqlx::query("UPDATE cost SET at = at - interval '2 days'")
        .execute(&one.tasks.shared.pool)
        .await
        .unwrap();
    tell(&one, run.0, ended(&run, 3)).await;
    let rows: Vec<(i64, bool, bool)> =
        sqlx::query_as("SELECT calls, estimated, at < now() - interval '1 day' FROM cost ORDER BY calls")
            .fetch_all(&one.tasks.shared.pool)
            .await
            .unwrap();
    assert_eq!(
        rows,
        [(0, true, true), (3, false, false)],
        "the estimate is taken back where it was made"
    );
    assert_eq!(one.status(&ids[0]).await["cost"]["calls"], 3);
}

#[tokio::test]
async fn a_limit_below_what_is_spent_lets_nothing_begin_but_what_is_free_and_stock_is_taken_at_start() {
    let (one, other) = World::two_with_policy(budget(0)).await;
    let id = one.submit(planned("Write about AI")).await;
    let status = one.status(&id).await;
    assert_eq!(
        (&status["status"], &status["attention"]["reason"]),
        (&json!("needs_attention"), &json!("budget_exceeded")),
        "no window will ever do"
    );
    // As if a coordinator without budgets had dispatched it, and another row had been left behind. The state holds what
    // a tool said, and jsonb knows no zero.
    let pool = &other.tasks.shared.pool;
    sqlx::query(r#"UPDATE task SET state = left(state, -1) || ',"rs":{"c":7},"er":"a \u0000"}'"#)
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO reserved VALUES (gen_random_uuid(), 'a', 1, 1, 1)")
        .execute(pool)
        .await
        .unwrap();
    spending::take_stock(pool, &["a".to_owned()], false).await.unwrap();
    assert_eq!(
        used(&other).await.reserved,
        workflow::money::Money {
            calls: 7,
            ..Default::default()
        }
    );
    spending::take_stock(pool, &["b".to_owned()], false).await.unwrap();
    assert!(
        used(&other).await.reserved.is_zero(),
        "a tenant that has no budget any more"
    );
}

#[tokio::test]
async fn a_coordinator_that_stops_in_the_turn_of_a_tenant_holds_up_nobody_for_long() {
    let (one, _other) = World::two_with_policy(budget(WINDOW)).await;
    let mut stopped = one.tasks.shared.pool.begin().await.unwrap();
    spending::lock(&mut stopped, &["a"]).await.unwrap();
    let began = Instant::now();
    let ids = vec![one.submit(planned("Write about AI")).await];
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "accepted after {:?}",
        began.elapsed()
    );
    assert_eq!(
        dispatched(&one, &ids).await.len(),
        0,
        "nothing is set aside out of turn"
    );
    stopped.rollback().await.unwrap();
    until(&one, &ids, 1).await;
}
