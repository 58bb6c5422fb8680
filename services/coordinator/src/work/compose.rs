//! Composing work items from queued jobs.

use super::body;
use super::item::{Carried, Item};
use super::pace::Paces;
use crate::rollouts::Rollouts;
use crate::tenant_budgets::TenantBudgets;
use crate::writer::draft::Entry;
use bus::Lane;
use bus::names::{Names, Token};
use contracts::work::{
    AssessSpec, FormatSpec, Grant, Input, ItemOf, Job as WorkJob, Payload, PlanSpec, PublishSpec, StepSpec, WorkItem,
    job, payload,
};
use serde_json::{Value, json};
use std::sync::Arc;
use workflow::decide::LOSSES_BEFORE_ALONE;
use workflow::ids::Serial;
use workflow::plan::{FanOut, FrozenPlan, FrozenStep, ITEMS, PlanStep};
use workflow::state::{Job, PayloadNo, Unit};
use workflow::submission::OnBudgetExceeded;
use workflow::time::Timestamp;
use workflow::vocabulary::StepStatus;

/// Jobs in one message.
pub(super) const MAX_JOBS: usize = 16;
/// Bytes of a message's payloads; the rest of 512 KiB is for everything around them.
pub(super) const MAX_BYTES: usize = 448 * 1024;

/// Payloads whose bodies the items of `serials` need.
pub fn needed(entry: &Entry, serials: &[Serial]) -> Vec<PayloadNo> {
    let mut wanted = Vec::new();
    for job in jobs_of(entry, serials) {
        match job.unit {
            Unit::Plan => wanted.extend(&entry.task.plan_feedback),
            Unit::Step(index) => {
                let step = entry.task.steps.get(usize::from(index));
                wanted.extend(step.and_then(|s| s.feedback));
                wanted.extend(approved_no(entry, index));
                wanted.extend(input_steps(entry, index).filter_map(|i| output_no(entry, i)));
            }
            Unit::Assess => wanted.extend(all_steps(entry).filter_map(|i| output_no(entry, i))),
            Unit::Format(_) => wanted.extend(all_steps(entry).filter_map(|i| output_no(entry, i))),
            Unit::Publish(index) => {
                wanted.extend(
                    entry
                        .task
                        .deliveries
                        .get(usize::from(index))
                        .and_then(|d| d.content)
                        .map(|c| c.payload),
                );
            }
        }
    }
    wanted.retain(|no| !entry.bodies.contains_key(no));
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// Where items go, and which may travel together.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    pub names: &'a Names,
    pub lane: Lane,
    /// The database's clock.
    pub now: Timestamp,
    /// What the tenant's window bounds beside the task's own budget.
    pub windows: &'a TenantBudgets,
    /// Which models serve whom.
    pub rollouts: &'a Rollouts,
    /// None: everything travels alone.
    pub together: Option<&'a Paces>,
}

/// The messages that carry `serials`: short first runs together, everything else alone.
pub fn items(entry: &mut Entry, serials: &[Serial], route: Route<'_>) -> Vec<Item> {
    let submission = context(entry);
    let entry = &*entry;
    let mut items = Vec::new();
    let jobs: Vec<&Job> = jobs_of(entry, serials).collect();
    let mut groups: Vec<(String, Vec<&Job>)> = Vec::new();
    for job in jobs {
        let pool = pool(entry, job);
        let open = groups.last_mut().filter(|(p, g)| {
            *p == pool && g.len() < MAX_JOBS && g.first().is_some_and(|f| joins(entry, f, job, route))
        });
        match open {
            Some((_, group)) => group.push(job),
            None => groups.push((pool, vec![job])),
        }
    }
    for (pool, group) in groups {
        let Ok(token) = Token::parse(&pool) else { continue };
        let Some(first) = group.first() else { continue };
        let kind = first.unit.kind();
        let mut room = Room {
            left: MAX_BYTES.saturating_sub(group.iter().map(|j| fixed_size(entry, j)).sum()),
            spilled: Vec::new(),
        };
        let work = WorkItem {
            task_id: entry.task.id.to_string(),
            tenant: entry.task.tenant.clone(),
            kind: kind.as_str().to_owned(),
            pool: pool.clone(),
            result_subject: route.names.result_subject(route.lane),
            traceparent: entry.submission.traceparent.clone(),
            submission: Some(room.payload(&submission)),
            jobs: group.iter().map(|j| work_job(entry, j, route, &mut room)).collect(),
            more: Vec::new(),
        };
        let dispatch = |j: &&Job| (entry.task.id.job(j.serial), j.dispatch);
        items.push(Item {
            subject: route.names.work_subject(kind, &token),
            message_id: format!("{}:{}", entry.task.id.job(first.serial), first.dispatch),
            work,
            carried: vec![Carried {
                task: entry.task.id,
                jobs: group.iter().map(dispatch).collect(),
            }],
            spilled: room.spilled.into_iter().map(|text| (entry.task.id, text)).collect(),
            shares: group.iter().all(|j| is_short(entry, j, route)),
        });
    }
    items
}

