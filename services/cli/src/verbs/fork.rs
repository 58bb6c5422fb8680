//! `orchestrator fork`.

use super::{Caller, watch};
use crate::arguments::ForkArguments;
use crate::text::field;
use anyhow::{Context, Result};
use client::{ForkRequest, Overrides, StepOverride};
use serde_json::Value;
use std::collections::BTreeMap;

pub async fn run(caller: &Caller, arguments: ForkArguments) -> Result<()> {
    let (follow, key) = (arguments.watch, arguments.idempotency_key.clone());
    let source = caller.task(&arguments.task).await?;
    let fork = request(arguments)?;
    let accepted = caller.client.fork(&source, &fork, key.as_deref()).await?;
    let task_id = field(&accepted, "task_id").to_owned();
    caller.print(&accepted, |_, _| {
        format!("{task_id}  {}{}", field(&accepted, "status"), reused(&accepted))
    })?;
    if follow {
        watch::run(caller, &task_id, 0).await?;
    }
    Ok(())
}

/// `  (reused: a, b)`; nothing where nothing was.
fn reused(accepted: &Value) -> String {
    let keys = accepted.pointer("/forked_from/reused").and_then(Value::as_array);
    let keys: Vec<&str> = keys.into_iter().flatten().filter_map(Value::as_str).collect();
    match keys.as_slice() {
        [] => String::new(),
        keys => format!("  (reused: {})", keys.join(", ")),
    }
}

fn request(arguments: ForkArguments) -> Result<ForkRequest> {
    let mut steps: BTreeMap<String, StepOverride> = BTreeMap::new();
    for (place, text) in &arguments.arguments {
        let (step, name) = place.split_once('.').context("--set takes STEP.NAME=VALUE")?;
        let step = steps.entry(step.to_owned()).or_default();
        step.arguments.insert(name.to_owned(), value(text));
    }
    for (step, tool_id) in arguments.tools {
        steps.entry(step).or_default().tool_id = Some(tool_id);
    }
    let preferences = arguments.preferences.iter();
    Ok(ForkRequest {
        from_step: arguments.from_step,
        overrides: Overrides {
            request: arguments.request,
            preferences: preferences.map(|(name, text)| (name.clone(), value(text))).collect(),
            auto_approve: arguments.auto_approve.then_some(true),
            plan_review: arguments.plan_review.then_some(true),
            steps,
            ..Overrides::default()
        },
    })
}

/// JSON where it is JSON, else text.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::request;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;
    use serde_json::json;

    #[test]
    fn arguments_of_steps_are_json_where_they_are_json() {
        let words = "orchestrator fork t --from-step a --set a.n=3 --set a.b.c=x --set b.gone=null --tool b=srv.t";
        let fork = match Arguments::parse_from(words.split(' ')).command {
            Command::Fork(arguments) => request(*arguments).unwrap(),
            other => panic!("{other:?}"),
        };
        let expected = json!({
            "from_step": "a",
            "overrides": { "steps": {
                "a": { "arguments": { "n": 3, "b.c": "x" } },
                "b": { "tool_id": "srv.t", "arguments": { "gone": null } },
            } },
        });
        assert_eq!(serde_json::to_value(fork).unwrap(), expected);
    }
}
