//! One assessment: deterministic checks, then the judge.

use crate::case::Case;
use crate::samples::{self, Samples};
use bus::worker::Ended;
use contracts::work::{AssessOutcome, AssessSpec, job_result};
use llm::{CallKind, Context, Engine};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Assesses a work item.
pub async fn assess(engine: &dyn Engine, submission: &str, spec: &AssessSpec, deadline: Instant) -> Ended {
    let case = if engine.reads_texts() || !Case::has_no_checks(spec) {
        Case::read(submission, spec)
    } else {
        serde_json::from_str(&spec.quality_json).map(|criteria| Case {
            context: Context::default(),
            criteria,
            texts: Vec::new(),
            made: Vec::new(),
            failed_checks: Vec::new(),
        })
    };
    match case {
        Ok(case) => llm::by(worker::give_up_at(deadline), judged(engine, &case)).await,
        Err(error) => Ended::failure("worker_protocol", format!("the work item: {error}"), false),
    }
}

async fn judged(engine: &dyn Engine, case: &Case) -> Ended {
    let answer = match samples::judge(engine, case).await {
        Ok(answer) => answer,
        Err(failed) => return worker::ended(failed),
    };
    let named = answered_by(engine, &answer);
    let judge = provenance(&named, &answer);
    let answer = answer.joined(&case.criteria);
    // Nobody asked for more.
    let asked = |name: &String| case.criteria.dimensions.contains_key(name);
    let dimensions: Map<String, Value> = answer
        .value
        .dimensions
        .iter()
        .filter(|(name, _)| asked(name))
        .map(|(name, found)| {
            let finding = json!({"score": found.score, "evidence": found.evidence, "feedback": found.feedback});
            (name.clone(), finding)
        })
        .collect();
    let document = json!({
        "dimensions": dimensions,
        "blamed": answer.value.blamed,
        "failed_checks": case.failed_checks,
        "engine": named,
        "judge": judge,
    });
    let outcome = job_result::Outcome::Assessed(AssessOutcome {
        assessment_json: document.to_string(),
    });
    Ended::with(outcome)
        .costing(worker::usage(answer.usage))
        .having_called(worker::calls(answer.calls))
}

/// Who judged: the engine, or whoever stood in for what a rollout gave.
fn answered_by(engine: &dyn Engine, judged: &Samples) -> String {
    let stood_in = judged.calls.iter().any(|call| call.name == llm::PASSED_OVER);
    match judged.usage.model.as_str() {
        model if stood_in && !model.is_empty() => model.to_owned(),
        _ => engine.name().into_owned(),
    }
}

/// Whose judgement it is: `{models, prompts, samples}`.
fn provenance(named: &str, judged: &Samples) -> Value {
    let asked = judged.telling().iter().filter(|call| call.kind == CallKind::Model);
    let asked = asked.filter(|call| call.error.is_empty());
    let mut models: BTreeSet<String> = asked
        .clone()
        .map(|call| format!("{}/{}", call.provider, call.model))
        .collect();
    if models.is_empty() {
        models.insert(named.to_owned());
    }
    let prompts: BTreeSet<&str> = asked
        .map(|call| call.prompt.as_str())
        .filter(|prompt| !prompt.is_empty())
        .collect();
    json!({"models": models, "prompts": prompts, "samples": judged.judgements.len()})
}
