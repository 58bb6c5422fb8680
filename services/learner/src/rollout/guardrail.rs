//! Whether a challenger is worse than it may be, by tests that hold at every look. The chance of a false alarm is shared
//! by the guardrails that are watched.

use super::arms::Arms;
use super::evidence::{Evidence, Moments, count};
use super::settings::Settings;
use crate::statistics::betting::Wealth;
use crate::statistics::confidence_sequence::one_sided;
use serde::{Deserialize, Serialize};

/// Units of each side before means of what has no upper bound are compared.
const LEAST_EACH: u64 = 100;

/// What is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guardrail {
    /// Scores.
    Quality,
    /// Share of failures.
    Errors,
    /// US dollars a task.
    Cost,
    /// Seconds a task.
    Latency,
}

/// How it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Too little was seen.
    NoData,
    /// Not shown to be worse by more than the margin.
    Healthy,
    /// Shown to be.
    Failing,
}

/// One guardrail at one look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which.
    pub guardrail: Guardrail,
    /// How it stands.
    pub health: Health,
    /// How much worse the challenger is: of a share, or of the control's mean.
    pub worse_by: Option<f64>,
    /// How much worse it may be.
    pub margin: f64,
    /// Evidence that it is worse by more, where the values have bounds.
    pub e_value: Option<f64>,
    /// Least by which it exceeds the margin, in the unit of the values, where they have none; below 0 it may not.
    pub excess: Option<f64>,
}

/// All that are watched.
pub fn readings(evidence: &Evidence, settings: &Settings) -> Vec<Reading> {
    let margins = &settings.margins;
    let watched = [margins.quality, margins.errors, margins.cost, margins.latency];
    let alpha = settings.guard_alpha / watched.iter().flatten().count().max(1) as f64;
    let of_scores = difference(evidence.score).map(|higher| -higher);
    let quality = |margin| bounded(Guardrail::Quality, of_scores, margin, evidence.lower, alpha);
    let of_failures = difference(evidence.failed);
    let errors = |margin| bounded(Guardrail::Errors, of_failures, margin, evidence.more_failures, alpha);
    [
        margins.quality.map(quality),
        margins.errors.map(errors),
        margins
            .cost
            .map(|margin| unbounded(Guardrail::Cost, evidence.cost, margin, alpha)),
        margins
            .latency
            .map(|margin| unbounded(Guardrail::Latency, evidence.seconds, margin, alpha)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn difference(of: Arms<Moments>) -> Option<f64> {
    let Arms { control, challenger } = of.map(Moments::value);
    Some(challenger? - control?)
}

fn bounded(guardrail: Guardrail, worse_by: Option<f64>, margin: f64, worse: Wealth, alpha: f64) -> Reading {
    let e_value = worse.e_value();
    let health = match worse_by {
        None => Health::NoData,
        Some(_) if e_value >= 1.0 / alpha => Health::Failing,
        Some(_) => Health::Healthy,
    };
    Reading {
        guardrail,
        health,
        worse_by,
        margin,
        e_value: Some(e_value),
        excess: None,
    }
}

fn unbounded(guardrail: Guardrail, of: Arms<Moments>, margin: f64, alpha: f64) -> Reading {
    let excess = least_excess(of, margin, alpha);
    let health = match excess {
        None => Health::NoData,
        Some(excess) if excess > 0.0 => Health::Failing,
        Some(_) => Health::Healthy,
    };
    let more = difference(of).filter(|_| of.control.mean > 0.0);
    Reading {
        guardrail,
        health,
        worse_by: more.map(|more| more / of.control.mean),
        margin,
        e_value: None,
        excess,
    }
}

/// The least by which the challenger's mean exceeds the control's mean and a share of it; none: too little was seen.
pub fn least_excess(of: Arms<Moments>, share: f64, alpha: f64) -> Option<f64> {
    let Arms { control, challenger } = of;
    let allowed = 1.0 + share;
    let variance = |moments: Moments| moments.variance() / moments.n as f64;
    let error = (variance(challenger) + allowed * allowed * variance(control)).sqrt();
    let below = one_sided(error, count(control.n + challenger.n), alpha);
    let seen = control.n.min(challenger.n) >= LEAST_EACH;
    seen.then_some(challenger.mean - allowed * control.mean - below)
}
