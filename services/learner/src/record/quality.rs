//! Judgements, and whom they blame.

use super::json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The last judgement and all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Weighted mean, 0-1; null: never judged to the end.
    pub overall: Option<f64>,
    /// What was needed.
    pub threshold: Option<f64>,
    /// Whether it was reached, floors and checks included.
    pub passed: Option<bool>,
    /// By name, of the last judgement.
    pub dimensions: BTreeMap<String, Dimension>,
    /// Every judgement, in order.
    pub rounds: Vec<Round>,
}

/// One dimension's judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// 0-1; null: could not be judged.
    pub score: Option<f64>,
    /// Share in the whole.
    pub weight: Option<f64>,
    /// JSON: what the score rests on.
    pub evidence: Option<String>,
    /// What would be better.
    pub feedback: Option<String>,
}

/// One judgement. Where a person had a step run again, a round has several, and the last is of what was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// From 0.
    pub round: u64,
    /// What judged: a model, or the offline engine.
    pub engine: Option<String>,
    /// By name.
    pub dimensions: BTreeMap<String, Dimension>,
}

/// A step that a judgement blamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blame {
    /// The judgement's round, from 0.
    pub round: u64,
    /// The step.
    pub step_key: String,
    /// Where in the output an acceptance check failed (JSON pointer); null: blamed by the judge.
    pub failed_check: Option<String>,
    /// What would be better.
    pub feedback: String,
}

pub(super) fn quality(raw: &Value) -> Option<Quality> {
    let judged = raw.pointer("/task/quality").filter(|quality| quality.is_object());
    let rounds: Vec<Round> = assessments(raw)
        .map(|(round, assessment)| read_round(round, assessment))
        .collect();
    if judged.is_none() && rounds.is_empty() {
        return None;
    }
    let quality = judged.unwrap_or(&Value::Null);
    Some(Quality {
        overall: json::number(quality, "/overall"),
        threshold: json::number(quality, "/threshold"),
        passed: quality.get("passed").and_then(Value::as_bool),
        dimensions: dimensions(quality),
        rounds,
    })
}

/// Of the last judgement of each round, whose output is kept, and of the last plan: keys of steps mean others in another one.
pub(super) fn blame(raw: &Value) -> Vec<Blame> {
    let last = raw.pointer("/task/plan/version").and_then(Value::as_u64);
    let of_last_plan = assessments(raw).filter(|(_, assessment)| {
        let of = assessment.get("plan_version").and_then(Value::as_u64);
        of.is_none() || of == last
    });
    let by_round: BTreeMap<u64, &Value> = of_last_plan.collect();
    by_round
        .into_iter()
        .flat_map(|(round, assessment)| blamed_in(round, assessment))
        .collect()
}

/// With their rounds; records from before these were told of count them.
fn assessments(raw: &Value) -> impl Iterator<Item = (u64, &Value)> {
    let numbered = (0_u64..).zip(json::list(raw, "/assessments"));
    numbered.map(|(nth, assessment)| {
        (
            assessment.get("round").and_then(Value::as_u64).unwrap_or(nth),
            assessment,
        )
    })
}

fn read_round(round: u64, assessment: &Value) -> Round {
    Round {
        round,
        engine: json::text(assessment, "/engine"),
        dimensions: dimensions(assessment),
    }
}

fn dimensions(document: &Value) -> BTreeMap<String, Dimension> {
    let read = |dimension: &Value| Dimension {
        score: json::number(dimension, "/score"),
        weight: json::number(dimension, "/weight"),
        evidence: json::json_text(dimension, "/evidence"),
        feedback: json::text(dimension, "/feedback"),
    };
    json::members(document, "/dimensions")
        .map(|(name, dimension)| (name.clone(), read(dimension)))
        .collect()
}

fn blamed_in(round: u64, assessment: &Value) -> Vec<Blame> {
    let by_judge = json::text_map(assessment, "/blamed")
        .into_iter()
        .map(|(step_key, feedback)| Blame {
            round,
            step_key,
            failed_check: None,
            feedback,
        });
    let by_check = json::list(assessment, "/failed_checks").iter().map(|check| Blame {
        round,
        step_key: json::text_or_empty(check, "/step_key"),
        failed_check: Some(json::text_or_empty(check, "/pointer")),
        feedback: json::text_or_empty(check, "/detail"),
    });
    by_judge.chain(by_check).collect()
}
