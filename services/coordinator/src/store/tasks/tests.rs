//! The queries against a real Postgres, over rows the core and the batch statement wrote.

use super::lists::{Filter, Listed};
use super::*;
use crate::store::commit::{self, Columns, EventRow, NewTask, Rows};
use crate::store::{from_db, migrate, pool, to_db};
use crate::view::story::{self, Story, broken, submission, two_steps};
use futures::TryStreamExt;
use workflow::input::{Body, Cost, EffectRequest, Input};
use workflow::time::{Millis, Timestamp};
use workflow::vocabulary::Action;

async fn database() -> PgPool {
    let database = testkit::Postgres::shared().await.unwrap().database().await.unwrap();
    let pool = pool(&database.url, 4).unwrap();
    migrate(&pool).await.unwrap();
    pool
}

/// Writes all of a story as if it had happened in one commit.
async fn keep(pool: &PgPool, tenant: &str, story: &Story) {
    let task = &story.task;
    let event = |e: &workflow::decision::Event| EventRow {
        task: task.id,
        sequence: e.sequence,
        subject: "s".to_owned(),
        body: Arc::from(format!("{{\"sequence\":{}}}", e.sequence)),
        traceparent: Arc::from(""),
    };
    let mut rows = Rows {
        new: vec![NewTask {
            task: Columns::of(task, None).unwrap(),
            tenant: tenant.to_owned(),
            request: story.submission.request.clone(),
            created_at: task.created_at,
            idempotency: None,
        }],
        payloads: story
            .changes
            .payloads
            .iter()
            .map(|p| (task.id, p.no.0, p.kind, Arc::clone(&p.body.text)))
            .collect(),
        events: story.changes.events.iter().map(event).collect(),
        gates: last_of_each(story)
            .into_iter()
            .map(|g| (task.id, tenant.to_owned(), g))
            .collect(),
        effects: story.changes.effects.iter().map(|e| (task.id, e.clone())).collect(),
        costs: story
            .changes
            .costs
            .iter()
            .map(|c| (task.id, "shop".to_owned(), c.clone()))
            .collect(),
        ..Rows::default()
    };
    rows.fold();
    let mut connection = pool.acquire().await.unwrap();
    commit::commit(&mut connection, &rows).await.unwrap();
}

/// A gate that was opened and decided is written once, as decided.
fn last_of_each(story: &Story) -> Vec<workflow::decision::GateRow> {
    let rows = &story.changes.gates;
    let is_last = |at: usize| !rows.iter().skip(at + 1).any(|later| later.gate == rows[at].gate);
    (0..rows.len())
        .filter(|at| is_last(*at))
        .map(|at| rows[at].clone())
        .collect()
}

fn waiting(n: u128) -> Story {
    let mut story = Story::begin(n, submission(Some(two_steps())));
    story.run_well(0.8);
    story
}

fn ids(listed: &[Listed]) -> Vec<TaskId> {
    listed.iter().map(|l| l.task.id).collect()
}

#[tokio::test]
async fn a_task_is_found_by_its_own_tenant_alone_with_what_it_used() {
    let pool = database().await;
    let mut story = Story::begin(1, submission(Some(two_steps())));
    story.then(&Input::TimerFired);
    for (usd_micros, known_usd_micros, tokens) in [(Some(5), 0, 10), (None, 0, 20), (None, 7, 40)] {
        let job = story.task.jobs[0].clone();
        let cost = Cost {
            usd_micros,
            known_usd_micros,
            input_tokens: tokens,
            output_tokens: 1,
            calls: 1,
            model: "m".to_owned(),
        };
        let ended = Ok(story::well(job.unit, &story.key(job.unit), 0.8));
        story.then(&story::ended_with(
            story.task.id.job(job.serial),
            job.dispatch,
            ended,
            cost,
        ));
    }
    keep(&pool, "a", &story).await;
    let (task, costs) = find(&pool, "a", story.task.id).await.unwrap().unwrap();
    let expected = CostTotals {
        usd_micros: story.task.spent.usd_micros,
        calls: story.task.spent.calls,
        input_tokens: 70,
        output_tokens: 3,
        lines: 3,
        priced: 1,
    };
    assert_eq!(costs.usd_micros, 5 + 7, "budgets count what is known");
    assert_eq!(
        (task.id, task.tenant.as_str(), task.version),
        (story.task.id, "a", story.task.version)
    );
    assert_eq!((task.steps, costs), (story.task.steps.clone(), expected));
    assert!(is_owned(&pool, "a", story.task.id).await.unwrap());
    assert!(find(&pool, "b", story.task.id).await.unwrap().is_none());
    assert!(!is_owned(&pool, "b", story.task.id).await.unwrap());
}

