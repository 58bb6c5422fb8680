//! Tone: words that show the tone asked for, and words that speak against it.

use super::Sample;
use crate::brief::scan::find_phrase;
use crate::brief::tone::Tone;
use crate::port::Finding;
use crate::text::phrases::{listed, quoted};
use crate::text::tokens::{word_count, words};

/// Different words of the tone's list in a text.
pub fn tone_marks(text: &str, tone: Tone) -> usize {
    shown(text, tone.shown_by()).len()
}

pub fn measure(sample: &Sample<'_>) -> Finding {
    let tones = &sample.brief.tones;
    let loud = loudness(sample.text, tones);
    if tones.is_empty() {
        let others = &sample.brief.other_tones;
        let evidence = if others.is_empty() {
            "No tone was asked for".to_owned()
        } else {
            format!("There is no word list for {}", listed(others))
        };
        let base = if others.is_empty() { 1.0 } else { 0.8 };
        return Finding {
            score: base - loud,
            evidence: format!("{evidence}; {}.", volume(loud)),
            feedback: quieter(loud),
        };
    }
    let needed = match word_count(sample.text) {
        0..40 => 1,
        40..120 => 2,
        _ => 3,
    };
    let mut score = 0.0;
    let mut evidence = Vec::new();
    let mut feedback = Vec::new();
    for tone in tones {
        let marks = shown(sample.text, tone.shown_by());
        let against = shown(sample.text, tone.denied_by());
        let share = (marks.len() as f64 / f64::from(needed)).min(1.0);
        score += 0.5 + 0.5 * share - (0.2 * against.len() as f64).min(0.5);
        evidence.push(
            format!(
                "{}: {} of {needed} marks {}",
                tone.label(),
                marks.len(),
                quoted(&marks.iter().take(4).cloned().collect::<Vec<_>>())
            )
            .trim_end()
            .to_owned(),
        );
        if share < 1.0 {
            feedback.push(format!("Make the tone more {}.", tone.label()));
        }
        if !against.is_empty() {
            evidence.push(format!("against it: {}", quoted(&against)));
            feedback.push(format!(
                "Words against a {} tone: {}.",
                tone.label(),
                against.join(", ")
            ));
        }
    }
    let score = score / tones.len() as f64 - loud;
    feedback.extend(Some(quieter(loud)).filter(|text| !text.is_empty()));
    Finding {
        score,
        evidence: format!("{}; {}.", evidence.join("; "), volume(loud)),
        feedback: feedback.join(" "),
    }
}

fn shown(text: &str, list: &[&str]) -> Vec<String> {
    list.iter()
        .filter(|word| find_phrase(text, word).is_some())
        .map(|word| (*word).to_owned())
        .collect()
}

/// What shouting costs: capitals and exclamation marks beyond what the tone allows.
fn loudness(text: &str, tones: &[Tone]) -> f64 {
    let lively = tones
        .iter()
        .any(|tone| matches!(tone, Tone::Enthusiastic | Tone::Playful));
    let found = words(text);
    let shouted = found
        .iter()
        .filter(|word| word.text.len() > 5 && word.text.chars().all(char::is_uppercase))
        .count();
    let share = shouted as f64 / found.len().max(1) as f64;
    let ends = text.matches(['.', '!', '?']).count().max(1);
    let marks = text.matches('!').count() as f64 / ends as f64;
    let allowed = if lively { 0.7 } else { 0.35 };
    let by_capitals = if found.len() > 8 {
        (share - 0.08).max(0.0) * 2.0
    } else {
        0.0
    };
    (by_capitals + if ends > 3 { (marks - allowed).max(0.0) } else { 0.0 }).min(0.5)
}

fn volume(loud: f64) -> &'static str {
    if loud > 0.0 { "it shouts" } else { "no shouting" }
}

fn quieter(loud: f64) -> String {
    if loud > 0.0 {
        "Use fewer capitals and exclamation marks.".to_owned()
    } else {
        String::new()
    }
}