/// Bytes of a job that cannot be spilled: arguments, or the plan, and feedback.
fn fixed_size(entry: &Entry, job: &Job) -> usize {
    let body = |no: &PayloadNo| entry.bodies.get(no).map_or(0, |b| b.len());
    match job.unit {
        Unit::Plan => entry.task.plan_feedback.iter().map(body).sum(),
        Unit::Step(index) => {
            let arguments = plan_step(entry, index).and_then(|(d, _)| serde_json::to_string(&d.arguments).ok());
            let feedback = entry.task.steps.get(usize::from(index)).and_then(|s| s.feedback);
            arguments.map_or(0, |a| a.len()) + feedback.as_ref().map_or(0, body)
        }
        Unit::Assess => plan_document(entry.plan.as_ref()).len(),
        Unit::Format(_) | Unit::Publish(_) => 0,
    }
}

/// What templates may read, made once a task.
fn context(entry: &mut Entry) -> Arc<str> {
    if let Some(context) = &entry.context {
        return Arc::clone(context);
    }
    let submission = &entry.submission;
    let context: Arc<str> = json!({
        "request": submission.request,
        "business_metrics": submission.business_metrics,
        "preferences": submission.preferences,
        "channels": submission.channels,
    })
    .to_string()
    .into();
    entry.context = Some(Arc::clone(&context));
    context
}

fn joins(entry: &Entry, first: &Job, job: &Job, route: Route<'_>) -> bool {
    first.unit.kind() == job.unit.kind() && is_short(entry, first, route) && is_short(entry, job, route)
}

/// Only first runs share a message, where they are short; a repeated dispatch travels alone.
fn is_short(entry: &Entry, job: &Job, route: Route<'_>) -> bool {
    let Some(paces) = route.together else { return false };
    let fresh = job.dispatch == 1 && job.losses == 0 && entry.task.round == 0;
    fresh
        && match job.unit {
            Unit::Step(i) => plan_step(entry, i).is_some_and(|(_, f)| f.short),
            unit => paces.is_short(unit.kind()),
        }
}

fn jobs_of<'a>(entry: &'a Entry, serials: &'a [Serial]) -> impl Iterator<Item = &'a Job> {
    entry.task.jobs.iter().filter(|j| serials.contains(&j.serial))
}

fn pool(entry: &Entry, job: &Job) -> String {
    match job.unit {
        Unit::Step(i) => plan_step(entry, i).map_or_else(|| "default".to_owned(), |(_, f)| f.pool.clone()),
        _ => "default".to_owned(),
    }
}

fn plan_step(entry: &Entry, index: u16) -> Option<(&PlanStep, &FrozenStep)> {
    let plan = entry.plan.as_ref()?;
    plan.plan
        .steps
        .get(usize::from(index))
        .zip(plan.steps.get(usize::from(index)))
}

fn all_steps(entry: &Entry) -> impl Iterator<Item = u16> + '_ {
    entry.plan.iter().flat_map(|p| p.order.iter().copied())
}

fn input_steps(entry: &Entry, index: u16) -> impl Iterator<Item = u16> + '_ {
    plan_step(entry, index)
        .into_iter()
        .flat_map(|(_, f)| f.inputs.iter().copied())
}

fn output_no(entry: &Entry, index: u16) -> Option<PayloadNo> {
    let step = entry.task.steps.get(usize::from(index))?;
    if step.status != StepStatus::Succeeded {
        return None;
    }
    step.output.map(|o| o.payload)
}

/// What a human let through.
fn approved_no(entry: &Entry, index: u16) -> Option<PayloadNo> {
    entry.task.steps.get(usize::from(index))?.asked.as_ref()?.approved
}

/// Bytes left in a message.
struct Room {
    left: usize,
    spilled: Vec<Arc<str>>,
}

