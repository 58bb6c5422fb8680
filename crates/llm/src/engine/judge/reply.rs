//! What a judge answers for one dimension, and whether it can be believed.

use super::case::Case;
use super::rubric::share;
use crate::call::EngineError;
use crate::port::Finding;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Characters of one quote and of feedback that are kept.
const QUOTE_CHARS: usize = 300;
const FEEDBACK_CHARS: usize = 1_000;

/// JSON Schema of an answer. Members stand in alphabetical order, in which grammars force them, so that the
/// score comes after what it rests on.
pub fn schema(case: &Case<'_>) -> Value {
    let mut properties = json!({
        "evidence": {"type": "array", "items": {"type": "string"}},
        "feedback": {"type": "string"},
        "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
    });
    let blamable: Vec<&str> = case.blamable().collect();
    if let (false, Some(members)) = (blamable.is_empty(), properties.as_object_mut()) {
        let keys = json!({"type": "array", "items": {"type": "string", "enum": blamable}});
        members.insert("steps_to_blame".to_owned(), keys);
    }
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

/// A judge's answer.
#[derive(Debug, Deserialize)]
struct Said {
    evidence: Vec<String>,
    feedback: String,
    score: i64,
    #[serde(default)]
    steps_to_blame: Vec<String>,
}

/// A score that rests on evidence, and the steps that are to do better.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub finding: Finding,
    pub blamed: Vec<String>,
    /// Passages that do occur in the texts.
    pub quotes: Vec<String>,
}

/// How an answer can be taken.
#[derive(Debug)]
pub enum Taken {
    Believed(Verdict),
    /// No quote of it occurs; these do not.
    Unfounded(Vec<String>),
}

/// Reads what satisfied the schema.
///
/// # Errors
/// It did not.
pub fn read(case: &Case<'_>, value: Value) -> Result<Taken, EngineError> {
    let unusable = |what: String| EngineError::BadOutput(format!("the judgement: {what}"));
    let said: Said = serde_json::from_value(value).map_err(|error| unusable(error.to_string()))?;
    let score = share(said.score).ok_or_else(|| unusable(format!("{} is no score from 1 to 5", said.score)))?;
    let (true_quotes, forged): (Vec<String>, Vec<String>) =
        said.evidence.into_iter().partition(|quote| case.quotable.has(quote));
    if true_quotes.is_empty() {
        return Ok(Taken::Unfounded(forged));
    }
    let mut blamed = said.steps_to_blame;
    blamed.retain(|key| case.blamable().any(|known| known == key));
    let quotes: Vec<String> = true_quotes
        .iter()
        .map(|quote| format!("“{}”", quote.trim().chars().take(QUOTE_CHARS).collect::<String>()))
        .collect();
    let feedback = if score < 1.0 { said.feedback.trim() } else { "" };
    Ok(Taken::Believed(Verdict {
        finding: Finding {
            score,
            evidence: quotes.join(" "),
            feedback: feedback.chars().take(FEEDBACK_CHARS).collect(),
        },
        blamed,
        quotes: true_quotes,
    }))
}
