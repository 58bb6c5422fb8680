//! The judge: measures real properties of texts and says what to do about the bad ones.

mod accuracy;
mod blame;
mod clarity;
mod completeness;
mod document;
mod form;
mod relevance;
mod structure;
mod tone;

use crate::brief::Brief;
use crate::port::{Finding, JudgeAsk, Judgement};
use document::{Document, documents};
use form::Form;
use std::collections::BTreeMap;
pub use tone::tone_marks;

/// Everything a measurement may look at.
struct Sample<'a> {
    text: &'a str,
    form: &'a Form,
    brief: &'a Brief,
    /// What other tools said; figures may come from there.
    given: &'a str,
}

/// Scores every dimension asked for that can be measured. Where there are several texts, the worst one counts,
/// because that is what a reader of its channel gets.
pub fn judge(ask: &JudgeAsk<'_>) -> Judgement {
    let brief = Brief::of(ask.context);
    let documents = documents(ask, &brief);
    let scored: Vec<(&Document, BTreeMap<String, Finding>)> = documents
        .iter()
        .map(|document| (document, scores(ask, document, &brief)))
        .collect();
    let mut worst: BTreeMap<String, Finding> = BTreeMap::new();
    for (document, findings) in &scored {
        for (name, finding) in findings {
            if worst.get(name).is_none_or(|known| finding.score < known.score) {
                let evidence = if documents.len() > 1 {
                    format!("{}: {}", document.name(), finding.evidence)
                } else {
                    finding.evidence.clone()
                };
                worst.insert(
                    name.clone(),
                    Finding {
                        evidence,
                        ..finding.clone()
                    },
                );
            }
        }
    }
    if documents.is_empty() {
        worst = ask
            .criteria
            .dimensions
            .keys()
            .filter(|name| KNOWN.contains(&name.as_str()))
            .map(|name| (name.clone(), nothing()))
            .collect();
    }
    let blamed = blame::blame(ask, &brief, &scored, &worst);
    Judgement {
        dimensions: worst,
        blamed,
    }
}

/// The dimensions that can be measured.
const KNOWN: [&str; 6] = ["relevance", "completeness", "structure", "clarity", "tone", "accuracy"];

fn scores(ask: &JudgeAsk<'_>, document: &Document, brief: &Brief) -> BTreeMap<String, Finding> {
    let sample = Sample {
        text: &document.text,
        form: &document.form,
        brief,
        given: &document.given,
    };
    let named = ask.criteria.dimensions.keys();
    named
        .filter_map(|name| Some((name.clone(), measure(name, &sample)?)))
        .collect()
}

/// One dimension of one text; none where nobody knows how to measure it.
fn measure(dimension: &str, sample: &Sample<'_>) -> Option<Finding> {
    if sample.text.trim().is_empty() && KNOWN.contains(&dimension) {
        return Some(nothing());
    }
    let found = match dimension {
        "relevance" => relevance::measure(sample),
        "completeness" => completeness::measure(sample),
        "structure" => structure::measure(sample),
        "clarity" => clarity::measure(sample),
        "tone" => tone::measure(sample),
        "accuracy" => accuracy::measure(sample),
        _ => return None,
    };
    Some(Finding {
        // Never the negative zero.
        score: (found.score.clamp(0.0, 1.0) * 1000.0).round() / 1000.0 + 0.0,
        ..found
    })
}

fn nothing() -> Finding {
    Finding {
        score: 0.0,
        evidence: "There is no text.".to_owned(),
        feedback: "Write the text that was asked for.".to_owned(),
    }
}

/// The first words of a text in quotation marks.
fn quote(text: &str) -> String {
    format!("“{}”", crate::text::phrases::shorten(text, 120))
}
