//! One planning: ask the engine, check its plan, ask once more with the reasons.

use crate::catalog::{KnownTools, Tools};
use bus::worker::Ended;
use contracts::work::{PlanOutcome, Usage, job_result};
use llm::{Answer, Context, Engine, PlanAsk, PlanDraft};
use workflow::plan::{Plan, PlanFault, PlanLimits, freeze};
use workflow::vocabulary::PlanOrigin;

/// Asks of one planning: the second carries why the first plan was refused.
const ASKS: usize = 2;

pub async fn plan(
    engine: &dyn Engine,
    tools: &KnownTools,
    limits: &PlanLimits,
    context: &Context,
    feedback: &[String],
) -> Ended {
    let tools = match tools.current().await {
        Ok(tools) => tools,
        // The coordinator is away; planning again later costs nobody an attempt's worth of work.
        Err(status) => return Ended::failure("coordinator_unavailable", status.message().to_owned(), true),
    };
    let mut feedback = feedback.to_vec();
    for ask in 1..=ASKS {
        let asked = PlanAsk {
            context,
            tools: &tools.cards,
            feedback: &feedback,
        };
        let answer = match engine.plan(asked).await {
            Ok(answer) => answer,
            Err(error) => return Ended::failure(error.code(), error.to_string(), error.retryable()),
        };
        let faults = check(&answer.value, &tools, context, limits);
        if faults.is_empty() || ask == ASKS {
            return ended(engine, answer);
        }
        feedback.extend(
            faults
                .iter()
                .map(|f| format!("{} at {:?}: {}", f.code, f.pointer, f.detail)),
        );
    }
    Ended::failure("llm_bad_output", "no plan", true)
}

/// What the coordinator would refuse.
fn check(draft: &PlanDraft, tools: &Tools, context: &Context, limits: &PlanLimits) -> Vec<PlanFault> {
    let document = match serde_json::from_str(&draft.plan_json) {
        Ok(document) => document,
        Err(error) => {
            let detail = error.to_string();
            return vec![PlanFault {
                code: "plan_shape".to_owned(),
                pointer: String::new(),
                detail,
            }];
        }
    };
    let plan = match Plan::deserialize_checked(&document) {
        Ok(plan) => plan,
        Err(faults) => return faults,
    };
    freeze(&plan, 1, PlanOrigin::Planner, &tools.catalog, &context.channels, limits)
        .err()
        .unwrap_or_default()
}

fn ended(engine: &dyn Engine, answer: Answer<PlanDraft>) -> Ended {
    let draft = answer.value;
    let usage = Usage {
        usd_micros: answer.usage.usd_micros,
        input_tokens: answer.usage.input_tokens,
        output_tokens: answer.usage.output_tokens,
        calls: answer.usage.calls,
        model: answer.usage.model,
        ..Usage::default()
    };
    Ended::with(job_result::Outcome::Planned(PlanOutcome {
        intent_json: draft.intent_json.into_owned(),
        plan_json: draft.plan_json.into_owned(),
        reasoning: draft.reasoning.into_owned(),
        patterns_used: Vec::new(),
        // Nothing has been learned that a plan could use yet.
        memory: "unavailable".to_owned(),
        engine: engine.name().to_owned(),
    }))
    .costing(usage)
}
