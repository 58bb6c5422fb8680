//! The effect ledger: a request is frozen before it is sent, and only `sent` is ambiguous.

use super::context::Context;
use super::{LEASE, asking, runs};
use crate::decision::{EffectReply, EffectRow, FrozenRequest, Reply};
use crate::ids::{JobId, RunId, Serial};
use crate::input::{Body, EffectEnd, EffectRequest};
use crate::state::{Effect, EffectState, PayloadNo, Unit};
use crate::time::{Millis, Timestamp};
use crate::vocabulary::{AttentionReason, EffectClass};

/// Longest licence to send.
const MAX_SEND: Millis = Millis::secs(300);

pub(super) fn begun(cx: &mut Context<'_>, ask: &EffectRequest) {
    // Asking is a sign of life, and only the current run may ask.
    runs::started(cx, ask.job, ask.dispatch, ask.run);
    let Reply::Continue { .. } = cx.reply else {
        if let Reply::Stop(reason) = cx.reply {
            cx.reply = Reply::Effect(EffectReply::Refused(reason));
        }
        return;
    };
    let Some(serial) = ask.job.serial_in(cx.task.id) else {
        return;
    };
    if asking::holds_back(cx, serial) {
        cx.reply = Reply::Effect(EffectReply::Refused("gate"));
        return;
    }
    let known = cx
        .task
        .effects
        .iter()
        .position(|e| e.job == serial && e.ordinal == ask.ordinal);
    let reply = match known {
        None => license_first(cx, serial, ask),
        Some(at) => license_again(cx, at, ask),
    };
    cx.reply = Reply::Effect(reply);
}

fn license_first(cx: &mut Context<'_>, serial: Serial, ask: &EffectRequest) -> EffectReply {
    let Some(unit) = cx.task.jobs.iter().find(|j| j.serial == serial).map(|j| j.unit) else {
        return EffectReply::Refused("superseded");
    };
    // An earlier job of the same unit did just this: its recorded answer stands, unless a human wants it again.
    let done = cx.task.effects.iter().find(|e| {
        e.unit == unit && e.state == EffectState::Confirmed && !e.decided && e.hash == Some(ask.request.hash)
    });
    if let Some(done) = done {
        return EffectReply::Ended {
            state: done.state,
            response: done.response,
        };
    }
    // It was queued before the tool was taken out of use; nothing of it has been sent.
    let out_of_use = match (unit, &ask.tool) {
        (Unit::Step(index), _) => cx.out_of_use(index),
        (_, Some(tool)) => cx.env.catalog.of(&cx.task.tenant).out_of_use_for_channels(tool),
        (_, None) => None,
    };
    if let Some(out_of_use) = out_of_use {
        return EffectReply::Refused(out_of_use.code());
    }
    let now = cx.now();
    let within = window(ask);
    let request = cx.payload("effect_request", ask.request.clone());
    cx.task.effects.push(Effect {
        job: serial,
        ordinal: ask.ordinal,
        unit,
        class: ask.class,
        state: EffectState::Sent,
        run: ask.run,
        hash: Some(ask.request.hash),
        request,
        response: None,
        first_sent: now,
        send_before: now + within,
        key_until: now + ask.key_ttl,
        decided: false,
    });
    row(cx, cx.task.effects.len() - 1, &ask.target);
    extend_lease(cx, serial, now + within);
    EffectReply::Send {
        request: FrozenRequest::Given(ask.request.clone()),
        within,
    }
}

