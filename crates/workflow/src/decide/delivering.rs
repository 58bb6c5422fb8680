//! Formatting, approval and publication: from settled outputs to what is out there.

use super::auto_approval;
use super::context::Context;
use super::effects::{self, Leftover};
use crate::hash::Fingerprint;
use crate::input::Body;
use crate::state::{Delivery, DeliveryState, PayloadNo, Unit};
use crate::vocabulary::{AttentionReason, EventKind, GateKind, Status};
use serde_json::{Value, json};

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
    match auto_approval::publication(&cx.submission.policy, &cx.task) {
        Some(policy) => approve(cx, None, &policy),
        None => cx.set_stage(Status::AwaitingApproval),
    }
}

pub(super) fn ensure_gate(cx: &mut Context<'_>) {
    if cx.task.gates.iter().any(|g| g.kind == GateKind::Publication) {
        return;
    }
    let hash = content_hash(cx);
    cx.open_gate(GateKind::Publication, None, hash);
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
    if let Some(delivery) = cx.task.deliveries.get_mut(usize::from(index)) {
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
