//! `orchestrator submit`.

use super::{Caller, watch};
use crate::arguments::SubmitArguments;
use anyhow::{Context, Result};
use client::{Budget, ProcessRequest};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::Path;

pub async fn run(caller: &Caller, arguments: SubmitArguments) -> Result<()> {
    let follow = arguments.watch;
    let key = arguments.idempotency_key.clone();
    let accepted = caller.client.submit(&request(arguments)?, key.as_deref()).await?;
    caller.print(&json!(accepted), |_, _| {
        format!("{}  {}", accepted.task_id, accepted.status)
    })?;
    if follow {
        watch::run(caller, &accepted.task_id, 0).await?;
    }
    Ok(())
}

fn request(arguments: SubmitArguments) -> Result<ProcessRequest> {
    let plan = arguments.plan.as_deref().map(read_plan).transpose()?;
    let budget = Budget {
        max_cost_usd: arguments.max_cost,
        max_tokens: arguments.max_tokens,
        max_calls: arguments.max_calls,
        max_duration_seconds: arguments.max_duration,
    };
    Ok(ProcessRequest {
        plan,
        business_metrics: arguments.metrics.iter().cloned().collect(),
        preferences: preferences(&arguments),
        budget: Some(budget).filter(|budget| *budget != Budget::default()),
        quality_threshold: arguments.quality_threshold,
        max_refinements: arguments.max_refinements,
        plan_review: arguments.plan_review.then_some(true),
        auto_approve: arguments.auto_approve.then_some(true),
        priority: arguments.priority,
        metadata: arguments.metadata.into_iter().collect(),
        request: arguments.text,
    })
}

fn preferences(arguments: &SubmitArguments) -> Map<String, Value> {
    let free = arguments.preferences.iter().map(|(name, text)| {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        (name.clone(), value)
    });
    let mut preferences: Map<String, Value> = free.collect();
    if let Some(tone) = &arguments.tone {
        preferences.insert("tone".to_owned(), json!(tone));
    }
    if arguments.no_channels || !arguments.channels.is_empty() {
        preferences.insert("channels".to_owned(), json!(arguments.channels));
    }
    preferences
}

/// A plan in a file; `-`: on standard input.
pub(super) fn read_plan<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the plan from standard input")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
    };
    serde_json::from_str(&text).with_context(|| format!("understanding the plan in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    fn submit(arguments: &[&str]) -> ProcessRequest {
        let all = ["orchestrator", "submit"].iter().chain(arguments);
        match Arguments::parse_from(all).command {
            Command::Submit(arguments) => request(*arguments).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn absent_and_empty_channels_are_two_things() {
        assert!(!submit(&["text"]).preferences.contains_key("channels"));
        assert_eq!(submit(&["text", "--no-channels"]).preferences["channels"], json!([]));
        assert_eq!(
            submit(&["text", "--channel", "blog"]).preferences["channels"],
            json!(["blog"])
        );
    }

    #[test]
    fn preferences_are_json_where_they_are_json() {
        let request = submit(&[
            "text",
            "--preference",
            "words=300",
            "--preference",
            "style=short words",
            "--tone",
            "dry",
        ]);
        assert_eq!(
            Value::Object(request.preferences),
            json!({ "words": 300, "style": "short words", "tone": "dry" })
        );
    }
}
