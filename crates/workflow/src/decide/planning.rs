//! Acceptance and planning: how a task gets its plan, and its plan again.

use super::context::Context;
use super::{Env, advance, steps};
use crate::decision::{Refusal, Transition};
use crate::forecast::Forecast;
use crate::fork::Reuse;
use crate::ids::TaskId;
use crate::input::Body;
use crate::plan::{FrozenPlan, Plan, PlanFault, freeze};
use crate::state::{Money, PayloadNo, PlanRef, Step, Task};
use crate::submission::Submission;
use crate::time::Millis;
use crate::vocabulary::{AttentionReason, EventKind, PlanOrigin, Status, StepStatus};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Re-plans asked of the planner because a plan was refused.
const MAX_REPLANS: u32 = 1;

pub(super) fn accept(
    id: TaskId,
    tenant: &str,
    submission: &Submission,
    reuse: Option<&Reuse>,
    env: &Env<'_>,
) -> Result<Transition, Refusal> {
    let plan = match &submission.plan {
        None => None,
        Some(plan) => Some(
            freeze(
                plan,
                1,
                reuse.map_or(PlanOrigin::Client, |reuse| reuse.origin),
                env.catalog.of(tenant),
                &submission.channels,
                env.limits,
            )
            .map_err(Refusal::PlanInvalid)?,
        ),
    };
    let mut cx = Context::on(new_task(id, tenant, submission, env), submission, None, env);
    cx.payload("submission", body_of(submission));
    cx.emit(EventKind::TaskSubmitted, submitted(submission));
    match plan {
        Some(plan) => install(
            &mut cx,
            plan,
            reuse.and_then(|reuse| reuse.intent.as_ref()),
            None,
            reuse,
        ),
        None => cx.set_stage(Status::Planning),
    }
    advance::advance(&mut cx);
    Ok(cx.finish())
}

fn new_task(id: TaskId, tenant: &str, submission: &Submission, env: &Env<'_>) -> Task {
    Task {
        id,
        tenant: tenant.to_owned(),
        version: 0,
        status: Status::Submitted,
        interrupted: None,
        created_at: env.now,
        updated_at: env.now,
        finished_at: None,
        deadline: deadline(submission, env),
        next_serial: 1,
        next_payload: 0,
        events: 0,
        plan: None,
        replans: 0,
        steps: Vec::new(),
        jobs: Vec::new(),
        gates: Vec::new(),
        effects: Vec::new(),
        deliveries: Vec::new(),
        round: 0,
        quality: None,
        judged: Vec::new(),
        best: None,
        plan_feedback: Vec::new(),
        attention: None,
        spent: Money::default(),
        reserved: Money::default(),
        estimates: Vec::new(),
        extra_budget: Money::default(),
        extra_time: Millis::default(),
        error: None,
        decided: Vec::new(),
        erased: false,
    }
}

pub(super) fn deadline(submission: &Submission, env: &Env<'_>) -> Option<crate::time::Timestamp> {
    submission
        .policy
        .max_duration_seconds
        .map(|s| env.now + Millis::from_secs_f64(s))
}

/// The planner's plan: taken, sent back once with the reasons, or a human's matter.
pub(super) fn planned(cx: &mut Context<'_>, plan: &Value, document: &Body, forecast: Option<Forecast>) {
    let version = cx.task.plan.as_ref().map_or(1, |p| p.version + 1);
    let frozen = Plan::deserialize_checked(plan).and_then(|plan| {
        freeze(
            &plan,
            version,
            PlanOrigin::Planner,
            cx.env.catalog.of(&cx.task.tenant),
            &cx.submission.channels,
            cx.env.limits,
        )
    });
    match frozen {
        Ok(frozen) => {
            cx.task.replans = 0;
            install(cx, frozen, Some(document), forecast, None);
        }
        Err(faults) if cx.task.replans < MAX_REPLANS => {
            cx.task.replans += 1;
            feedback(cx, &faults_text(&faults));
        }
        Err(faults) => cx.stall(AttentionReason::PlanInvalid, faults_text(&faults)),
    }
}

/// A human's plan in place of the one they were shown.
///
/// # Errors
/// What is wrong with it.
pub(super) fn edited(cx: &Context<'_>, plan: &Plan) -> Result<FrozenPlan, Vec<PlanFault>> {
    let version = cx.task.plan.as_ref().map_or(1, |p| p.version + 1);
    let catalog = cx.env.catalog.of(&cx.task.tenant);
    let channels = &cx.submission.channels;
    freeze(plan, version, PlanOrigin::Human, catalog, channels, cx.env.limits)
}

/// Takes it and runs it: who wrote it has seen it. What was done and follows from the same stays done.
pub(super) fn replace(cx: &mut Context<'_>, frozen: FrozenPlan) {
    let before: BTreeMap<String, Step> = (0_u16..)
        .zip(&cx.task.steps)
        .map(|(index, step)| (cx.step_key(index), step.clone()))
        .collect();
    let intent = cx.task.plan.as_ref().and_then(|plan| plan.intent);
    make_current(cx, frozen, intent);
    steps::each_in_order(cx, |cx, index| {
        let Some(known) = before.get(&cx.step_key(index)) else {
            return;
        };
        let same = known.status == StepStatus::Succeeded && known.input_hash == Some(steps::input_hash(cx, index));
        if let Some(step) = cx.task.steps.get_mut(usize::from(index)).filter(|_| same) {
            step.clone_from(known);
        }
    });
    tell(cx, None);
    execute(cx);
}

