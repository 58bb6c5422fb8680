//! What a run may spend and how long it may take, as its item says it.

use super::*;
use crate::view::story::{Story, submission, two_steps};
use serde_json::json;
use std::collections::HashMap;
use workflow::time::Millis;

/// The first job of a task with a plan.
fn first_job(change: impl FnOnce(&mut Entry), windows: &TenantBudgets) -> WorkJob {
    let story = Story::begin(1, submission(Some(two_steps())));
    let mut entry = Entry {
        task: story.task.clone(),
        submission: Arc::new(submission(Some(two_steps()))),
        plan: story.plan.clone(),
        next_at: None,
        bodies: HashMap::new(),
        context: None,
    };
    entry.task.jobs = vec![Job {
        serial: Serial(1),
        unit: Unit::Step(0),
        state: workflow::state::JobState::Ready { not_before: None },
        dispatch: 1,
        attempt: 0,
        failures: 0,
        losses: 0,
        losses_alone: 0,
        requeues: 0,
        grant: workflow::money::Money::default(),
        needs: workflow::money::Money::default(),
    }];
    change(&mut entry);
    let names = Names::new("orchestrator").unwrap();
    let route = Route {
        names: &names,
        lane: Lane::of(0),
        now: story.now,
        windows,
        together: None,
    };
    let mut items = items(&mut entry, &[Serial(1)], route);
    items.remove(0).work.jobs.remove(0)
}

#[test]
fn a_run_may_take_no_longer_than_the_task_has_left() {
    let windows = TenantBudgets::default();
    let now = Story::begin(1, submission(Some(two_steps()))).now;
    let timeout = |left: i64| {
        let ends = move |entry: &mut Entry| entry.task.deadline = Some(now + Millis(left));
        first_job(ends, &windows).timeout_seconds
    };
    let own = first_job(|_| {}, &windows).timeout_seconds;
    assert!(own > 5.0, "{own}");
    assert_eq!(timeout(4_000), 4.0);
    assert_eq!(timeout(1_000_000_000), own);
    assert!(timeout(-5_000) > 0.0, "no time at all would mean no limit");
}

#[test]
fn a_step_asks_a_small_model_where_little_is_left_and_is_bound_by_its_tenants_window() {
    let tables = json!([{ "tenant": "*", "window_seconds": 60, "max_calls": 5 }]);
    let windows = TenantBudgets::new(&serde_json::from_value::<Vec<_>>(tables).unwrap());
    let cheaper = |entry: &mut Entry| entry.task.steps[0].cheaper = true;
    let job = first_job(cheaper, &windows);
    let Some(job::Spec::Step(step)) = &job.spec else {
        panic!("{job:?}");
    };
    assert_eq!(step.tier, "small");
    let grant = job.grant.unwrap();
    assert_eq!(
        (grant.bounds_usd, grant.bounds_tokens, grant.bounds_calls),
        (true, false, true)
    );
    let grant = first_job(|_| {}, &TenantBudgets::default()).grant.unwrap();
    assert!(!grant.bounds_calls);
}
