//! Steps: condition, arguments, tool.

use super::{Executor, ended, tool_call};
use crate::arguments::resolve;
use crate::effects::Stop;
use crate::failure::RunFailure;
use crate::scope::{Outputs, Scope};
use crate::tools::registry::Registry;
use crate::tools::served::Served;
use crate::tools::{Call, Output};
use crate::when::skip_reason;
use bus::worker::{Ended, JobContext, json_of};
use contracts::work::job_result::Outcome;
use contracts::work::{self, Input, Skipped, StepSpec};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;
use workflow::plan::When;

/// How a step ended well.
enum Done {
    Called(Output),
    Skipped(String),
}

pub async fn run(executor: &Executor, job: &JobContext, step: &StepSpec) -> Ended {
    let mut calls = Vec::new();
    let mut ended = match call(executor, job, step, &mut calls).await {
        Ok(Done::Called(output)) if output.json.len() > executor.max_output_bytes => {
            let message = format!("the output is longer than {} bytes", executor.max_output_bytes);
            Ended::failure("output_too_large", message, false)
                .costing(output.usage)
                .having_called(output.calls)
        }
        Ok(Done::Called(output)) => Ended::output(output.json)
            .costing(output.usage)
            .having_called(output.calls),
        Ok(Done::Skipped(reason)) => Ended::with(Outcome::Skipped(Skipped { reason })),
        Err(stop) => ended(stop),
    };
    // The step's own call comes before what it led to.
    ended.calls.splice(0..0, calls);
    ended
}

async fn call(
    executor: &Executor,
    job: &JobContext,
    step: &StepSpec,
    calls: &mut Vec<work::Call>,
) -> Result<Done, Stop> {
    let outputs = outputs_of(&step.inputs)?;
    if planned(&executor.tools, step).is_err() {
        executor.definitions.renew().await;
    }
    let called = {
        let scope = Scope::new(&job.submission, &outputs, &step.feedback);
        if !step.when_json.is_empty() {
            let when: When = parse(&step.when_json, "plan_when")?;
            if let Some(reason) = skip_reason(&when, &scope) {
                return Ok(Done::Skipped(reason));
            }
        }
        let served = planned(&executor.tools, step)?;
        let written: Map<String, Value> = parse(&step.arguments_json, "plan_arguments")?;
        let arguments = resolve(written, &scope, &served.spec().input_schema)?;
        let arguments = served.checked(arguments)?;
        (served, arguments)
    };
    let (served, arguments) = called;
    let call = Call {
        arguments,
        submission_json: &job.submission,
        feedback: &step.feedback,
        run: job,
    };
    Ok(Done::Called(tool_call::call(&served, call, &step.key, calls).await?))
}

/// The step's tool, as it was when the plan was made.
fn planned(tools: &Registry, step: &StepSpec) -> Result<Arc<Served>, RunFailure> {
    let served = tools.get(&step.tool_id)?;
    served.check_version(&step.tool_version_hash)?;
    Ok(served)
}

fn outputs_of(inputs: &[Input]) -> Result<Outputs, RunFailure> {
    let output = |input: &Input| {
        Ok((
            input.step_key.clone(),
            parse(json_of(input.output.as_ref()), "internal")?,
        ))
    };
    inputs.iter().map(output).collect()
}

fn parse<T: DeserializeOwned>(json: &str, code: &str) -> Result<T, RunFailure> {
    serde_json::from_str(json).map_err(|error| RunFailure::permanent(code, format!("the work item: {error}")))
}
