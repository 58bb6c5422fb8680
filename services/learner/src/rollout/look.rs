use super::arms::{Arms, Side};
use super::course::{Course, Stage};
use super::decision::{Decision, decide};
use super::evidence::{Effect, Moments};
use super::facts::{Facts, Tally};
use super::guardrail::{Reading, readings};
use super::settings::Settings;
use crate::statistics::sample_ratio;
use serde::{Deserialize, Serialize};
use workflow::rollout::Share;
use workflow::time::Timestamp;

/// Everything that was known at one moment, and what was decided on it. A row that is only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// How far the experiment was.
    pub stage: Stage,
    /// Units that took part; the challenger answered half.
    pub exposed: Share,
    /// Units assigned, open ones too.
    pub assigned: Arms<u64>,
    /// Units counted.
    pub n: Arms<u64>,
    /// Mean scores.
    pub score: Arms<Option<f64>>,
    /// Mean shares of failures.
    pub failed: Arms<Option<f64>>,
    /// Mean US dollars.
    pub cost_usd: Arms<Option<f64>>,
    /// Mean seconds.
    pub seconds: Arms<Option<f64>>,
    /// How much higher the challenger's scores are. The interval holds at all looks together; the value at the moment of
    /// a promotion is too high on the average.
    pub effect: Effect,
    /// Evidence that the scores differ: 1 / alpha suffices.
    pub e_value: f64,
    /// Whom it favours.
    pub favours: Side,
    /// What is watched.
    pub guardrails: Vec<Reading>,
    /// Chance of sizes of the arms as unlike as these.
    pub sample_ratio_p: f64,
    /// Units that were seen in both arms.
    pub crossed: u64,
    /// The challenger's tasks so far.
    pub challenger: Tally,
    /// What was decided.
    pub decision: Decision,
}

/// Looks at the facts.
pub fn look(settings: &Settings, course: &Course, facts: &Facts, now: Timestamp) -> Look {
    let evidence = &facts.evidence;
    let guardrails = readings(evidence, settings);
    let decision = decide(settings, course, facts, &guardrails, now);
    let mean = |of: Arms<Moments>| of.map(Moments::value);
    Look {
        at: now,
        stage: course.stage,
        exposed: course.exposed(settings).map_or(Share(0), |(_, share)| share),
        assigned: facts.assigned,
        n: evidence.n(),
        score: mean(evidence.score),
        failed: mean(evidence.failed),
        cost_usd: mean(evidence.cost),
        seconds: mean(evidence.seconds),
        effect: evidence.effect(settings.alpha),
        e_value: evidence.difference.e_value(),
        favours: evidence.favours(),
        sample_ratio_p: sample_ratio::p_value(&[facts.assigned.control, facts.assigned.challenger]),
        crossed: facts.crossed,
        challenger: facts.challenger,
        guardrails,
        decision,
    }
}
