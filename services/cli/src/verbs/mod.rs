//! The verbs that talk to a gateway; one file each, thin over the client.

mod approvals;
mod control;
mod decide;
mod doctor;
mod export;
mod list;
pub mod status;
mod submit;
mod tools;
pub mod watch;

use crate::arguments::Command;
use crate::dev::DevDocument;
use crate::layout::Layout;
use crate::terminal::answer;
use anyhow::Result;
use client::Client;
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
    pub fn print(&self, document: &Value, text: impl FnOnce(&Value) -> String) -> Result<()> {
        if self.json {
            answer(document)?;
        } else {
            answer(text(document))?;
        }
        Ok(())
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
    match command {
        Command::Submit(arguments) => submit::run(&caller, *arguments).await,
        Command::Status { task_id } => status::run(&caller, &task_id).await,
        Command::List(arguments) => list::run(&caller, arguments).await,
        Command::Watch { task_id, after } => watch::run(&caller, &task_id, after).await,
        Command::Approvals { task_id: None, .. } => approvals::list(&caller).await,
        Command::Approvals {
            task_id: Some(task_id),
            gate,
        } => approvals::show(&caller, &task_id, gate.as_deref()).await,
        Command::Approve(arguments) => decide::approve(&caller, arguments).await,
        Command::Reject { gate, reason } => decide::reject(&caller, gate, reason).await,
        Command::Revise { gate, feedback } => decide::revise(&caller, gate, feedback).await,
        Command::Cancel { task_id } => control::cancel(&caller, &task_id).await,
        Command::Pause { task_id } => control::pause(&caller, &task_id).await,
        Command::Resume { task_id } => control::resume(&caller, &task_id).await,
        Command::Retry(arguments) => control::retry(&caller, arguments).await,
        Command::Tools { tool_id } => tools::run(&caller, tool_id.as_deref()).await,
        Command::Export(arguments) => export::run(&caller, arguments).await,
        Command::Dev(_) | Command::Run(_) | Command::Down | Command::Reset | Command::Doctor => Ok(()),
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
