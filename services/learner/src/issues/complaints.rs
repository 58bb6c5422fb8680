//! What an assessment finds wrong with steps. Pure.

use super::Code;
use crate::record::json;
use serde_json::Value;

/// What a judgement says of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    pub step_key: String,
    pub code: Code,
    pub condition: String,
    /// What would be better.
    pub hint: String,
}

/// Failed checks and accusations, each kind of a step's once. `checked` tells what a step's checks at a pointer demand.
pub fn complaints(assessment: &Value, checked: &impl Fn(&str, &str) -> String) -> Vec<Complaint> {
    let mut found: Vec<Complaint> = Vec::new();
    for check in json::list(assessment, "/failed_checks") {
        let step_key = json::text_or_empty(check, "/step_key");
        let pointer = json::text_or_empty(check, "/pointer");
        found.push(Complaint {
            condition: checked(&step_key, &pointer),
            step_key,
            code: Code::AcceptanceCheckFailed,
            hint: json::text_or_empty(check, "/detail"),
        });
    }
    for (step_key, said) in json::text_map(assessment, "/blamed") {
        found.extend(
            by_dimension(assessment, &said)
                .into_iter()
                .map(|(dimension, hint)| Complaint {
                    step_key: step_key.clone(),
                    code: Code::QualityBelowThreshold,
                    condition: dimension,
                    hint,
                }),
        );
    }
    joined(found)
}

/// What is said of one step's kind more than once is one complaint.
fn joined(found: Vec<Complaint>) -> Vec<Complaint> {
    let mut joined: Vec<Complaint> = Vec::new();
    for complaint in found {
        let same = |known: &&mut Complaint| {
            (&known.step_key, known.code, &known.condition)
                == (&complaint.step_key, complaint.code, &complaint.condition)
        };
        match joined.iter_mut().find(same) {
            Some(known) if known.hint.contains(&complaint.hint) => {}
            Some(known) => known.hint = format!("{} {}", known.hint, complaint.hint),
            None => joined.push(complaint),
        }
    }
    joined
}

/// What a judge said of a step, by dimension: `tone: be friendlier`, one after the other. What names none is about the
/// dimension with the lowest score.
fn by_dimension(assessment: &Value, said: &str) -> Vec<(String, String)> {
    let names: Vec<&str> = json::members(assessment, "/dimensions")
        .map(|(name, _)| name.as_str())
        .collect();
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in said.lines() {
        let named = names
            .iter()
            .find_map(|name| Some((*name, line.strip_prefix(name)?.strip_prefix(": ")?)));
        match (named, parts.last_mut()) {
            (Some((name, text)), _) => parts.push((name.to_owned(), text.to_owned())),
            (None, Some((_, text))) => {
                text.push('\n');
                text.push_str(line);
            }
            (None, None) => parts.push((lowest(assessment), line.to_owned())),
        }
    }
    if parts.is_empty() {
        parts.push((lowest(assessment), String::new()));
    }
    parts
}

fn lowest(assessment: &Value) -> String {
    let scored = json::members(assessment, "/dimensions")
        .filter_map(|(name, dimension)| Some((name, json::number(dimension, "/score")?)));
    let least = scored.min_by(|(_, one), (_, other)| one.total_cmp(other));
    least.map(|(name, _)| name.clone()).unwrap_or_default()
}
