//! One call of a step's tool: its span, and what the trace of the task tells of it.

use crate::effects::Stop;
use crate::tools::served::Served;
use crate::tools::{Call, Output};
use contracts::{gen_ai, trace, work};
use serde_json::Value;
use std::time::Instant;
use tracing::{Instrument, Span};
use workflow::tool::ToolSource;

/// Bytes of arguments and output together, beyond which the output is left to the step.
const MAX_CONTENT: usize = 16 << 10;

/// Calls the tool and adds what is told of the call to `calls`. The program's own tools are no calls of
/// anything: an agent tells its calls of models itself.
pub async fn call(
    served: &Served,
    call: Call<'_>,
    step_key: &str,
    calls: &mut Vec<work::Call>,
) -> Result<Output, Stop> {
    let spec = served.spec();
    let told = (spec.source != ToolSource::Builtin).then(|| work::Call {
        kind: "tool".to_owned(),
        name: spec.tool_id.clone(),
        input_json: Value::Object(call.arguments.clone()).to_string(),
        ..work::Call::default()
    });
    let span = if served.tool.is_agent() {
        gen_ai::invoke_agent(&spec.tool_id, step_key)
    } else {
        gen_ai::execute_tool(&spec.tool_id, step_key)
    };
    let began = Instant::now();
    let mut outcome = served.tool.call(call).instrument(span.clone()).await;
    if let Ok(output) = &mut outcome {
        output.charge(spec);
    }
    if let Err(stop) = &outcome {
        ended_badly(&span, stop);
    }
    calls.extend(told.map(|told| ended(told, began, &outcome)));
    outcome
}

fn ended_badly(span: &Span, stop: &Stop) {
    let code = code_of(stop);
    if !code.is_empty() {
        trace::fail(span, code);
    }
}

fn ended(mut told: work::Call, began: Instant, outcome: &Result<Output, Stop>) -> work::Call {
    told.duration_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    told.usage = outcome.as_ref().ok().map(|output| output.usage.clone());
    match outcome {
        Ok(output) if told.input_json.len() + output.json.len() <= MAX_CONTENT => {
            told.output_json.clone_from(&output.json);
        }
        Ok(_) => {}
        Err(stop) => {
            code_of(stop).clone_into(&mut told.error);
            told.detail = match stop {
                Stop::Failed(failure) => failure.message.clone(),
                Stop::Engine(failed) => failed.error.to_string(),
                Stop::Asks(question) => format!("it asks: {}", question.message),
                Stop::Released => "it could not be tried".to_owned(),
                Stop::Dropped => "nobody wanted it any more".to_owned(),
            };
        }
    }
    told
}

fn code_of(stop: &Stop) -> &str {
    match stop {
        Stop::Failed(failure) => &failure.code,
        Stop::Engine(failed) => failed.error.code(),
        Stop::Asks(_) | Stop::Released | Stop::Dropped => "",
    }
}