impl Room {
    /// Inline while it fits, by hash beyond.
    fn payload(&mut self, text: &Arc<str>) -> Payload {
        if text.len() <= self.left || body::as_blob(text).is_some() {
            self.left = self.left.saturating_sub(text.len());
            return body::to_payload(text);
        }
        self.spilled.push(Arc::clone(text));
        Payload {
            body: Some(payload::Body::Blob(crate::store::payloads::blob_ref(text.as_bytes()))),
        }
    }
}

fn work_job(entry: &Entry, job: &Job, route: Route<'_>, room: &mut Room) -> WorkJob {
    let policy = &entry.submission.policy;
    let bounds = policy.bounds().min(route.windows.limit_of(&entry.task.tenant));
    let spec = match job.unit {
        Unit::Plan => job::Spec::Plan(PlanSpec {
            version: entry.task.plan.as_ref().map_or(1, |p| p.version + 1),
            feedback: entry
                .task
                .plan_feedback
                .iter()
                .filter_map(|no| text_of(entry, *no))
                .collect(),
            actor: entry.submission.actor.clone(),
        }),
        Unit::Step(index) => job::Spec::Step(step_spec(entry, index, room)),
        Unit::Assess => job::Spec::Assess(assess_spec(entry, room)),
        Unit::Format(index) => job::Spec::Format(format_spec(entry, index, room)),
        Unit::Publish(index) => job::Spec::Publish(publish_spec(entry, index, room)),
    };
    let timeout = match job.unit {
        Unit::Step(i) => plan_step(entry, i).map_or(policy.job_timeout_seconds, |(_, f)| f.timeout_seconds),
        Unit::Plan | Unit::Assess => policy.model_timeout_seconds,
        Unit::Format(_) | Unit::Publish(_) => policy.job_timeout_seconds,
    };
    WorkJob {
        job_id: entry.task.id.job(job.serial).to_string(),
        dispatch: job.dispatch,
        attempt: job.attempt + 1,
        round: entry.task.round,
        losses: job.losses,
        alone: job.losses >= LOSSES_BEFORE_ALONE,
        timeout_seconds: entry
            .task
            .deadline
            .map_or(timeout, |end| timeout.min(left_until(end, route.now))),
        grant: Some(Grant {
            usd_micros: job.grant.usd_micros,
            tokens: job.grant.tokens,
            calls: job.grant.calls,
            bounds_usd: bounds.usd_micros.is_some(),
            bounds_tokens: bounds.tokens.is_some(),
            bounds_calls: bounds.calls.is_some(),
            cheaper: policy.cheaper_models || policy.on_budget_exceeded == Some(OnBudgetExceeded::Cheaper),
        }),
        models: route.rollouts.choice(entry, job),
        spec: Some(spec),
    }
}

/// Seconds the task has left; never none at all, which would mean no limit.
fn left_until(end: Timestamp, now: Timestamp) -> f64 {
    (end - now).as_secs_f64().max(0.05)
}

/// A payload that holds a JSON string.
fn text_of(entry: &Entry, no: PayloadNo) -> Option<String> {
    let body = entry.bodies.get(&no)?;
    serde_json::from_str(body).ok()
}

fn input(entry: &Entry, index: u16, room: &mut Room) -> Option<Input> {
    let (definition, _) = plan_step(entry, index)?;
    let no = output_no(entry, index)?;
    Some(Input {
        step_key: definition.key.clone(),
        tool_id: definition.tool_id.clone(),
        channel: definition.channel.clone().unwrap_or_default(),
        output: entry.bodies.get(&no).map(|b| room.payload(b)),
    })
}

fn step_spec(entry: &Entry, index: u16, room: &mut Room) -> StepSpec {
    let Some((definition, frozen)) = plan_step(entry, index) else {
        return StepSpec::default();
    };
    let feedback = entry.task.steps.get(usize::from(index)).and_then(|s| s.feedback);
    let approved = approved_no(entry, index).and_then(|no| entry.bodies.get(&no));
    StepSpec {
        key: definition.key.clone(),
        tool_id: definition.tool_id.clone(),
        tool_version_hash: frozen.tool_version_hash.to_string(),
        arguments_json: arguments(entry, index, definition),
        when_json: definition
            .when
            .as_ref()
            .and_then(|w| serde_json::to_string(w).ok())
            .unwrap_or_default(),
        inputs: input_steps(entry, index)
            .filter_map(|i| input(entry, i, room))
            .collect(),
        feedback: feedback.and_then(|no| text_of(entry, no)).into_iter().collect(),
        effects: frozen.effects.as_str().to_owned(),
        ask: frozen.requires_approval && approved.is_none(),
        approved: approved.map(|body| room.payload(body)),
        tier: entry
            .tier(index)
            .map(|tier| tier.as_str().to_owned())
            .unwrap_or_default(),
        max_items: fan(entry, |plan| plan.listed_by(index)).map_or(0, |fan| u32::from(fan.max_items)),
        item_of: item_of(entry, index),
    }
}

