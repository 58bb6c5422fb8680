//! From verdicts and measured faults to a judgement, and who is to blame.

use super::case::Case;
use super::reply::Verdict;
use super::slice;
use crate::port::{Criterion, Finding, Judgement};
use std::collections::BTreeMap;

/// Steps blamed for a dimension, with what to do better.
type Blame = BTreeMap<String, Vec<String>>;

/// Caps scores by what was measured, and blames where the whole is not good enough.
pub fn judgement(case: &Case<'_>, verdicts: Vec<(&str, Verdict)>) -> Judgement {
    let mut dimensions = BTreeMap::new();
    let mut blame = Blame::new();
    for (name, verdict) in verdicts {
        let Verdict {
            finding,
            blamed,
            quotes,
        } = verdict;
        let finding = capped(case, name, finding, &mut blame);
        if finding.score < wanted(case, name) {
            let origins = slice::origins(case.ask, name, &quotes);
            accuse(case, name, &finding, [origins, blamed], &mut blame);
        }
        dimensions.insert(name.to_owned(), finding);
    }
    let blamed = if is_good_enough(case, &dimensions) {
        BTreeMap::new()
    } else {
        blame.into_iter().map(|(key, said)| (key, said.join("\n"))).collect()
    };
    Judgement { dimensions, blamed }
}

/// A certain fault outweighs an opinion.
fn capped(case: &Case<'_>, dimension: &str, mut finding: Finding, blame: &mut Blame) -> Finding {
    for fault in case
        .faults
        .iter()
        .filter(|fault| counts_in(case, fault.dimension) == Some(dimension))
    {
        finding.score = finding.score.min(fault.at_most);
        finding.evidence = format!("{} {}", fault.evidence, finding.evidence);
        finding.feedback = format!("{} {}", fault.feedback, finding.feedback).trim().to_owned();
        if case.blamable().any(|key| key == fault.step_key) {
            blame
                .entry(fault.step_key.clone())
                .or_default()
                .push(fault.feedback.clone());
        }
    }
    finding
}

/// The dimension a fault counts in: its own, else the first that is judged.
fn counts_in<'c>(case: &'c Case<'_>, dimension: &str) -> Option<&'c str> {
    let judged = || case.ask.criteria.dimensions.keys().map(String::as_str);
    judged().find(|name| *name == dimension).or_else(|| judged().next())
}

/// The first of `suspects` that names anybody, else the steps whose text readers get: where what is quoted came from
/// weighs more than whom the judge names.
fn accuse(case: &Case<'_>, dimension: &str, finding: &Finding, suspects: [Vec<String>; 2], blame: &mut Blame) {
    let named = suspects.into_iter().find(|keys| !keys.is_empty());
    let keys = named.unwrap_or_else(|| case.last_blamable().map(str::to_owned).collect());
    let said = if finding.feedback.is_empty() {
        format!("Improve {dimension}.")
    } else {
        format!("{dimension}: {}", finding.feedback)
    };
    for key in keys {
        let all = blame.entry(key).or_default();
        if !all.contains(&said) {
            all.push(said.clone());
        }
    }
}

fn wanted(case: &Case<'_>, dimension: &str) -> f64 {
    let criteria = case.ask.criteria;
    let floor = criteria
        .dimensions
        .get(dimension)
        .map_or(0.0, |criterion| criterion.floor);
    floor.max(criteria.threshold)
}

/// Every dimension has a score that reaches its floor, and all together reach the threshold.
fn is_good_enough(case: &Case<'_>, found: &BTreeMap<String, Finding>) -> bool {
    let criteria = case.ask.criteria;
    let scored = |(name, criterion): (&String, &Criterion)| Some((*criterion, found.get(name)?.score));
    let Some(scores) = criteria.dimensions.iter().map(scored).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let weight: f64 = scores.iter().map(|(criterion, _)| criterion.weight).sum();
    let sum: f64 = scores.iter().map(|(criterion, score)| criterion.weight * score).sum();
    let floors = scores
        .iter()
        .all(|(criterion, score)| *score >= criterion.floor.min(criteria.threshold));
    floors && (weight <= 0.0 || sum / weight >= criteria.threshold)
}