#[tokio::test]
async fn large_outputs_are_opened_while_they_fit() {
    let pool = database().await;
    let task = story::task_id(1);
    let mut texts = Texts::new();
    for (no, size) in [(1, 30), (2, 80), (3, 40)] {
        let text = format!("\"{}\"", "x".repeat(size - 2));
        let blob = payloads::put(&pool, task, text.as_bytes()).await.unwrap();
        texts.insert(PayloadNo(no), body::of_blob(&blob).unwrap().text);
    }
    texts.insert(PayloadNo(4), Arc::from("{}"));
    open_blobs(&pool, task, &mut texts, 75).await.unwrap();
    let opened = |no| body::as_blob(&texts[&PayloadNo(no)]).is_none();
    assert_eq!([1, 2, 3, 4].map(opened), [true, false, true, true]);
}

#[tokio::test]
async fn tasks_are_listed_newest_first_page_by_page_and_filtered() {
    let pool = database().await;
    for n in 1..=5 {
        let mut story = if n == 4 {
            Story::begin(n, submission(None))
        } else {
            waiting(n)
        };
        story.submission.request = format!("Request NUMBER {n}");
        keep(&pool, "a", &story).await;
    }
    keep(&pool, "b", &waiting(6)).await;
    let page = |filter, before| {
        let pool = &pool;
        async move { lists::tasks(pool, "a", filter, before, 2).await.unwrap() }
    };
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let listed = page(Filter::default(), before).await;
        seen.extend(ids(&listed));
        match listed.last() {
            Some(last) => before = Some(last.task.id.0),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1].map(story::task_id));
    let planning = Filter {
        status: "planning",
        q: "",
    };
    assert_eq!(ids(&page(planning, None).await), [story::task_id(4)]);
    let third = Filter {
        status: "",
        q: "number 3",
    };
    let listed = page(third, None).await;
    assert_eq!(
        (ids(&listed), listed[0].request.as_str()),
        (vec![story::task_id(3)], "Request NUMBER 3")
    );
    let wildcard = Filter { status: "", q: "%" };
    assert!(page(wildcard, None).await.is_empty());
}

#[tokio::test]
async fn open_gates_are_listed_oldest_first_until_they_are_decided() {
    let pool = database().await;
    let mut decided = waiting(1);
    decided.decide(Action::Approve);
    keep(&pool, "a", &decided).await;
    let mut late = waiting(2);
    late.decide(Action::Revise);
    late.run_well(0.8);
    keep(&pool, "a", &late).await;
    keep(&pool, "a", &waiting(3)).await;
    keep(&pool, "b", &waiting(4)).await;
    let first = lists::waiting(&pool, "a", "", None, 1).await.unwrap();
    assert_eq!(first[0].of.task.id, story::task_id(3));
    let after = Some((first[0].opened_at, first[0].gate.0));
    let rest = lists::waiting(&pool, "a", "", after, 9).await.unwrap();
    assert_eq!(
        rest.iter().map(|w| w.of.task.id).collect::<Vec<_>>(),
        [story::task_id(2)]
    );
    let gate = &rest[0].of.task.gates[0];
    assert_eq!(
        (late.task.id.gate(gate.serial), gate.opened_at),
        (rest[0].gate, from_db(rest[0].opened_at))
    );
}

