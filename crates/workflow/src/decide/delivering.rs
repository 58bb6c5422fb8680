//! Formatting, approval and publication: from settled outputs to what is out there.

use super::auto_approval;
use super::context::Context;
use super::effects::{self, Leftover};
use super::{assessing, steps};
use crate::deliverable;
use crate::hash::Fingerprint;
use crate::input::Body;
use crate::state::{Delivery, DeliveryState, PayloadNo, Unit};
use crate::vocabulary::{AttentionReason, EventKind, GateKind, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Characters of what is wrong with a deliverable that are kept.
const MOST_OF_FAULTS: usize = 1_000;
/// The deliverable of a task without channels.
pub const RESULT: &str = "result";

pub(super) fn channel(cx: &Context<'_>, index: u16) -> String {
    cx.task
        .deliveries
        .get(usize::from(index))
        .map(|d| d.channel.clone())
        .unwrap_or_default()
}

/// One job a channel, then the approval.
pub(super) fn format(cx: &mut Context<'_>) {
    if cx.task.deliveries.is_empty() {
        let channels = match cx.submission.channels.as_slice() {
            [] => vec![RESULT.to_owned()],
            channels => channels.to_vec(),
        };
        cx.touch();
        cx.task.deliveries = channels
            .into_iter()
            .map(|channel| Delivery {
                channel,
                content: None,
                draft: None,
                faults: String::new(),
                state: DeliveryState::Pending,
                location: String::new(),
                at: None,
            })
            .collect();
    }
    let missing = indices(cx, |d| d.content.is_none());
    for &index in &missing {
        if !cx.has_job(Unit::Format(index)) {
            cx.add_job(Unit::Format(index));
        }
    }
    if missing.is_empty() {
        after_formatting(cx);
    }
}

fn after_formatting(cx: &mut Context<'_>) {
    let channels: Vec<&str> = cx.task.deliveries.iter().map(|d| d.channel.as_str()).collect();
    let data = json!({ "channels": channels, "content_hash": content_hash(cx).to_string() });
    cx.emit(EventKind::TaskFormatted, data);
    let faulty = faulty(cx);
    if !faulty.is_empty() {
        repair_or_ask(cx, faulty);
        return;
    }
    let policy = auto_approval::publication(&cx.submission.policy, &cx.task);
    match policy.filter(|_| auto_approval::withheld(cx).is_none()) {
        Some(policy) => approve(cx, None, &policy),
        None => cx.set_stage(Status::AwaitingApproval),
    }
}

/// What no rule allows, by channel.
fn faulty(cx: &Context<'_>) -> Vec<(String, String)> {
    let faulty = cx.task.deliveries.iter().filter(|d| !d.faults.is_empty());
    faulty.map(|d| (d.channel.clone(), d.faults.clone())).collect()
}

/// The steps it was made of run again as long as there are rounds; then a human looks, never policy.
fn repair_or_ask(cx: &mut Context<'_>, faulty: Vec<(String, String)>) {
    let passed = cx.task.quality.as_ref().is_some_and(|quality| quality.passed);
    let mut feedback: BTreeMap<u16, String> = BTreeMap::new();
    if passed && cx.task.round < cx.submission.policy.max_refinements {
        for (channel, faults) in faulty {
            for index in made_of(cx, &channel).into_iter().filter(|&i| steps::repairable(cx, i)) {
                let all = feedback.entry(index).or_default();
                if !all.is_empty() {
                    all.push('\n');
                }
                all.push_str(&format!("for {channel}: {faults}"));
            }
        }
    }
    if feedback.is_empty() {
        cx.set_stage(Status::AwaitingApproval);
        return;
    }
    let blamed = feedback
        .into_iter()
        .map(|(index, text)| (index, cx.feedback(&text)))
        .collect();
    assessing::refine(cx, blamed, BTreeMap::new());
}

/// The steps of a channel: those that are for it, else those nobody else takes from.
fn made_of(cx: &Context<'_>, channel: &str) -> Vec<u16> {
    let plan = cx.plan.iter().flat_map(|plan| (0_u16..).zip(&plan.plan.steps));
    let own = plan.filter(|(_, step)| step.channel.as_deref() == Some(channel));
    let own: Vec<u16> = own.flat_map(|(index, _)| steps::makers(cx, index)).collect();
    if own.is_empty() { steps::sinks(cx) } else { own }
}

pub(super) fn ensure_gate(cx: &mut Context<'_>) {
    if cx.task.gates.iter().any(|g| g.kind == GateKind::Publication) {
        return;
    }
    let hash = content_hash(cx);
    let withheld = auto_approval::withheld(cx);
    cx.open(GateKind::Publication, None, hash, withheld);
    cx.emit(
        EventKind::TaskAwaitingApproval,
        json!({ "content_hash": hash.to_string() }),
    );
}

/// Hash of all deliverables, in order: what a human approves.
pub(super) fn content_hash(cx: &Context<'_>) -> Fingerprint {
    let parts: Vec<[u8; 16]> = cx
        .task
        .deliveries
        .iter()
        .map(|d| d.content.map_or([0; 16], |c| c.hash.to_bytes()))
        .collect();
    Fingerprint::of(parts.iter().map(<[u8; 16]>::as_slice))
}

pub(super) fn formatted(cx: &mut Context<'_>, index: u16, body: &Body) {
    let old = cx.task.deliveries.get(usize::from(index)).and_then(|d| d.content);
    let content = cx.output("deliverable", body, old);
    let rules = &cx.submission.policy.deliverable_rules;
    if let Some(delivery) = cx.task.deliveries.get_mut(usize::from(index)) {
        let faults = deliverable::faults(rules, &delivery.channel, &body.text);
        delivery.faults = faults.join("; ").chars().take(MOST_OF_FAULTS).collect();
        delivery.content = Some(content);
    }
}

/// What a human, or policy, let go out. `channels` none: all.
pub(super) fn approve(cx: &mut Context<'_>, channels: Option<&[String]>, actor: &str) {
    let publishes = !cx.submission.channels.is_empty();
    for delivery in &mut cx.task.deliveries {
        let chosen = publishes && channels.is_none_or(|c| c.contains(&delivery.channel));
        delivery.state = if chosen {
            DeliveryState::Pending
        } else {
            DeliveryState::Skipped
        };
    }
    cx.set_stage(Status::Publishing);
    let chosen: Vec<&str> = cx
        .task
        .deliveries
        .iter()
        .filter(|d| d.state == DeliveryState::Pending)
        .map(|d| d.channel.as_str())
        .collect();
    let data = json!({ "channels": chosen, "approved_by": actor });
    cx.emit(EventKind::TaskPublishing, data);
}

pub(super) fn publish(cx: &mut Context<'_>) {
    let open = indices(cx, |d| d.state == DeliveryState::Pending);
    for &index in &open {
        let unit = Unit::Publish(index);
        if cx.has_job(unit) {
            continue;
        }
        // An earlier job may have been dropped in the middle of sending.
        match effects::leftover(cx, unit) {
            Leftover::Nothing => cx.add_job(unit),
            Leftover::InFlight => {}
            Leftover::Unknown => {
                not_delivered(cx, index, AttentionReason::EffectUnknown);
                let detail = format!(
                    "publication to {}: nobody knows whether it happened",
                    channel(cx, index)
                );
                cx.stall(AttentionReason::EffectUnknown, detail);
            }
        }
    }
    if open.is_empty() {
        conclude(cx);
    }
}

/// Everything went out or was left out on purpose; or a human is asked about what did not.
fn conclude(cx: &mut Context<'_>) {
    let unsettled = |i: &u16| {
        matches!(
            effects::leftover(cx, Unit::Publish(*i)),
            Leftover::Unknown | Leftover::InFlight
        )
    };
    let unknown = indices(cx, |d| d.state == DeliveryState::Unknown);
    if let Some(index) = unknown.iter().find(|i| unsettled(i)) {
        let detail = format!(
            "publication to {}: nobody knows whether it happened",
            channel(cx, *index)
        );
        cx.stall(AttentionReason::EffectUnknown, detail);
    } else if let Some(index) = indices(cx, |d| d.state == DeliveryState::Failed).first() {
        let detail = format!("publication to {} failed", channel(cx, *index));
        cx.stall(AttentionReason::Publication, detail);
    } else {
        complete(cx);
    }
}

fn complete(cx: &mut Context<'_>) {
    let contents: Vec<PayloadNo> = cx
        .task
        .deliveries
        .iter()
        .filter_map(|d| d.content)
        .map(|c| c.payload)
        .collect();
    let data = json!({
        "request": cx.submission.request,
        "quality": cx.task.quality.as_ref().map(|q| json!({ "overall": q.overall, "passed": q.passed })),
        "refinements": cx.task.round,
        "cost": cost(cx),
        "published": published(cx),
    });
    cx.task.attention = None;
    cx.end(
        Status::Completed,
        EventKind::TaskCompleted,
        data,
        vec![("result", contents)],
    );
}

fn cost(cx: &Context<'_>) -> Value {
    let spent = cx.task.spent;
    json!({ "usd": spent.usd_micros as f64 / 1e6, "tokens": spent.tokens, "calls": spent.calls })
}

pub(super) fn delivered(cx: &mut Context<'_>, index: u16, location: &str) {
    let now = cx.now();
    if let Some(delivery) = cx.task.deliveries.get_mut(usize::from(index)) {
        delivery.state = DeliveryState::Published;
        delivery.location = location.chars().take(2000).collect();
        delivery.at = Some(now);
    }
}

pub(super) fn not_delivered(cx: &mut Context<'_>, index: u16, reason: AttentionReason) {
    if let Some(delivery) = cx.task.deliveries.get_mut(usize::from(index)) {
        delivery.state = match reason {
            AttentionReason::EffectUnknown => DeliveryState::Unknown,
            _ => DeliveryState::Failed,
        };
    }
}

/// What went out, or may have, by channel.
pub(super) fn published(cx: &Context<'_>) -> Value {
    cx.task
        .deliveries
        .iter()
        .filter(|d| !matches!(d.state, DeliveryState::Pending | DeliveryState::Skipped))
        .map(|d| json!({ "channel": d.channel, "state": d.state, "location": d.location }))
        .collect()
}

pub(super) fn indices(cx: &Context<'_>, wanted: impl Fn(&Delivery) -> bool) -> Vec<u16> {
    let numbered = cx.task.deliveries.iter().enumerate();
    numbered
        .filter(|(_, d)| wanted(d))
        .filter_map(|(i, _)| u16::try_from(i).ok())
        .collect()
}