fn license_again(cx: &mut Context<'_>, at: usize, ask: &EffectRequest) -> EffectReply {
    let now = cx.now();
    let within = window(ask);
    let Some(effect) = cx.task.effects.get_mut(at) else {
        return EffectReply::Refused("superseded");
    };
    match effect.state {
        EffectState::Confirmed | EffectState::Rejected => {
            return EffectReply::Ended {
                state: effect.state,
                response: effect.response,
            };
        }
        EffectState::Unknown => {
            return EffectReply::Ended {
                state: EffectState::Unknown,
                response: None,
            };
        }
        EffectState::Intended | EffectState::Sent => {}
    }
    let sent = effect.state == EffectState::Sent;
    if sent && effect.send_before > now {
        return if effect.run == ask.run {
            // The answer was lost on its way: the licence stands as it was given.
            EffectReply::Send {
                request: FrozenRequest::Stored(effect.request),
                within: effect.send_before - now,
            }
        } else {
            EffectReply::Busy
        };
    }
    let may_repeat = match effect.class {
        // Who sends a `queryable` effect again looks it up first: the frozen request is a stored one.
        EffectClass::ReadOnly | EffectClass::Queryable => true,
        EffectClass::Keyed => now < effect.key_until,
        // The same run asks again only when it never heard the licence, and so did not send.
        EffectClass::Once => !sent || effect.run == ask.run,
    };
    if !may_repeat {
        effect.state = EffectState::Unknown;
        row(cx, at, &ask.target);
        return EffectReply::Ended {
            state: EffectState::Unknown,
            response: None,
        };
    }
    effect.state = EffectState::Sent;
    effect.run = ask.run;
    effect.send_before = now + within;
    let (request, serial) = (effect.request, effect.job);
    row(cx, at, &ask.target);
    extend_lease(cx, serial, now + within);
    EffectReply::Send {
        request: FrozenRequest::Stored(request),
        within,
    }
}

fn window(ask: &EffectRequest) -> Millis {
    ask.send_within.clamp(Millis(1), MAX_SEND)
}

/// While a run is licensed to send nobody else may take its job.
fn extend_lease(cx: &mut Context<'_>, serial: Serial, until: Timestamp) {
    use crate::state::JobState;
    let until = until.min(cx.now() + Millis(LEASE.0 * 2));
    if let Some(job) = cx.task.jobs.iter_mut().find(|j| j.serial == serial)
        && let JobState::Running { lease, .. } = &mut job.state
    {
        *lease = (*lease).max(until);
    }
}

/// How a sending ended. Late news resolves `unknown` until a human has decided.
pub(super) fn ended(cx: &mut Context<'_>, job: JobId, run: RunId, ordinal: u32, ended: EffectEnd, response: &Body) {
    let at = job.serial_in(cx.task.id).and_then(|serial| {
        cx.task
            .effects
            .iter()
            .position(|e| e.job == serial && e.ordinal == ordinal)
    });
    let Some((at, effect)) = at.and_then(|at| cx.task.effects.get(at).map(|e| (at, e))) else {
        cx.reply = Reply::Ignored("no such effect");
        return;
    };
    let state = match ended {
        EffectEnd::Confirmed => EffectState::Confirmed,
        EffectEnd::Rejected => EffectState::Rejected,
        EffectEnd::Unknown => EffectState::Unknown,
    };
    let news = match effect.state {
        EffectState::Sent => true,
        EffectState::Unknown => !effect.decided && state != EffectState::Unknown,
        // A rejection by one run does not undo what another one learnt.
        EffectState::Rejected => state == EffectState::Confirmed && effect.run == run,
        EffectState::Intended | EffectState::Confirmed => false,
    };
    if !news {
        cx.reply = Reply::Effect(EffectReply::Recorded(effect.state));
        return;
    }
    let was_unknown = effect.state == EffectState::Unknown;
    let unit = effect.unit;
    // An erased task takes no words in any more.
    let response = (!cx.task.erased).then(|| cx.payload("effect_response", response.clone()));
    set(cx, at, state, response);
    let orphaned = !cx.task.jobs.iter().any(|j| Some(j.serial) == job.serial_in(cx.task.id));
    if state == EffectState::Confirmed && (was_unknown || orphaned) {
        happened_after_all(cx, unit);
    }
    cx.reply = Reply::Effect(EffectReply::Recorded(state));
}

/// Late news: the publication happened after all, and nobody need be asked about it.
fn happened_after_all(cx: &mut Context<'_>, unit: Unit) {
    let Unit::Publish(index) = unit else { return };
    super::delivering::delivered(cx, index, "");
    super::control::settle_attention(cx, AttentionReason::EffectUnknown);
}

fn set(cx: &mut Context<'_>, at: usize, state: EffectState, response: Option<PayloadNo>) {
    cx.touch();
    if let Some(effect) = cx.task.effects.get_mut(at) {
        effect.state = state;
        effect.response = response.or(effect.response);
    }
    row(cx, at, "");
}

