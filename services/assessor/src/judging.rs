//! One assessment: what is judged, and the document that tells how.

use crate::acceptance::{self, FailedCheck};
use bus::worker::{Ended, json_of};
use contracts::work::{AssessOutcome, AssessSpec, Usage, job_result};
use llm::{Context, Criteria, Engine, JudgeAsk, JudgedText};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use workflow::plan::{Plan, PlanStep};

/// What one assessment is about.
pub struct Case {
    context: Context,
    criteria: Criteria,
    texts: Vec<JudgedText>,
    failed_checks: Vec<FailedCheck>,
}

impl Case {
    /// Reads a work item.
    ///
    /// # Errors
    /// When a part is not what the coordinator writes.
    pub fn read(submission: &str, spec: &AssessSpec) -> Result<Self, serde_json::Error> {
        let plan: Plan = serde_json::from_str(&spec.plan_json)?;
        let mut texts = Vec::new();
        let mut failed_checks = Vec::new();
        for input in &spec.outputs {
            let Some(step) = plan.steps.iter().find(|s| s.key == input.step_key) else {
                continue;
            };
            let output: Value = serde_json::from_str(json_of(input.output.as_ref()))?;
            failed_checks.extend(acceptance::failed(&step.key, &step.acceptance, &output));
            if let Some(text) = llm::text_of(&output) {
                texts.push(judged(&plan, step, text));
            }
        }
        Ok(Self {
            context: serde_json::from_str(submission)?,
            criteria: serde_json::from_str(&spec.quality_json)?,
            texts,
            failed_checks,
        })
    }
}

fn judged(plan: &Plan, step: &PlanStep, text: String) -> JudgedText {
    let consumed = plan.steps.iter().any(|s| references(s).contains(step.key.as_str()));
    JudgedText {
        step_key: step.key.clone(),
        tool_id: step.tool_id.clone(),
        channel: step.channel.clone().unwrap_or_default(),
        text,
        visible: step.channel.is_some() || !consumed,
        // `null` returns its arguments: another run gives the same.
        repairable: step.tool_id != "null",
        upstream: references(step).into_iter().map(str::to_owned).collect(),
    }
}

/// Keys of the steps whose output a step takes.
fn references(step: &PlanStep) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Value> = step.arguments.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$step").and_then(Value::as_str));
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// Judges a case.
pub async fn assess(engine: &dyn Engine, case: &Case) -> Ended {
    let ask = JudgeAsk {
        context: &case.context,
        criteria: &case.criteria,
        texts: &case.texts,
    };
    let answer = match engine.judge(ask).await {
        Ok(answer) => answer,
        Err(error) => return Ended::failure(error.code(), error.to_string(), error.retryable()),
    };
    let dimensions: serde_json::Map<String, Value> = answer
        .value
        .dimensions
        .iter()
        .filter(|(name, _)| case.criteria.dimensions.contains_key(*name))
        .map(|(name, f)| {
            (
                name.clone(),
                json!({ "score": f.score, "evidence": f.evidence, "feedback": f.feedback }),
            )
        })
        .collect();
    let document = json!({
        "dimensions": dimensions,
        "blamed": answer.value.blamed,
        "failed_checks": case.failed_checks,
        "engine": engine.name(),
    });
    let usage = Usage {
        usd_micros: answer.usage.usd_micros,
        input_tokens: answer.usage.input_tokens,
        output_tokens: answer.usage.output_tokens,
        calls: answer.usage.calls,
        model: answer.usage.model,
        ..Usage::default()
    };
    Ended::with(job_result::Outcome::Assessed(AssessOutcome {
        assessment_json: document.to_string(),
    }))
    .costing(usage)
}
