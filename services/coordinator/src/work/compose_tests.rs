//! What a run may spend and how long it may take, as its item says it.

use super::*;
use crate::view::story::{Story, submission, two_steps};
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::time::Millis;

/// The first job of a task with a plan.
fn first_job(change: impl FnOnce(&mut Entry), windows: &TenantBudgets) -> WorkJob {
    first_job_with(change, windows, &Rollouts::default())
}

fn first_job_with(change: impl FnOnce(&mut Entry), windows: &TenantBudgets, rollouts: &Rollouts) -> WorkJob {
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
        rollouts,
        together: None,
    };
    let mut items = items(&mut entry, &[Serial(1)], route);
    items.remove(0).work.jobs.remove(0)
}

/// What the first step's run is to ask, where a rollout tries a version on every task of the tenant.
fn asked(entry_is: impl FnOnce(&mut Entry), experiment: bool) -> Option<String> {
    let model = Uuid::from_u128(7);
    let tried = json!({
        "id": model, "salt": model, "unit": "task", "challenger": model, "step": 1, "exposed": 10_000, "phase": "running",
    });
    let rollout = match experiment {
        true => json!({ "champion": "configured", "experiment": tried }),
        false => json!({ "champion": model }),
    };
    let table = json!({ "version": 1, "roles": { "writer": rollout } });
    let reached = json!({ model.to_string(): { "name": "w", "provider": "own", "model": "w-7" } });
    let rollouts = Rollouts::of("default", &table, &reached);
    first_job_with(entry_is, &TenantBudgets::default(), &rollouts)
        .models
        .first()
        .map(|choice| format!("{}/{}", choice.provider, choice.model))
}

/// The same experiment, on plans.
fn planner_tried() -> Rollouts {
    let model = Uuid::from_u128(7);
    let tried = json!({
        "id": model, "salt": model, "unit": "task", "challenger": model, "step": 1, "exposed": 10_000, "phase": "running",
    });
    let table = json!({ "version": 1, "roles": { "planner": { "champion": "configured", "experiment": tried } } });
    let reached = json!({ model.to_string(): { "name": "w", "provider": "own", "model": "w-7" } });
    Rollouts::of("default", &table, &reached)
}

/// Of some tasks one half is the challenger's.
fn challenged() -> u128 {
    let is = |task: &u128| asked(|entry| entry.task.id = TaskId(Uuid::from_u128(*task)), true).is_some();
    let halves: Vec<u128> = (1..=100).filter(is).collect();
    assert!((25..75).contains(&halves.len()), "{halves:?}");
    halves[0]
}

#[test]
fn a_run_asks_what_the_rollout_gives_its_task_and_after_a_failure_of_the_challenger_what_is_configured() {
    let task = TaskId(Uuid::from_u128(challenged()));
    assert_eq!(asked(|entry| entry.task.id = task, true).as_deref(), Some("own/w-7"));
    let failed = |entry: &mut Entry| (entry.task.id, entry.task.jobs[0].attempt) = (task, 1);
    assert_eq!(asked(failed, true), None);
    let lost = |entry: &mut Entry| (entry.task.id, entry.task.jobs[0].losses) = (task, 1);
    assert_eq!(asked(lost, true), None);
    let planned = |feedback: &[u32]| {
        let feedback = feedback.iter().map(|no| PayloadNo(*no)).collect();
        let rollouts = planner_tried();
        let planning = |entry: &mut Entry| {
            (entry.task.id, entry.task.plan_feedback) = (task, feedback);
            entry.task.jobs[0].unit = Unit::Plan;
        };
        first_job_with(planning, &TenantBudgets::default(), &rollouts)
            .models
            .len()
    };
    assert_eq!(
        (planned(&[]), planned(&[9])),
        (1, 0),
        "a plan that was refused is made anew by the configured model"
    );
    assert_eq!(
        asked(failed, false).as_deref(),
        Some("own/w-7"),
        "the champion serves every attempt"
    );
    let no_model = |entry: &mut Entry| {
        let mut plan = (**entry.plan.as_ref().unwrap()).clone();
        plan.steps[0].asks_models = false;
        entry.plan = Some(Arc::new(plan));
    };
    assert_eq!(asked(no_model, false), None);
    assert_eq!(
        asked(|entry| "b".clone_into(&mut entry.task.tenant), false),
        None,
        "another tenant's"
    );
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
