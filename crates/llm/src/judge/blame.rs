//! Who is to blame: the earliest step whose text has the fault that readers see.

use super::document::Document;
use super::form::Form;
use super::{Sample, measure};
use crate::brief::Brief;
use crate::port::{Finding, JudgeAsk, JudgedText};
use crate::text::phrases::distinct;
use crate::text::similarity::contained;
use std::collections::BTreeMap;

/// Share of a text's word triples that make another one its source.
const DERIVED: f64 = 0.4;

/// Step key to feedback; empty when everything is good enough.
pub fn blame(
    ask: &JudgeAsk<'_>,
    brief: &Brief,
    scored: &[(&Document<'_>, BTreeMap<String, Finding>)],
    worst: &BTreeMap<String, Finding>,
) -> BTreeMap<String, String> {
    if is_good_enough(ask, worst) {
        return BTreeMap::new();
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (document, findings) in scored {
        for (dimension, finding) in findings {
            if finding.score >= wanted(ask, dimension) {
                continue;
            }
            for piece in guilty_pieces(ask, brief, document, dimension) {
                let culprit = origin(ask, brief, piece, dimension);
                if let Some((step, own)) = culprit {
                    let feedback = own.unwrap_or_else(|| finding.feedback.clone());
                    found.entry(step.step_key.clone()).or_default().push(feedback);
                }
            }
        }
    }
    found
        .into_iter()
        .map(|(step, feedback)| (step, distinct(feedback).join(" ")))
        .collect()
}

/// The overall score reaches the threshold and every dimension its floor.
fn is_good_enough(ask: &JudgeAsk<'_>, worst: &BTreeMap<String, Finding>) -> bool {
    let judged = || {
        ask.criteria
            .dimensions
            .iter()
            .filter_map(|(name, criterion)| Some((criterion, worst.get(name)?)))
    };
    let weight: f64 = judged().map(|(criterion, _)| criterion.weight).sum();
    let sum: f64 = judged()
        .map(|(criterion, finding)| criterion.weight * finding.score)
        .sum();
    let floors = judged().all(|(criterion, finding)| finding.score >= criterion.floor);
    floors && (weight <= 0.0 || sum / weight >= ask.criteria.threshold)
}

fn wanted(ask: &JudgeAsk<'_>, dimension: &str) -> f64 {
    let floor = ask
        .criteria
        .dimensions
        .get(dimension)
        .map_or(0.0, |criterion| criterion.floor);
    floor.max(ask.criteria.threshold)
}

/// Of several pieces those that are bad by themselves, else the last one.
fn guilty_pieces<'a>(
    ask: &JudgeAsk<'_>,
    brief: &Brief,
    document: &Document<'a>,
    dimension: &str,
) -> Vec<&'a JudgedText> {
    if document.pieces.len() == 1 {
        return document.pieces.clone();
    }
    let bad: Vec<&JudgedText> = document
        .pieces
        .iter()
        .copied()
        .filter(|piece| own_finding(ask, brief, piece, dimension).is_some())
        .collect();
    if bad.is_empty() {
        document.pieces.last().copied().into_iter().collect()
    } else {
        bad
    }
}

/// Follows the fault to where the text came from. The finding is the origin's own, where it has one.
fn origin<'a>(
    ask: &JudgeAsk<'a>,
    brief: &Brief,
    piece: &'a JudgedText,
    dimension: &str,
) -> Option<(&'a JudgedText, Option<String>)> {
    let mut current = (piece, None);
    // A plan has no cycle, so that every turn goes to another step.
    for _ in 0..ask.texts.len() {
        let source = ask.texts.iter().find_map(|text| {
            let feeds = current.0.upstream.contains(&text.step_key)
                && text.repairable
                && contained(&current.0.text, &text.text) >= DERIVED;
            let finding = feeds.then(|| own_finding(ask, brief, text, dimension)).flatten()?;
            Some((text, Some(finding.feedback)))
        });
        match source {
            Some(source) => current = source,
            None => break,
        }
    }
    current.0.repairable.then_some(current)
}

/// The step's own text, measured as what its channel expects; none where it is good enough.
fn own_finding(ask: &JudgeAsk<'_>, brief: &Brief, text: &JudgedText, dimension: &str) -> Option<Finding> {
    let form = Form::of(brief, &text.channel);
    let sample = Sample {
        text: &text.text,
        form: &form,
        brief,
        given: "",
    };
    measure(dimension, &sample).filter(|finding| finding.score < wanted(ask, dimension))
}