fn fan<'a>(entry: &'a Entry, find: impl FnOnce(&'a FrozenPlan) -> Option<&'a FanOut>) -> Option<&'a FanOut> {
    find(entry.plan.as_ref()?)
}

/// As planned; what is gathered is what became of the items that were not skipped.
fn arguments(entry: &Entry, index: u16, definition: &PlanStep) -> String {
    let Some(fan) = fan(entry, |plan| plan.gathered_by(index)) else {
        return serde_json::to_string(&definition.arguments).unwrap_or_default();
    };
    let there = fan.items.iter().filter(|item| output_no(entry, **item).is_some());
    let keys = there
        .filter_map(|item| plan_step(entry, *item))
        .map(|(step, _)| &step.key);
    let items: Vec<Value> = keys.map(|key| json!({ "$step": key, "pointer": "" })).collect();
    json!({ ITEMS: items }).to_string()
}

fn item_of(entry: &Entry, index: u16) -> Option<ItemOf> {
    let (fan, place) = entry.plan.as_ref()?.item_at(index)?;
    Some(ItemOf {
        list: plan_step(entry, fan.list)?.0.key.clone(),
        place: u32::try_from(place).ok()?,
    })
}

fn plan_document(plan: Option<&Arc<FrozenPlan>>) -> String {
    plan.and_then(|p| serde_json::to_string(&p.plan).ok())
        .unwrap_or_default()
}

fn assess_spec(entry: &Entry, room: &mut Room) -> AssessSpec {
    let policy = &entry.submission.policy;
    let quality: Value = json!({
        "threshold": policy.threshold, "dead_band": policy.dead_band, "dimensions": policy.dimensions,
    });
    AssessSpec {
        plan_json: plan_document(entry.plan.as_ref()),
        outputs: all_steps(entry).filter_map(|i| input(entry, i, room)).collect(),
        quality_json: quality.to_string(),
        round: entry.task.round,
    }
}

/// What a channel's deliverable is made from: the steps tagged with it, and those nobody consumes.
fn format_spec(entry: &Entry, index: u16, room: &mut Room) -> FormatSpec {
    let Some(delivery) = entry.task.deliveries.get(usize::from(index)) else {
        return FormatSpec::default();
    };
    let consumed = |i: u16| entry.plan.iter().any(|p| p.steps.iter().any(|s| s.inputs.contains(&i)));
    let wanted = |i: &u16| {
        let tag = plan_step(entry, *i).and_then(|(d, _)| d.channel.as_deref());
        match tag {
            Some(channel) => channel == delivery.channel,
            None => !consumed(*i) || feeds_only_tagged(entry, *i),
        }
    };
    FormatSpec {
        channel: delivery.channel.clone(),
        plan_summary: entry
            .plan
            .as_ref()
            .and_then(|p| p.plan.summary.clone())
            .unwrap_or_default(),
        inputs: all_steps(entry)
            .filter(wanted)
            .filter_map(|i| input(entry, i, room))
            .collect(),
        feedback: Vec::new(),
    }
}

/// A draft that only a channel's own version is made from is final for the other channels.
fn feeds_only_tagged(entry: &Entry, index: u16) -> bool {
    let Some(plan) = &entry.plan else { return false };
    let mut consumers = plan
        .steps
        .iter()
        .zip(&plan.plan.steps)
        .filter(|(f, _)| f.inputs.contains(&index))
        .peekable();
    consumers.peek().is_some() && consumers.all(|(_, d)| d.channel.is_some())
}

fn publish_spec(entry: &Entry, index: u16, room: &mut Room) -> PublishSpec {
    let Some(delivery) = entry.task.deliveries.get(usize::from(index)) else {
        return PublishSpec::default();
    };
    let gate = entry
        .task
        .decided
        .iter()
        .rev()
        .find(|d| d.kind == workflow::vocabulary::GateKind::Publication);
    PublishSpec {
        channel: delivery.channel.clone(),
        deliverable: delivery
            .content
            .and_then(|c| entry.bodies.get(&c.payload))
            .map(|b| room.payload(b)),
        gate_id: gate
            .map(|d| entry.task.id.gate(d.serial).to_string())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
