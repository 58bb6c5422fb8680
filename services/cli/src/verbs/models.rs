//! `orchestrator models`.

use super::Caller;
use super::experiments::{self, line};
use crate::arguments::{ModelVerb, ModelsArguments, WordArguments};
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, status, table, whole};
use crate::text::{field, items, moment, present, shown};
use anyhow::{Context as _, Result, bail};
use client::{RolloutWord, ServedModel};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;
use uuid::Uuid;

/// Of 50 models.
const PAGES: usize = 20;
/// As often as learners look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks in a row that may have no answer.
const MOST_AWAY: u32 = 60;

/// It was tried, and is not the champion now; its end has been shown already.
#[derive(Debug, thiserror::Error)]
#[error("the model was not promoted: {stage}")]
pub struct NotPromoted {
    stage: String,
}

/// All of them, one, or what is done with one.
///
/// # Errors
/// What the gateway refuses, or that it does not answer.
pub async fn run(caller: &Caller, arguments: ModelsArguments) -> Result<()> {
    match arguments.verb {
        None => match arguments.model {
            Some(model) => show(caller, &model).await,
            None => list(caller).await,
        },
        Some(ModelVerb::List) => list(caller).await,
        Some(ModelVerb::Upload(arguments)) => super::models_upload::run(caller, arguments).await,
        Some(ModelVerb::FineTunes(verb)) => super::fine_tunes::run(caller, verb).await,
        Some(ModelVerb::Show { model }) => show(caller, &model).await,
        Some(ModelVerb::Register {
            name,
            provider,
            model,
            answers_as,
        }) => {
            let served = ServedModel {
                name,
                provider,
                model,
                answers_as,
            };
            caller.print(&caller.client.register_model(&served, None).await?, short)
        }
        Some(ModelVerb::Rollout { model, role, settings }) => {
            let settings = settings.as_deref().map(read).transpose()?;
            let model = named(caller, &model).await?;
            let begun = caller.client.start_rollout(&model, &role, settings).await?;
            caller.print(&begun, began)
        }
        Some(ModelVerb::Promote(word)) => say(caller, RolloutWord::Promote, word).await,
        Some(ModelVerb::Pause(word)) => say(caller, RolloutWord::Pause, word).await,
        Some(ModelVerb::Resume(word)) => say(caller, RolloutWord::Resume, word).await,
        Some(ModelVerb::Rollback(word)) => say(caller, RolloutWord::RollBack, word).await,
        Some(ModelVerb::Watch { model, role }) => watch(caller, &model, role.as_deref()).await,
    }
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

async fn say(caller: &Caller, word: RolloutWord, said: WordArguments) -> Result<()> {
    let model = named(caller, &said.model).await?;
    let (role, note) = (said.role.as_deref(), said.note.as_deref());
    let experiment = caller.client.decide_rollout(&model, word, role, note).await?;
    caller.print(&experiment, line)
}

/// The id of a model, by its id or the name it is served under.
async fn named(caller: &Caller, name: &str) -> Result<String> {
    if Uuid::parse_str(name).is_ok() {
        return Ok(name.to_owned());
    }
    let known = all(caller).await?;
    let found = known.iter().find(|model| field(model, "served_as") == name);
    match found {
        Some(model) => Ok(field(model, "model_id")),
        None => {
            bail!("there is no model {name:?}: `orchestrator models` lists them, with the names they are served under")
        }
    }
}

async fn all(caller: &Caller) -> Result<Vec<Value>> {
    let mut models = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES {
        let page = caller.client.models(cursor).await?;
        models.extend_from_slice(items(&page, "items"));
        cursor = present(&page, "next_cursor").map(shown);
        if cursor.is_none() {
            break;
        }
    }
    Ok(models)
}

async fn list(caller: &Caller) -> Result<()> {
    let models = all(caller).await?;
    caller.print(&json!({ "items": models, "next_cursor": null }), listed)
}

async fn show(caller: &Caller, model: &str) -> Result<()> {
    let model = named(caller, model).await?;
    // What is known of a file is as its header says it; there is no shorter way to show that.
    caller.print(&caller.client.model(&model).await?, |model, _| format!("{model:#}"))
}

/// Until its experiment ends: each time something is new.
async fn watch(caller: &Caller, model: &str, role: Option<&str>) -> Result<()> {
    let model = named(caller, model).await?;
    let tried = experiments::all(caller).await?;
    let is_its = |experiment: &&Value| {
        field(experiment, "challenger") == model && role.is_none_or(|role| field(experiment, "role") == role)
    };
    let Some(experiment) = tried.iter().find(is_its) else {
        bail!("the model was not tried yet: `orchestrator models rollout` tries it");
    };
    let id = field(experiment, "experiment_id");
    let (mut seen, mut away) = (Value::Null, 0);
    loop {
        match caller.client.experiment(&id).await {
            Ok(mut experiment) => {
                away = 0;
                // The way there is what was shown before.
                if let Some(experiment) = experiment.as_object_mut() {
                    experiment.remove("points");
                }
                if experiment != seen {
                    caller.print(&experiment, line)?;
                }
                if present(&experiment, "ended_at").is_some() {
                    return won(&experiment);
                }
                seen = experiment;
            }
            Err(error) if error.is_retryable() && away < MOST_AWAY => away += 1,
            Err(error) => return Err(error.into()),
        }
        sleep(LOOK_EVERY).await;
    }
}

fn won(experiment: &Value) -> Result<()> {
    match field(experiment, "stage").as_str() {
        "promoted" => Ok(()),
        stage => Err(NotPromoted {
            stage: stage.to_owned(),
        }
        .into()),
    }
}

fn short(model: &Value, look: Look) -> String {
    let state = field(model, "state");
    let state = look.paint(Tone::of_status(&state), &state);
    format!("{}  {}  {state}", field(model, "model_id"), field(model, "served_as"))
}

fn began(experiment: &Value, look: Look) -> String {
    format!("{}  {}", field(experiment, "experiment_id"), line(experiment, look))
}

fn listed(document: &Value, look: Look) -> String {
    let models = items(document, "items");
    if models.is_empty() {
        return "no models yet; `orchestrator models register` registers one that a provider serves".to_owned();
    }
    let row = |model: &Value| -> [Cell; 5] {
        let source = model.get("source").unwrap_or(&Value::Null);
        let from = match field(source, "kind").as_str() {
            "remote" => format!("{}/{}", field(source, "provider"), field(source, "model")),
            kind => format!("{kind} {}", field(source, "sha256")),
        };
        [
            field(model, "model_id").into(),
            status(field(model, "state")),
            field(model, "served_as").into(),
            moment(&field(model, "changed_at")).into(),
            from.into(),
        ]
    };
    let rows: Vec<_> = models.iter().map(row).collect();
    let columns = [
        whole("model"),
        whole("state"),
        whole("served as"),
        whole("changed"),
        elastic("from"),
    ];
    table(look, columns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_listed_with_where_they_come_from() {
        let model = |source: Value| json!({"model_id": "01a1", "state": "canary", "served_as": "own-v2", "changed_at": "", "source": source});
        let models = [
            model(json!({"kind": "remote", "provider": "mine", "model": "own:q4"})),
            model(json!({"kind": "file", "sha256": "ab12"})),
        ];
        let text = listed(&json!({ "items": models }), Look::PLAIN);
        for shown in ["own-v2", "mine/own:q4", "file ab12", "canary"] {
            assert!(text.contains(shown), "{text}");
        }
    }

    #[test]
    fn whoever_watches_succeeds_where_the_model_wins() {
        assert!(won(&json!({"stage": "promoted"})).is_ok());
        for stage in ["rolled_back", "inconclusive"] {
            let failed = won(&json!({ "stage": stage })).unwrap_err().to_string();
            assert!(failed.ends_with(stage), "{failed}");
        }
    }
}