fn row(cx: &mut Context<'_>, at: usize, target: &str) {
    let now = cx.now();
    let Some(e) = cx.task.effects.get(at) else { return };
    let row = EffectRow {
        job: cx.task.id.job(e.job),
        ordinal: e.ordinal,
        class: e.class,
        state: e.state,
        target: target.chars().take(500).collect(),
        run: e.run,
        request: e.request,
        response: e.response,
        send_before: e.send_before,
        at: now,
    };
    cx.changes.effects.push(row);
    cx.touch();
}

/// What an effect of an earlier job leaves open for a unit that would get a new one.
pub(super) enum Leftover {
    /// Nothing: a new job may run.
    Nothing,
    /// It may still be on its way; its licence ends soon.
    InFlight,
    /// Nobody knows, and no human has decided.
    Unknown,
}

/// Looks whether a new job for `unit` could repeat what an earlier one did.
pub(super) fn leftover(cx: &Context<'_>, unit: Unit) -> Leftover {
    let mut found = Leftover::Nothing;
    for effect in cx.task.effects.iter().filter(|e| e.unit == unit) {
        match effect.state {
            EffectState::Sent => return Leftover::InFlight,
            EffectState::Unknown if !effect.decided => found = Leftover::Unknown,
            _ => {}
        }
    }
    found
}

/// A job ended well: its effects happened, even where EndEffect was lost.
pub(super) fn confirm(cx: &mut Context<'_>, job: Serial) {
    for at in open_of(cx, |e| e.job == job) {
        set(cx, at, EffectState::Confirmed, None);
    }
}

/// A run ended with a question instead: what it sent, though EndEffect was lost, was asked about and not done.
pub(super) fn not_done(cx: &mut Context<'_>, job: Serial, run: RunId) {
    for at in open_of(cx, |e| e.job == job && e.run == run) {
        set(cx, at, EffectState::Rejected, None);
    }
}

/// A run says that it does not know how its effect ended.
pub(super) fn lost_sight(cx: &mut Context<'_>, job: Serial) {
    mark_unknown(cx, |e| e.job == job);
}

/// What is past its licence and that nothing will ask about again: nobody knows.
pub(super) fn expire(cx: &mut Context<'_>) {
    let now = cx.now();
    let live: Vec<Serial> = cx.task.jobs.iter().map(|j| j.serial).collect();
    forget(cx, |e| e.send_before <= now && !live.contains(&e.job));
}

/// The task ends, and nobody will ask about what is still in flight.
pub(super) fn give_up(cx: &mut Context<'_>) {
    forget(cx, |_| true);
}

fn forget(cx: &mut Context<'_>, which: impl Fn(&Effect) -> bool) {
    for at in open_of(cx, which) {
        set(cx, at, EffectState::Unknown, None);
        if let Some(Unit::Publish(index)) = cx.task.effects.get(at).map(|e| e.unit) {
            super::delivering::not_delivered(cx, index, AttentionReason::EffectUnknown);
        }
    }
}

/// Something may have happened outside that nobody knows about, and no human has decided.
pub(super) fn any_open(cx: &Context<'_>) -> bool {
    cx.task.effects.iter().any(|e| match e.state {
        EffectState::Sent => true,
        EffectState::Unknown => !e.decided,
        EffectState::Intended | EffectState::Confirmed | EffectState::Rejected => false,
    })
}

/// The job's effect is known to have happened.
pub(super) fn is_confirmed(cx: &Context<'_>, job: Serial) -> bool {
    let confirmed = |e: &Effect| e.job == job && e.state == EffectState::Confirmed;
    cx.task.effects.iter().any(confirmed)
}

/// No effect of a task that is being cancelled is waited for beyond its licence.
fn mark_unknown(cx: &mut Context<'_>, which: impl Fn(&Effect) -> bool) {
    for at in open_of(cx, which) {
        set(cx, at, EffectState::Unknown, None);
    }
}

fn open_of(cx: &Context<'_>, which: impl Fn(&Effect) -> bool) -> Vec<usize> {
    let numbered = cx.task.effects.iter().enumerate();
    numbered
        .filter(|(_, e)| e.state == EffectState::Sent && which(e))
        .map(|(at, _)| at)
        .collect()
}
