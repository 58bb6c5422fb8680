//! What a run may spend: set aside when its job is dispatched, settled when it ends.

use super::context::Context;
use super::runs;
use crate::state::{Job, Money, Unit};

/// What is set aside for a dispatch of the job; none: the budget does not cover it now.
///
/// Where a run may say by itself that it needs more, what is left will do, as long as nobody else has part of it: its
/// calls are made only where they fit.
pub(super) fn grant(cx: &Context<'_>, job: &Job) -> Option<Money> {
    let (wish, may_be_less) = wish(cx, job.unit);
    let left = left(cx);
    let alone = cx.task.reserved.is_zero();
    let of = |wish: i64, needs: i64, left: Option<i64>| {
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
        usd_micros: of(wish.usd_micros, job.needs.usd_micros, left.usd_micros)?,
        tokens: of(wish.tokens, job.needs.tokens, left.tokens)?,
        calls: 0,
    })
}

/// What the budget lacks for the job, for people.
pub(super) fn short(cx: &Context<'_>, job: &Job) -> String {
    let (wish, _) = wish(cx, job.unit);
    let left = left(cx);
    let most = |wish: i64, needs: i64| if needs > 0 { needs } else { wish };
    let usd = |micros: i64| format!("${}.{:06}", micros / 1_000_000, micros.max(0) % 1_000_000);
    let what = runs::what(cx, job.unit);
    let (needs, tokens) = (
        most(wish.usd_micros, job.needs.usd_micros),
        most(wish.tokens, job.needs.tokens),
    );
    match (left.usd_micros, left.tokens) {
        (Some(left), _) if left < needs || left <= 0 => {
            format!("{what} may take {}, of which {} is left", usd(needs), usd(left.max(0)))
        }
        (_, left) => format!(
            "{what} may take {tokens} tokens, of which {} are left",
            left.unwrap_or(0).max(0)
        ),
    }
}

/// Limits less what is spent and set aside; none: no limit.
struct Left {
    usd_micros: Option<i64>,
    tokens: Option<i64>,
}

fn left(cx: &Context<'_>) -> Left {
    let policy = &cx.submission.policy;
    let used = cx.task.spent.plus(cx.task.reserved);
    let extra = cx.task.extra_budget;
    let left = |limit: Option<i64>, extra: i64, used: i64| Some(limit?.saturating_add(extra).saturating_sub(used));
    Left {
        usd_micros: left(policy.max_cost_usd_micros, extra.usd_micros, used.usd_micros),
        tokens: left(policy.max_tokens, extra.tokens, used.tokens),
    }
}

/// What a run of the unit is expected to spend, and whether it can make do with less.
fn wish(cx: &Context<'_>, unit: Unit) -> (Money, bool) {
    let policy = &cx.submission.policy;
    let of_models = Money {
        usd_micros: policy.grant_usd_micros,
        tokens: policy.max_tokens.map_or(0, |_| policy.grant_tokens),
        calls: 0,
    };
    match unit {
        Unit::Plan | Unit::Assess => (of_models, true),
        Unit::Format(_) | Unit::Publish(_) => (Money::default(), false),
        Unit::Step(index) => match cx.frozen(index) {
            Some(frozen) if frozen.of_unknown_price => (of_models, true),
            frozen => {
                let estimate = Money {
                    usd_micros: frozen.map_or(0, |frozen| frozen.grant_usd_micros),
                    ..Money::default()
                };
                (estimate, false)
            }
        },
    }
}
