//! Relevance: does the text take up what the request is about?

use super::{Sample, quote};
use crate::brief::kind::Shape;
use crate::brief::terms::{Term, coverage};
use crate::port::Finding;
use crate::text::markdown::prose;
use crate::text::phrases::quoted;
use crate::text::sentences::sentences;
use crate::text::tokens::content_stems;

pub fn measure(sample: &Sample<'_>) -> Finding {
    let all = sample.brief.terms();
    // A short post cannot take up every detail; what weighs little is not asked of it.
    let least = if matches!(sample.form.shape, Shape::Post | Shape::Lines | Shape::Summary) {
        1.0
    } else {
        0.0
    };
    let terms: Vec<Term> = all.into_iter().filter(|term| term.weight >= least).collect();
    let (score, lacking) = coverage(&terms, sample.text);
    let best = best_sentence(sample.text, &terms);
    let found = terms.len().saturating_sub(lacking.len());
    let mut evidence = format!("{found} of {} terms of the request are taken up", terms.len());
    if !lacking.is_empty() {
        evidence.push_str(&format!("; lacking: {}", lacking.join(", ")));
    }
    evidence.push_str(&best.map_or_else(
        || ".".to_owned(),
        |sentence| format!("; closest: {}.", quote(&sentence)),
    ));
    let feedback = if lacking.is_empty() {
        String::new()
    } else {
        format!("Mention {}.", quoted(&lacking.into_iter().take(8).collect::<Vec<_>>()))
    };
    Finding {
        score,
        evidence,
        feedback,
    }
}

/// The sentence with most of the terms.
fn best_sentence(text: &str, terms: &[Term]) -> Option<String> {
    let all = prose(text).into_iter().flat_map(|paragraph| sentences(&paragraph));
    let scored = all.map(|sentence| {
        let stems = content_stems(&sentence);
        (terms.iter().filter(|term| stems.contains(&term.stem)).count(), sentence)
    });
    scored
        .filter(|(count, _)| *count > 0)
        .max_by_key(|(count, sentence)| (*count, usize::MAX - sentence.len()))
        .map(|(_, sentence)| sentence)
}
