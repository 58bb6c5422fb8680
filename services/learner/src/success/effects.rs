//! What goes with success, within kinds of intents.

use crate::statistics::fdr;
use crate::statistics::stratified::{Difference, Subject, difference};
use std::collections::{BTreeMap, BTreeSet};

/// Tasks that are compared, below which nothing is said; and of the smaller group.
const LEAST: usize = 30;
const LEAST_EACH: usize = 10;
/// Of what is called found at most this share is false.
pub const MOST_FALSE: f64 = 0.05;
/// Features that are looked at, those of most tasks.
const MOST_FEATURES: usize = 200;

/// An ended task, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Task {
    /// Tasks of different kinds are not compared.
    pub kind: i64,
    /// What it did, such as `tool:writer_agent`.
    pub features: BTreeSet<String>,
    /// How it went, 0-1; what is not known is absent.
    pub outcomes: BTreeMap<&'static str, f64>,
}

/// A feature beside an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub feature: String,
    pub outcome: &'static str,
    pub difference: Difference,
    /// 95 %.
    pub interval: [f64; 2],
    /// Smallest share of false discoveries among all that are at least as clear.
    pub q: f64,
}

impl Effect {
    /// Clear enough to be told a planner.
    pub fn is_significant(&self) -> bool {
        self.q <= MOST_FALSE
    }
}

/// Every feature beside every outcome, the clearest first.
pub fn effects(tasks: &[Task]) -> Vec<Effect> {
    let outcomes: BTreeSet<&'static str> = tasks.iter().flat_map(|task| task.outcomes.keys().copied()).collect();
    let mut found: Vec<(Effect, f64)> = Vec::new();
    for feature in features(tasks) {
        for outcome in &outcomes {
            found.extend(effect(tasks, feature, outcome));
        }
    }
    let q = fdr::adjusted(&found.iter().map(|(_, p)| *p).collect::<Vec<f64>>());
    let mut effects: Vec<Effect> = found
        .into_iter()
        .zip(q)
        .map(|((effect, _), q)| Effect { q, ..effect })
        .collect();
    effects.sort_by(|a, b| {
        a.q.total_cmp(&b.q)
            .then_with(|| (&a.feature, a.outcome).cmp(&(&b.feature, b.outcome)))
    });
    effects
}

/// Those of some tasks and not of all, of most tasks first.
fn features(tasks: &[Task]) -> Vec<&str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for feature in tasks.iter().flat_map(|task| &task.features) {
        *counts.entry(feature).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts
        .into_iter()
        .filter(|(_, n)| (LEAST_EACH..=tasks.len().saturating_sub(LEAST_EACH)).contains(n))
        .collect();
    counts.sort_by_key(|(feature, n)| (std::cmp::Reverse(*n), *feature));
    counts.truncate(MOST_FEATURES);
    counts.into_iter().map(|(feature, _)| feature).collect()
}

fn effect(tasks: &[Task], feature: &str, outcome: &'static str) -> Option<(Effect, f64)> {
    let subjects = tasks.iter().filter_map(|task| {
        Some(Subject {
            stratum: task.kind,
            treated: task.features.contains(feature),
            value: *task.outcomes.get(outcome)?,
        })
    });
    let difference = difference(&subjects.collect::<Vec<_>>())?;
    let p = difference.p().filter(|p| p.is_finite())?;
    let enough = difference.n >= LEAST && difference.least() >= LEAST_EACH;
    let effect = Effect {
        feature: feature.to_owned(),
        outcome,
        interval: difference.interval()?,
        difference,
        q: 1.0,
    };
    enough.then_some((effect, p))
}
