//! `orchestrator models fine-tune` and `orchestrator models fine-tunes`.

use super::Caller;
use crate::failure::NotCompleted;
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, status, table, whole};
use crate::text::{cut, field, items, present, shown, usd};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use std::time::Duration;

/// Between two looks.
const POLL: Duration = Duration::from_secs(2);
/// Jobs in a list; more than anybody reads.
const MOST: u32 = 200;
const ENDS: [&str; 3] = ["succeeded", "failed", "cancelled"];

/// What is done with models that are trained.
#[derive(Debug, Subcommand)]
pub enum FineTuneVerb {
    /// Train a model at a provider with an export, and register what comes of it
    FineTune(FineTuneArguments),
    /// List fine-tuning jobs, show one, or end one
    #[command(args_conflicts_with_subcommands = true)]
    FineTunes(FineTunesArguments),
}

#[derive(Debug, Args)]
pub struct FineTuneArguments {
    /// A completed export in openai-chat, or in dpo
    #[arg(long, value_name = "EXPORT_ID")]
    pub export: String,
    /// One of llm.providers that may train
    #[arg(long)]
    pub provider: String,
    /// The model that is trained further, as the provider knows it
    #[arg(long, value_name = "MODEL")]
    pub base_model: String,
    /// What it is registered as: the next version of this name
    #[arg(long)]
    pub name: String,
    /// Times that the examples are gone through; default: the provider's choice
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Examples of one step; default: the provider's choice
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u32>,
    /// Of the provider's own rate; default: the provider's choice
    #[arg(long, value_name = "FACTOR")]
    pub learning_rate_multiplier: Option<f64>,
    /// Becomes part of the model's name at the provider
    #[arg(long)]
    pub suffix: Option<String>,
    /// What chance follows from
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// Most USD it may be expected to cost
    #[arg(long, value_name = "USD")]
    pub max_usd: Option<f64>,
    /// Sent again with the same key, it is begun once
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Follow it to its end
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct FineTunesArguments {
    #[command(subcommand)]
    pub verb: Option<FineTunesVerb>,
    /// The job to show; none: all of them
    pub fine_tune_id: Option<String>,
    /// Follow it to its end
    #[arg(long, requires = "fine_tune_id")]
    pub watch: bool,
}

#[derive(Debug, Subcommand)]
pub enum FineTunesVerb {
    /// End a job
    Cancel { fine_tune_id: String },
}

/// Begins, lists, shows, follows or ends jobs.
///
/// # Errors
/// What the gateway refuses, or that it does not answer; a job that was followed and did not succeed.
pub async fn run(caller: &Caller, verb: FineTuneVerb) -> Result<()> {
    match verb {
        FineTuneVerb::FineTune(arguments) => {
            let key = arguments.idempotency_key.clone();
            let watch = arguments.watch;
            let begun = caller
                .client
                .start_fine_tune(&document(arguments), key.as_deref())
                .await?;
            if watch {
                return follow(caller, begun).await;
            }
            caller.print(&begun, describe)
        }
        FineTuneVerb::FineTunes(FineTunesArguments {
            verb: Some(FineTunesVerb::Cancel { fine_tune_id }),
            ..
        }) => caller.print(&caller.client.cancel_fine_tune(&fine_tune_id).await?, describe),
        FineTuneVerb::FineTunes(FineTunesArguments {
            fine_tune_id: Some(id),
            watch,
            ..
        }) => {
            let job = caller.client.fine_tune(&id).await?;
            if watch {
                return follow(caller, job).await;
            }
            caller.print(&job, describe)
        }
        FineTuneVerb::FineTunes(_) => caller.print(&caller.client.fine_tunes(Some(MOST), None).await?, list),
    }
}

/// Tells whatever changes, until the end.
async fn follow(caller: &Caller, mut job: Value) -> Result<()> {
    let id = field(&job, "fine_tune_id");
    let mut told = None;
    loop {
        let stands = [field(&job, "state"), progress(&job)];
        if told.as_ref() != Some(&stands) {
            caller.print(&job, line)?;
            told = Some(stands);
        }
        let status = field(&job, "state");
        if ENDS.contains(&status.as_str()) {
            return if status == "succeeded" {
                Ok(())
            } else {
                Err(NotCompleted { status }.into())
            };
        }
        tokio::time::sleep(POLL).await;
        job = caller.client.fine_tune(&id).await?;
    }
}

fn document(arguments: FineTuneArguments) -> Value {
    let told = |members: Vec<(&str, Option<Value>)>| -> Map<String, Value> {
        let members = members.into_iter();
        members
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    };
    let hyperparameters = told(vec![
        ("n_epochs", arguments.epochs.map(Value::from)),
        ("batch_size", arguments.batch_size.map(Value::from)),
        (
            "learning_rate_multiplier",
            arguments.learning_rate_multiplier.map(Value::from),
        ),
    ]);
    Value::Object(told(vec![
        ("export_id", Some(arguments.export.into())),
        ("provider", Some(arguments.provider.into())),
        ("base_model", Some(arguments.base_model.into())),
        ("model_name", Some(arguments.name.into())),
        (
            "hyperparameters",
            (!hyperparameters.is_empty()).then_some(Value::Object(hyperparameters)),
        ),
        ("suffix", arguments.suffix.map(Value::from)),
        ("seed", arguments.seed.map(Value::from)),
        ("max_usd", arguments.max_usd.map(Value::from)),
    ]))
}

fn list(document: &Value, look: Look) -> String {
    let jobs = items(document, "items");
    if jobs.is_empty() {
        return "no model was trained yet; `orchestrator models fine-tune` begins to".to_owned();
    }
    let rows: Vec<_> = jobs.iter().map(row).collect();
    let columns = [
        whole("job"),
        whole("state"),
        whole("name"),
        optional("base model"),
        optional("provider"),
        optional("examples"),
        whole("usd"),
        elastic("how it stands"),
    ];
    table(look, columns, &rows)
}

fn row(job: &Value) -> [Cell; 8] {
    let examples = present(job, "examples").map(|examples| field(examples, "train"));
    [
        field(job, "fine_tune_id").into(),
        status(field(job, "state")),
        field(job, "model_name").into(),
        field(job, "base_model").into(),
        field(job, "provider").into(),
        examples.unwrap_or_default().into(),
        cost(job).into(),
        progress(job).into(),
    ]
}

/// What it cost, or about what it will; nothing where that is not known.
fn cost(job: &Value) -> String {
    let Some(cost) = present(job, "cost") else {
        return String::new();
    };
    match (present(cost, "usd"), present(cost, "estimated_usd")) {
        (Some(known), _) => usd(Some(known)),
        (None, Some(expected)) => format!("~{}", usd(Some(expected))),
        (None, None) => String::new(),
    }
}

/// Why it ended so, what it waits for, or what the provider says.
fn progress(job: &Value) -> String {
    let status = present(job, "job").and_then(|job| present(job, "status"));
    let told = [present(job, "reason"), present(job, "waiting"), status];
    let model = present(job, "fine_tuned_model");
    told.into_iter()
        .flatten()
        .next()
        .or(model)
        .map_or_else(String::new, shown)
}

fn line(job: &Value, look: Look) -> String {
    let state = field(job, "state");
    let text = format!(
        "{}  {}",
        field(job, "fine_tune_id"),
        look.paint(Tone::of_status(&state), &state)
    );
    let progress = progress(job);
    if progress.is_empty() {
        text
    } else {
        format!("{text}  {}", cut(&progress, look.room(50)))
    }
}

fn describe(job: &Value, look: Look) -> String {
    let mut lines = vec![line(job, look)];
    for (name, member) in job.as_object().into_iter().flatten() {
        let is_told = ["fine_tune_id", "state"].contains(&name.as_str());
        let members = match member {
            Value::Object(members) => members.clone(),
            other => Map::from_iter([(String::new(), other.clone())]),
        };
        for (part, value) in members.into_iter().filter(|(_, value)| !is_told && !value.is_null()) {
            let name = format!("{name} {part}");
            lines.push(format!("{name:<32}{}", cut(&shown(&value), look.room(32))));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job() -> Value {
        json!({
            "fine_tune_id": "01a207c4-0000-7000-8000-000000000001", "state": "running", "reason": null, "waiting": null,
            "model_name": "planner", "base_model": "small-1", "provider": "mine", "examples": { "train": 80, "validation": 9 },
            "job": { "id": "ftjob-1", "status": "validating_files" },
            "cost": { "usd": null, "estimated_usd": 1.5, "trained_tokens": null },
        })
    }

    const WIDE: Look = Look {
        width: Some(160),
        colour: false,
    };

    #[test]
    fn what_is_expected_is_told_from_what_it_cost_and_what_is_not_known_is_no_figure() {
        let mut one = job();
        assert_eq!(cost(&one), "~$1.50");
        one["cost"]["usd"] = json!(1.2);
        assert_eq!(cost(&one), "$1.20");
        one["cost"] = json!({ "usd": null, "estimated_usd": null });
        assert_eq!(cost(&one), "");
    }

    #[test]
    fn jobs_are_listed_with_how_they_stand() {
        let text = list(&json!({ "items": [job()], "next_cursor": null }), WIDE);
        assert_eq!(
            text.lines()
                .nth(1)
                .map(|line| line.split_whitespace().collect::<Vec<_>>()),
            Some(vec![
                "01a207c4-0000-7000-8000-000000000001",
                "running",
                "planner",
                "small-1",
                "mine",
                "80",
                "~$1.50",
                "validating_files"
            ])
        );
        let mut failed = job();
        failed["reason"] = json!("it was cancelled");
        assert!(describe(&failed, WIDE).contains("it was cancelled"));
    }
}
