//! Completeness: is it long enough, finished, and has it what was asked for by name?

use super::structure::is_finished;
use super::{Sample, quote};
use crate::brief::Brief;
use crate::brief::kind::Shape;
use crate::port::Finding;
use crate::text::markdown::{Block, blocks};
use crate::text::phrases::{contains_phrase, quoted};
use crate::text::tokens::{content_stems, word_count};

/// What is left of the score of a text that breaks off.
const UNFINISHED: f64 = 0.5;

pub fn measure(sample: &Sample<'_>) -> Finding {
    let form = sample.form;
    let count = word_count(sample.text);
    let mut feedback = Vec::new();
    let mut evidence = vec![format!("{count} words, at least {} expected", form.least)];
    let mut length = (count as f64 / form.least.max(1) as f64).min(1.0);
    if let Some(wanted) = sample.brief.items.filter(|_| form.shape == Shape::Lines) {
        length = length.min(items(sample.text) as f64 / wanted.max(1) as f64);
    }
    if count < form.least {
        feedback.push(format!(
            "Lengthen the text to at least {} words; it has {count}.",
            form.least
        ));
    }
    if let Some(most) = form.most.filter(|most| count > *most) {
        length -= (0.1 + 1.5 * (count as f64 / most as f64 - 1.0)).min(0.5);
        feedback.push(format!("Shorten the text to at most {most} words; it has {count}."));
    }
    let chars = sample.text.chars().count();
    if let Some(limit) = form.max_chars.filter(|limit| chars > *limit) {
        length -= 0.3;
        feedback.push(format!(
            "Shorten the text to at most {limit} characters; it has {chars}."
        ));
    }
    let (asked, there, lacking) = requirements(sample.brief, sample.text, form.shape);
    let mut score = if asked == 0 {
        length
    } else {
        0.6 * length + 0.4 * there as f64 / asked as f64
    };
    if asked > 0 {
        evidence.push(format!("{there} of {asked} things asked for by name are there"));
    }
    feedback.extend(lacking);
    let unwanted: Vec<String> = sample
        .brief
        .avoid
        .iter()
        .filter(|phrase| contains_phrase(sample.text, phrase))
        .cloned()
        .collect();
    if !unwanted.is_empty() {
        score -= 0.15 * unwanted.len() as f64;
        feedback.push(format!("Do not mention {}.", quoted(&unwanted)));
    }
    if !is_finished(sample.text, form.shape) {
        score *= UNFINISHED;
        let end: String = sample.text.trim_end().lines().next_back().unwrap_or("").to_owned();
        evidence.push(format!("it breaks off: {}", quote(&tail(&end))));
        feedback.push("Finish the text: it breaks off in the middle of a sentence.".to_owned());
    }
    Finding {
        score,
        evidence: format!("{}.", evidence.join("; ")),
        feedback: feedback.join(" "),
    }
}

/// Number of things asked for by name, how many are there, and what to do about the others.
fn requirements(brief: &Brief, text: &str, shape: Shape) -> (usize, usize, Vec<String>) {
    let mut feedback = Vec::new();
    let lacking: Vec<String> = brief
        .must_include
        .iter()
        .filter(|phrase| !contains_phrase(text, phrase))
        .cloned()
        .collect();
    if !lacking.is_empty() {
        feedback.push(format!("Mention {}.", quoted(&lacking)));
    }
    let mut asked = brief.must_include.len();
    let mut there = asked - lacking.len();
    if shape != Shape::Post {
        let stems = content_stems(text);
        let has = |section: &String| {
            let own = content_stems(section);
            own.iter().filter(|stem| stems.contains(stem)).count() * 10 >= own.len() * 6
        };
        for section in &brief.sections {
            asked += 1;
            if has(section) {
                there += 1;
            } else {
                feedback.push(format!("Add a section on {section}."));
            }
        }
        if let Some(wanted) = brief.items {
            asked += 1;
            let listed = items(text);
            if listed >= wanted {
                there += 1;
            } else {
                feedback.push(format!("List {wanted} items; there are {listed}."));
            }
        }
    }
    (asked, there, feedback)
}

/// Items of the longest list, or second-level headings where there are more.
fn items(text: &str) -> usize {
    let found = blocks(text);
    let listed = found
        .iter()
        .map(|block| {
            if let Block::List(_, items) = block {
                items.len()
            } else {
                0
            }
        })
        .max()
        .unwrap_or(0);
    let headings = found
        .iter()
        .filter(|block| matches!(block, Block::Heading(2.., _)))
        .count();
    listed.max(headings)
}

fn tail(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.get(words.len().saturating_sub(8)..).unwrap_or(&[]).join(" ")
}
