//! Steps: condition, arguments, a human's word, tool.

use super::asking::{self, Approved};
use super::{Executor, elsewhere, tool_call};
use crate::arguments::resolve;
use crate::effects::Stop;
use crate::failure::RunFailure;
use crate::scope::{Outputs, Scope};
use crate::tools::registry::Registry;
use crate::tools::served::Served;
use crate::tools::{Call, Output};
use crate::when::skip_reason;
use bus::worker::{Ended, JobContext, inline, json_of};
use contracts::work::job_result::Outcome;
use contracts::work::{self, Awaiting, Input, Listed, Skipped, StepSpec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;
use workflow::hash::Fingerprint;
use workflow::plan::When;

/// How a step ended well.
enum Done {
    Called(Output),
    Skipped(String),
    Asks(Awaiting),
}

/// The call a step stands for.
struct Planned {
    served: Arc<Served>,
    arguments: Map<String, Value>,
    responses: Option<Value>,
    request_state: Option<String>,
}

pub async fn run(executor: &Executor, job: &JobContext, step: &StepSpec) -> Ended {
    let mut calls = Vec::new();
    let mut ended = match done(executor, job, step, &mut calls).await {
        Ok(Done::Called(output)) if output.json.len() > executor.max_output_bytes => {
            let message = format!("the output is longer than {} bytes", executor.max_output_bytes);
            Ended::failure("output_too_large", message, false)
                .costing(output.usage)
                .having_called(output.calls)
        }
        Ok(Done::Called(output)) => succeeded(output.json, step.max_items)
            .costing(output.usage)
            .having_called(output.calls),
        Ok(Done::Skipped(reason)) => Ended::with(Outcome::Skipped(Skipped { reason })),
        Ok(Done::Asks(awaiting)) => Ended::with(Outcome::Awaiting(awaiting)),
        Err(stop) => elsewhere::or_ended(&job.job, stop),
    };
    // The step's own call comes before what it led to.
    ended.calls.splice(0..0, calls);
    ended
}

/// With a step's output; of a step that makes a list it must be one.
fn succeeded(json: String, max_items: u32) -> Ended {
    if max_items == 0 {
        return Ended::output(json);
    }
    match items_in(&json) {
        None => Ended::failure("not_a_list", "what for_each names is not an array", false),
        Some(items) if items.len() > usize::try_from(max_items).unwrap_or(usize::MAX) => {
            let message = format!("the list has {} items, max_items is {max_items}", items.len());
            Ended::failure("too_many_items", message, false)
        }
        Some(items) => Ended::with(Outcome::Listed(Listed {
            output: Some(inline(json)),
            item_hashes: items,
        })),
    }
}

/// Hash of each item in the list a step made; none where it is no list.
fn items_in(json: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Value>,
    }
    let list: List = serde_json::from_str(json).ok()?;
    let hash = |item: &Value| Fingerprint::of([item.to_string().as_bytes()]).to_string();
    Some(list.items.iter().map(hash).collect())
}

async fn done(
    executor: &Executor,
    job: &JobContext,
    step: &StepSpec,
    calls: &mut Vec<work::Call>,
) -> Result<Done, Stop> {
    if planned(&executor.tools, step).is_err() {
        executor.definitions.renew().await;
    }
    let tools = &executor.tools;
    let planned = match &step.approved {
        Some(approved) => let_through(tools, step, json_of(Some(approved)))?,
        None => match resolved(tools, job, step)? {
            Ok(planned) if step.ask => {
                return Ok(Done::Asks(asking::approval(&step.tool_id, &planned.arguments)));
            }
            Ok(planned) => planned,
            Err(reason) => return Ok(Done::Skipped(reason)),
        },
    };
    executor.definitions.heard_of(planned.served.tool.may_call()).await;
    call(&planned, job, step, calls).await
}

/// What a human let through, checked once more: the tool may have changed since.
fn let_through(tools: &Registry, step: &StepSpec, approved: &str) -> Result<Planned, RunFailure> {
    let served = planned(tools, step)?;
    let approved: Approved = parse(approved, "internal")?;
    Ok(Planned {
        arguments: served.checked(approved.arguments)?,
        served,
        responses: approved.responses,
        request_state: approved.request_state,
    })
}

/// The step as planned, with every reference and template resolved; else why it is skipped.
fn resolved(tools: &Registry, job: &JobContext, step: &StepSpec) -> Result<Result<Planned, String>, RunFailure> {
    let outputs = outputs_of(&step.inputs)?;
    let scope = Scope::new(&job.submission, &outputs, &step.feedback).of_item(step.item_of.as_ref());
    if !step.when_json.is_empty() {
        let when: When = parse(&step.when_json, "plan_when")?;
        if let Some(reason) = skip_reason(&when, &scope) {
            return Ok(Err(reason));
        }
    }
    let served = planned(tools, step)?;
    let written: Map<String, Value> = parse(&step.arguments_json, "plan_arguments")?;
    let arguments = resolve(written, &scope, &served.spec().input_schema)?;
    Ok(Ok(Planned {
        arguments: served.checked(arguments)?,
        served,
        responses: None,
        request_state: None,
    }))
}

async fn call(planned: &Planned, job: &JobContext, step: &StepSpec, calls: &mut Vec<work::Call>) -> Result<Done, Stop> {
    let call = Call {
        tier: tier(&step.tier),
        arguments: planned.arguments.clone(),
        submission_json: &job.submission,
        feedback: &step.feedback,
        responses: planned.responses.as_ref(),
        request_state: planned.request_state.as_deref(),
        run: job,
    };
    match tool_call::call(&planned.served, call, &step.key, calls).await {
        Ok(output) => Ok(Done::Called(output)),
        Err(Stop::Asks(question)) => {
            let awaiting = asking::input(&step.tool_id, &planned.arguments, question)?;
            Ok(Done::Asks(awaiting))
        }
        Err(stop) => Err(stop),
    }
}

/// None: the tool's own.
fn tier(name: &str) -> Option<llm::Tier> {
    match name {
        "small" => Some(llm::Tier::Small),
        "standard" => Some(llm::Tier::Standard),
        "large" => Some(llm::Tier::Large),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_list_ends_with_one_that_is_not_too_long() {
        let ended = |json: &str, max_items| match succeeded(json.to_owned(), max_items).outcome {
            Some(Outcome::Listed(listed)) => format!("{} items", listed.item_hashes.len()),
            Some(Outcome::Failure(failure)) => failure.code,
            Some(Outcome::Output(_)) => "output".to_owned(),
            other => format!("{other:?}"),
        };
        for (json, max_items, expected) in [
            (r#"{"items":[1,"a"]}"#, 0, "output"),
            (r#"{"items":[1,"a"]}"#, 2, "2 items"),
            (r#"{"items":[]}"#, 2, "0 items"),
            (r#"{"items":[1,2,3]}"#, 2, "too_many_items"),
            (r#"{"items":{"a":1}}"#, 2, "not_a_list"),
            (r#"{"items":"abc"}"#, 2, "not_a_list"),
            (r#"{"items":null}"#, 2, "not_a_list"),
        ] {
            assert_eq!(ended(json, max_items), expected, "{json} {max_items}");
        }
    }
}
