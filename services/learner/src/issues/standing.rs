//! Whether an issue is worth telling, by which hint, and whether that stops it. Pure.

use crate::interval::{Estimate, Share, Shares, share, uplift};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Tasks that an issue must have been seen in, of those that were not told of it.
const LEAST_TASKS: u64 = 3;
/// Share of tasks that an issue is in at least, by the lower end of the interval: what is rarer is not worth a planner's
/// attention.
const LEAST_SHARE: f64 = 0.05;
/// What nobody saw for so long is past. As far back shares are counted.
pub const REMEMBERED: TimeDelta = TimeDelta::days(90);
/// Hints that are tried, one after the other.
pub const MOST_HINTS: i64 = 3;
/// Tasks, told and not, before which no hint is given up for doing too little.
const ENOUGH: u64 = 1_000;
/// A hint is worth telling that keeps this share of the tasks that would have the issue from it.
const USEFUL: f64 = 1.0 / 3.0;

/// Where an issue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Seen too seldom, or nobody said what would be better.
    Rare,
    /// Planners are told.
    Told,
    /// The hints that there were did not help.
    Unhelpful,
    /// Not seen for long.
    Past,
}

impl State {
    /// As documents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rare => "rare",
            Self::Told => "told",
            Self::Unhelpful => "unhelpful",
            Self::Past => "past",
        }
    }
}

/// Ended tasks that a hint was told to, and that it was withheld from by lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Offers {
    pub told: u64,
    pub withheld: u64,
    /// Of each, those that had the issue.
    pub recurred_told: u64,
    pub recurred_withheld: u64,
    /// Of each, those that went well.
    pub well_told: u64,
    pub well_withheld: u64,
}

/// What would put an issue right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// [`super::hint_key`] of the words.
    pub key: Uuid,
    pub text: String,
    /// Who says so.
    pub source: String,
    /// The issue was gone when the step ran again with it.
    pub repaired: bool,
}

/// A hint and what came of telling it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub hint: Hint,
    pub offers: Offers,
}

/// What was seen of an issue.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub last_seen: DateTime<Utc>,
    /// Of late, of the tasks that it could be seen in and that were not told of it, those that had it.
    pub rate: Share,
    /// In the order in which they are tried.
    pub hints: Vec<Tried>,
}

/// Where an issue stands, and the hint that it stands with.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub state: State,
    pub hint: Option<Tried>,
    /// Least share of tasks that have it: issues are ranked by it.
    pub weight: f64,
}

/// Settles an issue.
pub fn standing(figures: Figures, now: DateTime<Utc>) -> Standing {
    let weight = least(figures.rate);
    let mut hints = figures.hints.into_iter();
    let mut last = hints.next();
    let mut refuted = last.as_ref().is_some_and(|tried| is_refuted(tried.offers));
    while refuted && let Some(next) = hints.next() {
        refuted = is_refuted(next.offers);
        last = Some(next);
    }
    let state = if now - figures.last_seen > REMEMBERED {
        State::Past
    } else if refuted {
        State::Unhelpful
    } else if last.is_some() && figures.rate.hits >= LEAST_TASKS && weight >= LEAST_SHARE {
        State::Told
    } else {
        State::Rare
    };
    Standing {
        state,
        hint: last,
        weight,
    }
}

fn least(rate: Share) -> f64 {
    share(rate.hits, rate.n).interval.map_or(0.0, |[least, _]| least)
}

/// How much rarer the issue is in tasks that were told the hint than in those that it was withheld from: whatever they
/// were planned to do. The interval holds at every look.
pub fn stopped(offers: Offers) -> Estimate {
    uplift(Shares {
        treated: Share {
            hits: offers.recurred_withheld,
            n: offers.withheld,
        },
        control: Share {
            hits: offers.recurred_told,
            n: offers.told,
        },
    })
}

/// How much more often tasks went well that were told the hint.
fn helped(offers: Offers) -> Estimate {
    uplift(Shares {
        treated: Share {
            hits: offers.well_told,
            n: offers.told,
        },
        control: Share {
            hits: offers.well_withheld,
            n: offers.withheld,
        },
    })
}

/// It makes things worse, or it clearly does too little. That no effect is to be seen yet says nothing: one task in ten is not
/// told, and of rare issues a thousand tasks show only effects that are larger than the issue.
fn is_refuted(offers: Offers) -> bool {
    let stopped = stopped(offers);
    let is_below = |estimate: &Estimate, bar: f64| estimate.interval.is_some_and(|[_, most]| most < bar);
    let untold = offers.recurred_withheld as f64 / offers.withheld.max(1) as f64;
    let long = offers.told + offers.withheld >= ENOUGH;
    is_below(&stopped, 0.0) || is_below(&helped(offers), 0.0) || (long && is_below(&stopped, USEFUL * untold))
}
