//! What a run may spend: set aside when its job is dispatched, settled when it ends.

use super::context::Context;
use super::runs;
use crate::money::{Allowance, Bounds};
use crate::plan::FrozenStep;
use crate::state::{Job, Money, Unit};
use crate::submission::OnBudgetExceeded;

/// What became of the wish for a grant.
pub(super) enum Granted {
    /// So much is set aside; for a step, whether its model must be a small one.
    Yes { grant: Money, cheaper: bool },
    /// The task's budget does not cover it now.
    ShortOfTask,
    /// The tenant's window does not cover it now.
    ShortOfWindow,
}

/// What is set aside for a dispatch of the job.
///
/// Where a run may say by itself that it needs more, what is left will do, as long as nobody else has part of it: its
/// calls are made only where they fit.
pub(super) fn grant(cx: &Context<'_>, job: &Job, window: Option<&Allowance>) -> Granted {
    let mut missed = Granted::ShortOfTask;
    for &cheaper in tries(cx, job) {
        let wish = wish(cx, job.unit, cheaper, window);
        match covered(cx, &wish, needs(cx, job, cheaper), window) {
            Ok(grant) => return Granted::Yes { grant, cheaper },
            Err(short) => missed = short,
        }
    }
    missed
}

/// Whether a small model must do, in the order in which it is tried: each job anew, so that a step is not held to a
/// small one for good, but never back to the larger one with one job, so that it comes to an end.
fn tries(cx: &Context<'_>, job: &Job) -> &'static [bool] {
    let frugal = cx.submission.policy.on_budget_exceeded == Some(OnBudgetExceeded::Cheaper)
        && matches!(job.unit, Unit::Step(index) if cx.frozen(index).is_some_and(|frozen| frozen.asks_models));
    match frugal {
        true if is_cheaper(cx, job) || is_scarce(cx) => &[true],
        // A small one may be enough where a larger one does not fit.
        true => &[false, true],
        false => &[false],
    }
}

/// What the job told that it needs; what a larger model needs says nothing about a small one.
fn needs(cx: &Context<'_>, job: &Job, cheaper: bool) -> Money {
    match cheaper == is_cheaper(cx, job) {
        true => job.needs,
        false => Money::default(),
    }
}

/// Whether the job was last dispatched to a small model for want of money.
pub(super) fn is_cheaper(cx: &Context<'_>, job: &Job) -> bool {
    match job.unit {
        Unit::Step(index) if job.dispatch > 0 => cx.task.steps.get(usize::from(index)).is_some_and(|step| step.cheaper),
        _ => false,
    }
}

/// Less of the task's budget is left than the policy's share.
fn is_scarce(cx: &Context<'_>) -> bool {
    let (limit, left) = (limit(cx), left(cx));
    let scarce = |limit: Option<i64>, left: Option<i64>| {
        let (limit, left) = limit.zip(left)?;
        Some((left as f64) < limit as f64 * cx.submission.policy.cheaper_below)
    };
    let of = [
        scarce(limit.usd_micros, left.usd_micros),
        scarce(limit.tokens, left.tokens),
        scarce(limit.calls, left.calls),
    ];
    of.contains(&Some(true))
}

fn covered(cx: &Context<'_>, wish: &Wish, needs: Money, window: Option<&Allowance>) -> Result<Money, Granted> {
    let alone = cx.task.reserved.is_zero();
    let grant = fit(wish, needs, left(cx), alone).ok_or(Granted::ShortOfTask)?;
    match window {
        // What costs the tenant nothing waits for nobody.
        Some(window) if window.limit.counts(grant) => {
            // What the task can make do with it may have, whoever else of the tenant runs.
            let wish = Wish { most: grant, ..*wish };
            let covered = fit(&wish, needs, window.left, window.idle).ok_or(Granted::ShortOfWindow)?;
            Ok(covered.min(grant))
        }
        _ => Ok(grant),
    }
}

/// As much of the wish as is left, if that will do.
fn fit(wish: &Wish, needs: Money, left: Bounds, alone: bool) -> Option<Money> {
    let of = |wish: i64, needs: i64, left: Option<i64>, may_be_less: bool| {
        let Some(left) = left else { return Some(wish.max(needs)) };
        // Half as much again, so that it need not come back for little.
        let generous = wish.max(needs.saturating_add(needs / 2));
        let least = if needs > 0 { needs } else { wish };
        match generous {
            generous if generous <= left => Some(generous),
            _ if least <= left && needs > 0 => Some(left),
            _ if needs == 0 && may_be_less && alone && left > 0 => Some(left),
            _ => None,
        }
    };
    Some(Money {
        usd_micros: of(
            wish.most.usd_micros,
            needs.usd_micros,
            left.usd_micros,
            wish.usd_may_be_less,
        )?,
        tokens: of(wish.most.tokens, needs.tokens, left.tokens, wish.may_be_less)?,
        calls: of(wish.most.calls, needs.calls, left.calls, wish.may_be_less)?,
    })
}

/// The tenant's window would not cover the job if nobody had part of it.
pub(super) fn is_short_at_rest(cx: &Context<'_>, job: &Job, window: &Allowance) -> bool {
    !matches!(grant(cx, job, Some(&window.at_rest())), Granted::Yes { .. })
}

/// No window of the tenant will ever cover the job.
pub(super) fn never_fits(cx: &Context<'_>, job: &Job, window: &Allowance) -> bool {
    let fits = |cheaper: bool| {
        let wish = wish(cx, job.unit, cheaper, Some(window));
        fit(&wish, needs(cx, job, cheaper), window.limit, true).is_some()
    };
    !tries(cx, job).iter().any(|cheaper| fits(*cheaper))
}

/// What the budget lacks for the job, for people.
pub(super) fn short(cx: &Context<'_>, job: &Job, window: Option<&Allowance>) -> String {
    // Of the model that was tried last.
    let cheaper = tries(cx, job).last().copied().unwrap_or(false);
    let (wish, told) = (wish(cx, job.unit, cheaper, window).most, needs(cx, job, cheaper));
    let (left, whose) = match window {
        None => (left(cx), "left"),
        Some(window) => (window.left, "left in the window of the tenant"),
    };
    let most = |wish: i64, needs: i64| if needs > 0 { needs } else { wish };
    let usd = |micros: i64| format!("${}.{:06}", micros / 1_000_000, micros.max(0) % 1_000_000);
    let what = runs::what(cx, job.unit);
    let lacks = |needs: i64, left: Option<i64>| left.filter(|left| *left < needs || *left <= 0);
    let (needs, tokens, calls) = (
        most(wish.usd_micros, told.usd_micros),
        most(wish.tokens, told.tokens),
        most(wish.calls, told.calls),
    );
    if let Some(left) = lacks(needs, left.usd_micros) {
        return format!(
            "{what} may take {}, of which {} is {whose}",
            usd(needs),
            usd(left.max(0))
        );
    }
    let (needs, unit, left) = match lacks(calls, left.calls) {
        Some(left) => (calls, "calls", left),
        None => (tokens, "tokens", left.tokens.unwrap_or(0)),
    };
    format!("{what} may take {needs} {unit}, of which {} are {whose}", left.max(0))
}

/// The task's limits, humans' raises included.
fn limit(cx: &Context<'_>) -> Bounds {
    cx.submission.policy.bounds().and(cx.task.extra_budget)
}

/// Limits less what is spent and set aside.
fn left(cx: &Context<'_>) -> Bounds {
    limit(cx).less(cx.task.spent.plus(cx.task.reserved))
}

/// What a run of a unit is expected to spend.
#[derive(Clone, Copy)]
struct Wish {
    most: Money,
    /// It can make do with less, and says where it cannot.
    usd_may_be_less: bool,
    /// The same for tokens and calls.
    may_be_less: bool,
}

impl Wish {
    const NOTHING: Self = Self {
        most: Money {
            usd_micros: 0,
            tokens: 0,
            calls: 0,
        },
        usd_may_be_less: false,
        may_be_less: false,
    };
}

fn wish(cx: &Context<'_>, unit: Unit, cheaper: bool, window: Option<&Allowance>) -> Wish {
    let policy = &cx.submission.policy;
    let own = policy.bounds();
    let bounds = window.map_or(own, |window| own.min(window.limit));
    let of_models = Money {
        usd_micros: policy.grant_usd_micros,
        tokens: bounds.tokens.map_or(0, |_| policy.grant_tokens),
        calls: bounds.calls.map_or(0, |_| policy.grant_calls),
    };
    let unknown = Wish {
        most: of_models,
        usd_may_be_less: true,
        may_be_less: true,
    };
    match unit {
        Unit::Plan | Unit::Assess => unknown,
        Unit::Format(_) | Unit::Publish(_) => Wish::NOTHING,
        Unit::Step(index) => match cx.frozen(index) {
            None => Wish::NOTHING,
            Some(frozen) if frozen.of_unknown_price => unknown,
            Some(frozen) if frozen.asks_models => Wish {
                most: Money {
                    usd_micros: frozen.grant_usd_micros,
                    ..of_models
                },
                usd_may_be_less: cheaper,
                may_be_less: true,
            },
            Some(frozen) => of_tool(frozen, bounds),
        },
    }
}

/// A tool that costs is called once.
fn of_tool(frozen: &FrozenStep, bounds: Bounds) -> Wish {
    let costs = frozen.grant_usd_micros > 0;
    Wish {
        most: Money {
            usd_micros: frozen.grant_usd_micros,
            tokens: 0,
            calls: i64::from(costs && bounds.calls.is_some()),
        },
        ..Wish::NOTHING
    }
}