/// What the next planning must heed.
pub(super) fn feedback(cx: &mut Context<'_>, text: &str) {
    let no = cx.payload("plan_feedback", Body::new(Value::from(text).to_string()));
    cx.task.plan_feedback.push(no);
}

fn install(
    cx: &mut Context<'_>,
    frozen: FrozenPlan,
    document: Option<&Body>,
    forecast: Option<Forecast>,
    reuse: Option<&Reuse>,
) {
    let intent = document.map(|d| cx.payload("intent", d.clone()));
    make_current(cx, frozen, intent);
    let taken = reuse.map_or_else(Vec::new, |reuse| steps::take_over(cx, reuse));
    // A plan that follows outside effects is looked at by a human, whatever the policy.
    let follows = !cx.task.effects.is_empty() || reuse.is_some_and(|reuse| repeats(cx, reuse, &taken));
    let review = cx.submission.policy.plan_review || follows;
    if review {
        cx.set_stage(Status::AwaitingPlanReview);
    }
    tell(cx, forecast);
    for index in taken {
        cx.emit_step(EventKind::StepSucceeded, index, json!({ "reused": true }));
    }
    if !review {
        execute(cx);
    }
}

/// The plan is the task's now, and nothing of it has run.
fn make_current(cx: &mut Context<'_>, frozen: FrozenPlan, intent: Option<PayloadNo>) {
    cx.task.steps = frozen.steps.iter().map(|_| fresh_step()).collect();
    cx.task.quality = None;
    cx.task.best = None;
    keep(cx, frozen, intent);
}

/// The plan is stored, and the one in force.
pub(super) fn keep(cx: &mut Context<'_>, frozen: FrozenPlan, intent: Option<PayloadNo>) {
    let text = serde_json::to_string(&frozen).unwrap_or_default();
    let payload = cx.payload("plan", Body::new(text));
    cx.task.plan = Some(PlanRef {
        version: frozen.version,
        payload,
        intent,
    });
    let frozen = Arc::new(frozen);
    cx.changes.plan = Some(Arc::clone(&frozen));
    cx.plan = Some(frozen);
}

fn tell(cx: &mut Context<'_>, forecast: Option<Forecast>) {
    let Some(plan) = cx.plan.clone() else { return };
    let mut data = json!({
        "version": plan.version,
        "origin": plan.origin.as_str(),
        "summary": plan.plan.summary,
        "steps": plan.document().steps.len(),
    });
    if let (Value::Object(data), Some(forecast)) = (&mut data, forecast) {
        data.insert("forecast".to_owned(), json!(forecast));
    }
    cx.emit(EventKind::TaskPlanned, data);
}

/// A step that acted outside in the other task would act again.
fn repeats(cx: &Context<'_>, reuse: &Reuse, taken: &[u16]) -> bool {
    let taken: BTreeSet<String> = taken.iter().map(|&index| cx.step_key(index)).collect();
    // Which items there will be is not known yet.
    let written = |key: &str| key.split_once('/').map_or(key, |(step, _)| step).to_owned();
    let planned = |key: &&String| cx.step_index(&written(key)).is_some();
    reuse.effects.difference(&taken).any(|key| planned(&key))
}

/// The plan stands; its steps may run.
pub(super) fn execute(cx: &mut Context<'_>) {
    cx.set_stage(Status::Executing);
    let written = cx.plan.as_ref().map_or(0, |plan| plan.document().steps.len());
    cx.emit(EventKind::TaskExecuting, json!({ "steps": written }));
}

pub(super) fn fresh_step() -> Step {
    Step {
        status: StepStatus::Pending,
        round: 0,
        attempt: 0,
        input_hash: None,
        output: None,
        others: Vec::new(),
        items: None,
        reused: false,
        cheaper: false,
        feedback: None,
        asked: None,
        started_at: None,
        finished_at: None,
        error: None,
    }
}

impl Plan {
    /// Reads a plan document.
    ///
    /// # Errors
    /// One fault that names what does not fit.
    pub fn deserialize_checked(document: &Value) -> Result<Self, Vec<PlanFault>> {
        serde::Deserialize::deserialize(document).map_err(|e: serde_json::Error| {
            vec![PlanFault {
                code: "plan_shape".to_owned(),
                pointer: String::new(),
                detail: e.to_string(),
            }]
        })
    }
}

fn faults_text(faults: &[PlanFault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|f| format!("{} at {:?}: {}", f.code, f.pointer, f.detail))
        .collect();
    format!("the plan is refused: {}", lines.join("; "))
}

fn body_of(submission: &Submission) -> Body {
    Body::new(serde_json::to_string(submission).unwrap_or_default())
}

fn submitted(submission: &Submission) -> Value {
    let mut data = json!({ "request": excerpt(&submission.request) });
    if let (Value::Object(data), Some(forked)) = (&mut data, &submission.forked) {
        data.insert("forked_from".to_owned(), forked.task.as_str().into());
    }
    data
}

fn excerpt(text: &str) -> String {
    text.chars().take(500).collect()
}
