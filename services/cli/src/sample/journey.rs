//! One task from its request to its published result, shown as it goes.

use super::approval::{Answer, Approver};
use crate::asking;
use crate::failure::NotCompleted;
use crate::look::Look;
use crate::progress::{Follower, line};
use crate::terminal::{remark, show};
use crate::text::{field, items};
use crate::verbs::status;
use anyhow::{Context, Result, bail};
use client::{ApproveRequest, Client, ProcessRequest};
use serde_json::Value;
use std::path::Path;

/// Submits, follows, asks for approval; prints what was published.
///
/// # Errors
/// When the task does not complete, or (with `give_up`) waits for a human nobody plays.
pub async fn travel(client: &Client, request: &ProcessRequest, approver: &Approver, give_up: bool) -> Result<()> {
    remark(format_args!("\nSample request: {:?}\n", request.request));
    let accepted = client.submit(request, None).await.context("submitting the sample")?;
    let task_id = accepted.task_id.as_str();
    let mut follower = Follower::new(client, task_id, 0, false);
    while let Some(event) = follower.next().await? {
        if event.name() != "gate.opened" {
            continue;
        }
        follower.leave();
        let waits = decide(client, task_id, line::data(&event), approver).await?;
        if waits && give_up {
            bail!("the task waits for a human; run it on a terminal, or with AUTO_APPROVE=1");
        }
    }
    finish(&client.status(task_id).await?)
}

/// Answers a gate; true when it stays open.
async fn decide(client: &Client, task_id: &str, gate: &Value, approver: &Approver) -> Result<bool> {
    let gate_id = field(gate, "gate_id");
    let document = match client.approval(task_id, Some(&gate_id)).await {
        Ok(document) => document,
        // Somebody was faster.
        Err(error) if error.problem().is_some_and(|problem| problem.status == 409) => return Ok(false),
        Err(error) => return Err(error).context("reading what the task asks"),
    };
    let decision = match approver.ask(&document).await {
        Answer::Approve => ApproveRequest {
            approved: true,
            ..ApproveRequest::default()
        },
        Answer::Reject => ApproveRequest::default(),
        Answer::Revise(feedback) => ApproveRequest {
            feedback: Some(feedback),
            ..ApproveRequest::default()
        },
        Answer::Later => return Ok(true),
    };
    let content_hash = Some(field(&document, "content_hash")).filter(|hash| !hash.is_empty());
    let decision = ApproveRequest {
        gate_id: Some(gate_id),
        content_hash,
        ..decision
    };
    match client.decide(task_id, &decision).await {
        Ok(_) => Ok(false),
        Err(error) if error.problem().is_some_and(|problem| problem.status == 409) => Ok(false),
        Err(error) => Err(error).context("deciding"),
    }
}

fn finish(task: &Value) -> Result<()> {
    let text = status::describe(task, Look::of_stdout(), &asking::program());
    show(format_args!("\n{text}"));
    let status = field(task, "status");
    if status != "completed" {
        return Err(NotCompleted { status }.into());
    }
    let mut blog = false;
    for published in items(task, "published") {
        let (channel, location) = (field(published, "channel"), field(published, "location"));
        if let Ok(content) = std::fs::read_to_string(Path::new(&location)) {
            show(format_args!("\n--- {channel}: {location} ---\n{content}"));
            blog |= channel == "blog";
        }
    }
    if !blog {
        bail!("the task completed, but no file was published for the channel blog");
    }
    Ok(())
}
