//! The verbs that talk to a gateway; one file each, thin over the client.

mod approvals;
mod business;
mod control;
mod decide;
mod doctor;
mod expected;
mod experiments;
mod export;
mod feedback;
mod figure;
pub mod fine_tunes;
mod fork;
mod import;
mod judges;
mod list;
mod metrics;
mod models;
mod models_upload;
mod patterns;
mod preferences;
pub mod status;
mod submit;
mod task_name;
mod tools;
mod trace;
mod watch;

use crate::arguments::{Command, MetricsVerb};
use crate::dev::DevDocument;
use crate::layout::Layout;
use crate::look::Look;
use crate::terminal::answer;
use crate::text::field;
use anyhow::Result;
use client::{Client, ClientError};
use serde_json::Value;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// What every verb needs.
pub struct Caller {
    pub client: Client,
    /// Print JSON.
    pub json: bool,
}

impl Caller {
    /// Prints a document: as it is for programs, as `text` for people.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn print(&self, document: &Value, text: impl FnOnce(&Value, Look) -> String) -> Result<()> {
        if self.json {
            answer(document)?;
        } else {
            answer(text(document, Look::of_stdout()))?;
        }
        Ok(())
    }

    /// Where nothing waits for a decision, with what the task does instead.
    async fn explained(&self, task_id: &str, error: ClientError) -> anyhow::Error {
        if error.code() != Some("not_awaiting_approval") {
            return error.into();
        }
        match self.client.status(task_id).await {
            Ok(task) => anyhow::Error::from(error).context(format!("the task is {}", field(&task, "status"))),
            Err(_) => error.into(),
        }
    }

    /// The id of the task that is meant by what was typed.
    async fn task(&self, name: &str) -> Result<String> {
        task_name::resolve(&self.client, name).await
    }
}

/// Runs a verb of the gateway's.
///
/// # Errors
/// What the gateway refuses, or that it does not answer.
pub async fn run(layout: &Layout, url: Option<String>, json: bool, command: Command) -> Result<()> {
    if matches!(command, Command::Doctor) {
        return doctor::run(layout, json).await;
    }
    let caller = Caller {
        client: Client::new(&gateway(layout, url)?)?,
        json,
    };
    dispatch(&caller, command).await
}

async fn dispatch(caller: &Caller, command: Command) -> Result<()> {
    match command {
        Command::Submit(arguments) => submit::run(caller, *arguments).await,
        Command::Status { task } => status::run(caller, &caller.task(&task).await?).await,
        Command::List(arguments) => list::run(caller, arguments).await,
        Command::Watch { task, after } => watch::run(caller, &caller.task(&task).await?, after).await,
        Command::Approvals {
            task: None, assignee, ..
        } => approvals::list(caller, assignee).await,
        Command::Approvals {
            task: Some(task), gate, ..
        } => approvals::show(caller, &caller.task(&task).await?, gate.as_deref()).await,
        Command::Approve(arguments) => decide::approve(caller, arguments).await,
        Command::Reject { gate, reason, short } => decide::reject(caller, gate, reason, short).await,
        Command::Revise { gate, feedback, short } => decide::revise(caller, gate, feedback, short).await,
        Command::Cancel { task } => control::cancel(caller, &caller.task(&task).await?).await,
        Command::Pause { task } => control::pause(caller, &caller.task(&task).await?).await,
        Command::Resume { task } => control::resume(caller, &caller.task(&task).await?).await,
        Command::Retry(arguments) => control::retry(caller, arguments).await,
        Command::Fork(arguments) => fork::run(caller, *arguments).await,
        Command::Feedback(arguments) => feedback::run(caller, &caller.task(&arguments.task).await?, arguments).await,
        Command::Preferences(arguments) => preferences::run(caller, arguments).await,
        Command::Trace { task } => trace::run(caller, &caller.task(&task).await?).await,
        Command::Patterns(arguments) => patterns::run(caller, arguments).await,
        Command::Models(arguments) => models::run(caller, arguments).await,
        Command::Experiments { experiment_id } => experiments::run(caller, experiment_id).await,
        Command::Metrics(arguments) => match arguments.verb {
            Some(MetricsVerb::Business(arguments)) => business::show(caller, arguments).await,
            Some(MetricsVerb::Record(arguments)) => business::record(caller, arguments).await,
            None => metrics::run(caller, arguments.days).await,
        },
        Command::Judges => judges::run(caller).await,
        Command::Tools(arguments) => tools::run(caller, arguments).await,
        Command::Export(arguments) => export::run(caller, arguments).await,
        Command::Import { file } => import::run(caller, &file).await,
        Command::Dev(_)
        | Command::Run(_)
        | Command::Down
        | Command::Reset
        | Command::Completions { .. }
        | Command::Doctor => Ok(()),
    }
}

/// The gateway to talk to.
fn gateway(layout: &Layout, url: Option<String>) -> Result<String> {
    if let Some(url) = url {
        return Ok(url);
    }
    let running = DevDocument::read(layout)?;
    Ok(running.map_or_else(|| DEFAULT_URL.to_owned(), |document| document.endpoints.rest_url))
}
