//! `orchestrator approve`, `reject`, `revise`.

use super::Caller;
use super::submit::read_plan;
use crate::arguments::{ApproveArguments, GateArguments, ShortOf};
use crate::text::field;
use anyhow::{Context, Result};
use client::ApproveRequest;
use std::collections::BTreeMap;
use std::path::PathBuf;
use workflow::vocabulary::Action;

pub async fn approve(caller: &Caller, arguments: ApproveArguments) -> Result<()> {
    let chosen = arguments.no_publish || !arguments.channels.is_empty();
    let decision = ApproveRequest {
        approved: true,
        publish_to_channels: chosen.then_some(arguments.channels),
        edits: arguments
            .edits
            .into_iter()
            .map(read)
            .collect::<Result<BTreeMap<_, _>>>()?,
        arguments: arguments.arguments.map(|given| given.0),
        responses: arguments.responses.map(|given| given.0),
        plan: arguments.plan.as_deref().map(read_plan).transpose()?,
        content_hash: arguments.content_hash,
        dimensions: arguments.short.dimensions,
        action: arguments.action.map(Action::from),
        ..ApproveRequest::default()
    };
    send(caller, arguments.gate, decision).await
}

pub async fn reject(caller: &Caller, gate: GateArguments, reason: Option<String>, short: ShortOf) -> Result<()> {
    // Without naming the action, feedback would make it a revision.
    let action = reason.is_some().then_some(Action::Reject);
    send(
        caller,
        gate,
        ApproveRequest {
            feedback: reason,
            action,
            dimensions: short.dimensions,
            ..ApproveRequest::default()
        },
    )
    .await
}

pub async fn revise(caller: &Caller, gate: GateArguments, feedback: String, short: ShortOf) -> Result<()> {
    send(
        caller,
        gate,
        ApproveRequest {
            feedback: Some(feedback),
            dimensions: short.dimensions,
            ..ApproveRequest::default()
        },
    )
    .await
}

async fn send(caller: &Caller, gate: GateArguments, decision: ApproveRequest) -> Result<()> {
    let decision = ApproveRequest {
        gate_id: gate.gate,
        ..decision
    };
    let task_id = caller.task(&gate.task).await?;
    let document = match caller.client.decide(&task_id, &decision).await {
        Ok(document) => document,
        Err(error) => return Err(caller.explained(&task_id, error).await),
    };
    caller.print(&document, |task, _| format!("{task_id}  {}", field(task, "status")))
}

fn read((channel, path): (String, PathBuf)) -> Result<(String, String)> {
    let content = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok((channel, content))
}