#[tokio::test]
async fn events_are_paged_above_a_sequence_and_an_unknown_task_is_none() {
    let pool = database().await;
    let story = waiting(1);
    keep(&pool, "a", &story).await;
    let events = |tenant, after, limit| lists::events(&pool, tenant, story.task.id, after, limit);
    let page = events("a", 2, 2).await.unwrap().unwrap();
    assert_eq!(
        page,
        [(3, r#"{"sequence":3}"#.to_owned()), (4, r#"{"sequence":4}"#.to_owned())]
    );
    let last = i64::try_from(story.task.events).unwrap();
    assert_eq!(events("a", last, 2).await.unwrap(), Some(vec![]));
    assert_eq!(events("b", 0, 2).await.unwrap(), None);
}

fn rejected(n: u128) -> Story {
    let mut story = waiting(n);
    story.decide(Action::Reject);
    story
}

#[tokio::test]
async fn ended_tasks_are_listed_in_the_order_of_their_end_and_not_before_late_commits_are_in() {
    let pool = database().await;
    let now: DateTime<Utc> = sqlx::query_scalar("SELECT now()").fetch_one(&pool).await.unwrap();
    let early = to_db(Timestamp(1_000));
    for (n, finished_at) in [(1, now), (2, early), (3, early), (4, to_db(Timestamp(500)))] {
        let mut story = rejected(n);
        story.task.finished_at = Some(from_db(finished_at));
        keep(&pool, "a", &story).await;
    }
    keep(&pool, "a", &waiting(5)).await;
    let page = |after| lists::finished(&pool, after, 2);
    let first = page(None).await.unwrap();
    assert_eq!(
        first.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [4, 2].map(|n| story::task_id(n).0)
    );
    let after = first.last().map(|(id, at)| (*at, *id));
    let second = page(after).await.unwrap();
    assert_eq!(second, [(story::task_id(3).0, early)]);
}

#[tokio::test]
async fn what_is_kept_of_ended_tasks_comes_task_by_task() {
    let pool = database().await;
    let stories = [rejected(2), rejected(1), waiting(3)];
    for story in &stories {
        keep(&pool, "a", story).await;
    }
    let ids = [3, 1, 2, 9].map(|n| story::task_id(n).0);
    let ended = ended::tasks(&pool, &ids).await.unwrap();
    assert_eq!(
        ended.iter().map(|e| e.task.id).collect::<Vec<_>>(),
        [1, 2].map(story::task_id)
    );
    let gates: Vec<_> = ended[0]
        .gates
        .iter()
        .map(|g| (g.kind.as_str(), g.action.as_deref(), g.actor.as_deref()))
        .collect();
    assert_eq!(gates, [("publication", Some("reject"), Some("ann"))]);
    let mut connection = pool.acquire().await.unwrap();
    let found: Vec<_> = ended::payloads(&mut connection, &ids).try_collect().await.unwrap();
    let places: Vec<_> = found.iter().map(|p| (p.task, p.no)).collect();
    assert!(places.is_sorted());
    let kinds: Vec<_> = found
        .iter()
        .filter(|p| p.task == story::task_id(1))
        .map(|p| p.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        ["submission", "plan", "output", "output", "assessment", "deliverable"]
    );
}

#[tokio::test]
async fn the_ledger_is_read_by_task() {
    let pool = database().await;
    for n in 1..=2 {
        let mut story = Story::begin(n, submission(Some(two_steps())));
        story.then(&Input::TimerFired);
        let job = story.task.jobs[0].clone();
        let id = story.task.id.job(job.serial);
        story.then(&Input::EffectBegun(EffectRequest {
            job: id,
            dispatch: job.dispatch,
            run: workflow::ids::RunId(Uuid::from_u128(7)),
            ordinal: 0,
            class: EffectClass::Keyed,
            target: format!("shop {n}"),
            tool: None,
            request: Body::new("{}"),
            send_within: Millis::secs(5),
            key_ttl: Millis::secs(5),
        }));
        story.then(&story::ended_with(id, job.dispatch, Err(broken()), Cost::default()));
        keep(&pool, "a", &story).await;
    }
    let lines = effects(&pool, story::task_id(2)).await.unwrap();
    let shown: Vec<_> = lines
        .iter()
        .map(|l| (l.target.as_str(), l.class, l.state.as_str()))
        .collect();
    assert_eq!(shown, [("shop 2", Some(EffectClass::Keyed), "unknown")]);
}

#[tokio::test]
async fn the_first_word_of_a_run_stands_and_a_task_keeps_no_more_than_so_many() {
    use crate::store::runs::{self, MAX_RUNS, RunRow};
    use workflow::ids::{RunId, Serial};
    let pool = database().await;
    let mut connection = pool.acquire().await.unwrap();
    let (task, other) = (story::task_id(1), story::task_id(2));
    let run = |task: TaskId, number: u128, counted| RunRow {
        task,
        job: task.job(Serial(1)),
        run: RunId(Uuid::from_u128(number)),
        of: None,
        outcome: "succeeded",
        error: String::new(),
        message: String::new(),
        counted,
        started_at: Timestamp(253_402_300_799_999),
        finished_at: Timestamp(0),
        calls: "[]".to_owned(),
    };
    for counted in [true, false] {
        runs::keep(&mut connection, &[run(task, 1, counted)]).await.unwrap();
    }
    let kept = runs::of_task(&pool, task).await.unwrap();
    assert_eq!(kept.iter().map(|run| run.counted).collect::<Vec<_>>(), [true]);
    let most = u128::try_from(MAX_RUNS).unwrap();
    let many: Vec<RunRow> = (2..=most).map(|number| run(task, number, true)).collect();
    runs::keep(&mut connection, &many).await.unwrap();
    let further = [run(task, most + 1, true), run(other, 1, true)];
    runs::keep(&mut connection, &further).await.unwrap();
    let count = async |task| runs::of_task(&pool, task).await.unwrap().len() as u128;
    assert_eq!((count(task).await, count(other).await), (most, 1));
}

#[tokio::test]
async fn of_a_job_that_is_handed_back_again_and_again_the_last_word_is_kept_until_a_run_counts() {
    use crate::store::runs::{self, MAX_POSTPONED, RunRow};
    use workflow::ids::{RunId, Serial};
    let pool = database().await;
    let mut connection = pool.acquire().await.unwrap();
    let task = story::task_id(1);
    let run = |serial, number: i64, outcome, error: &str| RunRow {
        task,
        job: task.job(Serial(serial)),
        run: RunId(Uuid::from_u128(u128::from(number.unsigned_abs()))),
        of: None,
        outcome,
        error: error.to_owned(),
        message: format!("no model answers, {number}"),
        counted: true,
        started_at: Timestamp(number),
        finished_at: Timestamp(number),
        calls: "[]".to_owned(),
    };
    let unwell = run(2, 1, "released", "model_unavailable");
    runs::keep(&mut connection, &[unwell]).await.unwrap();
    for number in 1..10 {
        let again = run(1, number, "released", "model_unavailable");
        runs::keep(&mut connection, &[again]).await.unwrap();
    }
    let kept = runs::of_task(&pool, task).await.unwrap();
    assert_eq!(kept.len(), usize::try_from(MAX_POSTPONED).unwrap() + 1);
    let postponed = async || {
        let all = runs::postponed(&pool, task).await.unwrap();
        all.into_iter().map(|p| (p.job_id, p.message)).collect::<Vec<_>>()
    };
    let last = (task.job(Serial(1)).0, "no model answers, 9".to_owned());
    let other = (task.job(Serial(2)).0, "no model answers, 1".to_owned());
    let both = postponed().await;
    assert!(
        both.len() == 2 && both.contains(&last) && both.contains(&other),
        "{both:?}"
    );
    runs::keep(&mut connection, &[run(1, 10, "failed", "model_refused")])
        .await
        .unwrap();
    assert_eq!(postponed().await, [other]);
}
