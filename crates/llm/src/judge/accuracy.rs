//! Accuracy, as far as it can be measured: every figure comes from what was given.

use super::{Sample, quote};
use crate::port::Finding;
use crate::text::markdown::prose;
use crate::text::phrases::quoted;
use crate::text::tokens::numbers;
use std::collections::BTreeSet;

pub fn measure(sample: &Sample<'_>) -> Finding {
    let brief = sample.brief;
    let figures = brief.figures.iter().map(|figure| figure.value.as_str());
    let sources = [brief.request.as_str(), sample.given]
        .into_iter()
        .chain(figures)
        .chain(brief.derived.iter().map(String::as_str))
        .chain(brief.must_include.iter().map(String::as_str));
    let known: BTreeSet<String> = sources.flat_map(numbers).collect();
    let text = prose(sample.text).join("\n");
    let used: BTreeSet<String> = numbers(&text).into_iter().collect();
    let unknown: Vec<String> = used.iter().filter(|number| !known.contains(*number)).cloned().collect();
    let score = if used.is_empty() {
        1.0
    } else {
        1.0 - unknown.len() as f64 / used.len() as f64
    };
    let place = unknown
        .first()
        .and_then(|number| text.lines().find(|line| line.contains(number.as_str())));
    let evidence = match place {
        Some(line) => format!(
            "{} of {} figures were not given: {}.",
            unknown.len(),
            used.len(),
            quote(line)
        ),
        None => format!("All {} figures come from what was given.", used.len()),
    };
    let feedback = if unknown.is_empty() {
        String::new()
    } else {
        format!(
            "Remove figures nobody gave: {}.",
            quoted(&unknown).replace(['“', '”'], "")
        )
    };
    Finding {
        score,
        evidence,
        feedback,
    }
}
