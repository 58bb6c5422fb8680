//! What is judged, as prompts show it.

use super::measured::{Fault, faults};
use super::quotes::Quotable;
use super::rubric::rubric;
use crate::port::{JudgeAsk, JudgedText};
use crate::template::{delimited, shown};
use serde_json::{Value, json};

/// Characters of all texts to judge together; what is longer is cut, and says so.
const TEXT_CHARS: usize = 48_000;
/// Characters of a text that others were made from.
const MATERIAL_CHARS: usize = 1_500;

/// One assessment.
pub struct Case<'a> {
    pub ask: &'a JudgeAsk<'a>,
    pub quotable: Quotable,
    /// What needs no model to be seen.
    pub faults: Vec<Fault>,
    texts: String,
    material: String,
}

impl<'a> Case<'a> {
    /// None where there is no text to judge.
    pub fn of(ask: &'a JudgeAsk<'a>) -> Option<Self> {
        let visible: Vec<&JudgedText> = visible(ask).collect();
        if visible.iter().all(|text| text.text.trim().is_empty()) {
            return None;
        }
        let each = TEXT_CHARS / visible.len().max(1);
        let texts: Vec<String> = visible.iter().map(|text| labelled(text, each)).collect();
        let others = ask.texts.iter().filter(|text| !text.visible);
        let material: Vec<String> = others.map(|text| labelled(text, MATERIAL_CHARS)).collect();
        Some(Self {
            ask,
            quotable: Quotable::new(visible.iter().map(|text| text.text.as_str())),
            faults: faults(ask),
            texts: texts.join("\n\n"),
            material: material.join("\n\n"),
        })
    }

    /// Keys of steps that another round could make better.
    pub fn blamable(&self) -> impl Iterator<Item = &str> {
        let repairable = self.ask.texts.iter().filter(|text| text.repairable);
        repairable.map(|text| text.step_key.as_str())
    }

    /// Keys of steps that reach readers and that another round could make better.
    pub fn last_blamable(&self) -> impl Iterator<Item = &str> {
        let repairable = visible(self.ask).filter(|text| text.repairable);
        repairable.map(|text| text.step_key.as_str())
    }

    /// For the prompt of one dimension.
    pub fn context(&self, dimension: &str) -> Value {
        let context = self.ask.context;
        let rubric = rubric(dimension);
        let filled = |value: Value, is_empty: bool| if is_empty { String::new() } else { shown(&value) };
        let measured: Vec<String> = self
            .faults
            .iter()
            .map(|fault| format!("- {}", fault.evidence))
            .collect();
        json!({
            "dimension": dimension,
            "question": rubric.question,
            "anchors": rubric.anchors,
            "blamable": self.blamable().collect::<Vec<_>>().join(", "),
            "request": context.request,
            "preferences": filled(json!(context.preferences), context.preferences.is_empty()),
            "metrics": filled(json!(context.business_metrics), context.business_metrics.is_empty()),
            "material": self.material,
            "measured": measured.join("\n"),
            "texts": self.texts,
        })
    }
}

/// The texts that reach readers.
pub fn visible<'a>(ask: &JudgeAsk<'a>) -> impl Iterator<Item = &'a JudgedText> {
    ask.texts.iter().filter(|text| text.visible)
}

fn labelled(text: &JudgedText, most: usize) -> String {
    let channel = if text.channel.is_empty() {
        String::new()
    } else {
        format!(" for the channel {:?}", text.channel)
    };
    let shown = match text.text.char_indices().nth(most) {
        Some((end, _)) => format!(
            "{}\n… (only the first {most} characters are shown)",
            text.text.get(..end).unwrap_or_default()
        ),
        None => text.text.clone(),
    };
    format!("Step {}{channel}:\n{}", text.step_key, delimited("text", &shown))
}
