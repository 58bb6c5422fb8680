use super::arms::Side;
use super::course::{Course, Stage};
use super::facts::Facts;
use super::guardrail::{Guardrail, Health, Reading, least_excess};
use super::limit::{Limit, exceeded};
use super::settings::{Goal, Settings};
use crate::statistics::sample_ratio;
use serde::{Deserialize, Serialize};
use workflow::time::Timestamp;

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// As it is.
    Continue,
    /// To the next step.
    Advance {
        /// Its number, from 1.
        step: u32,
    },
    /// As it is, and nothing is concluded, since something is not as it should be.
    Hold {
        /// What.
        why: Hold,
    },
    /// The champion answers all again.
    RollBack {
        /// What the challenger did.
        reason: Reason,
    },
    /// The challenger becomes the champion.
    Promote,
    /// Time is over; the champion stays.
    Inconclusive,
}

/// Why nothing is concluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The arms are not of one size: something loses units, or assigns them otherwise.
    SampleRatio,
    /// Units were seen in both arms.
    ArmsCrossed,
    /// A person stopped it.
    Paused,
}

/// Why a challenger is turned back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum Reason {
    /// It is shown to be worse than the control by more than the margin.
    Guardrail(Guardrail),
    /// It exceeded a bound of its own.
    Limit(Limit),
}

/// Decides. What protects users comes first, what needs sound figures after what makes them unsound.
pub fn decide(settings: &Settings, course: &Course, facts: &Facts, readings: &[Reading], now: Timestamp) -> Decision {
    if course.is_over() {
        return Decision::Continue;
    }
    if let Some(limit) = exceeded(&facts.challenger, &settings.limits) {
        return Decision::RollBack {
            reason: Reason::Limit(limit),
        };
    }
    if let Some(failing) = readings.iter().find(|reading| reading.health == Health::Failing) {
        return Decision::RollBack {
            reason: Reason::Guardrail(failing.guardrail),
        };
    }
    let hold = hold(settings, course, facts);
    let last = course.stage == Stage::Step(u32::try_from(settings.steps.len()).unwrap_or(u32::MAX));
    if hold.is_none() && last && has_won(settings, facts) {
        return Decision::Promote;
    }
    if now >= course.began_at + settings.deadline {
        return Decision::Inconclusive;
    }
    match hold {
        Some(why) => Decision::Hold { why },
        None => next_step(settings, course, facts, now).map_or(Decision::Continue, |step| Decision::Advance { step }),
    }
}

fn hold(settings: &Settings, course: &Course, facts: &Facts) -> Option<Hold> {
    let sizes = [facts.assigned.control, facts.assigned.challenger];
    if course.paused {
        Some(Hold::Paused)
    } else if facts.crossed > 0 {
        Some(Hold::ArmsCrossed)
    } else {
        (sample_ratio::p_value(&sizes) < settings.sample_ratio_p).then_some(Hold::SampleRatio)
    }
}

fn has_won(settings: &Settings, facts: &Facts) -> bool {
    let evidence = &facts.evidence;
    let needed = 1.0 / settings.alpha;
    let shown = match settings.goal {
        Goal::Better => evidence.difference.e_value() >= needed && evidence.favours() == Side::Challenger,
        Goal::Cheaper { .. } => {
            let swapped = super::Arms {
                control: evidence.cost.challenger,
                challenger: evidence.cost.control,
            };
            let saves = least_excess(swapped, 0.0, settings.alpha).is_some_and(|saved| saved > 0.0);
            evidence.not_worse.e_value() >= needed && saves
        }
    };
    shown && evidence.n().least() >= settings.least_each
}

fn next_step(settings: &Settings, course: &Course, facts: &Facts, now: Timestamp) -> Option<u32> {
    let (step, next, seen) = match course.stage {
        Stage::Shadow => (settings.shadow.as_ref()?, 1, facts.shadowed),
        Stage::Step(number) => (settings.step(number)?, number + 1, facts.in_step),
        Stage::Promoted | Stage::RolledBack | Stage::Inconclusive => return None,
    };
    let through = seen >= step.units && now >= course.since + step.lasts;
    settings.step(next).filter(|_| through).map(|_| next)
}
