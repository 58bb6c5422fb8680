//! One assessment: deterministic checks, then the judge.

use crate::case::Case;
use bus::worker::Ended;
use contracts::work::{AssessOutcome, AssessSpec, job_result};
use llm::{Context, Engine, JudgeAsk};
use serde_json::{Map, Value, json};
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
    let ask = JudgeAsk {
        context: &case.context,
        criteria: &case.criteria,
        texts: &case.texts,
        made: &case.made,
    };
    let answer = match engine.judge(ask).await {
        Ok(answer) => answer,
        Err(failed) => return worker::ended(failed),
    };
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
        "engine": engine.name(),
    });
    let outcome = job_result::Outcome::Assessed(AssessOutcome {
        assessment_json: document.to_string(),
    });
    Ended::with(outcome)
        .costing(worker::usage(answer.usage))
        .having_called(worker::calls(answer.calls))
}
