//! `orchestrator run`: everything is started and one request goes through it.

mod approval;
mod journey;

use crate::arguments::RunArguments;
use crate::dev::{self, DevDocument, Endpoints, Lock, Signals, Supervisor, say};
use crate::layout::Layout;
use crate::terminal::remark;
use anyhow::{Context, Result};
use approval::Approver;
use client::{Client, ProcessRequest};
use serde_json::json;
use std::future::Future;

/// Starts what does not run yet, takes the sample through it, and stops what it started.
///
/// # Errors
/// When something cannot be started, or, with `once`, the sample does not complete.
pub async fn run(layout: &Layout, how: RunArguments) -> Result<()> {
    let once = how.once || dev::flag("RUN_ONCE");
    let approver = Approver::choose(how.auto_approve || dev::flag("AUTO_APPROVE"));
    let mut signals = Signals::listen()?;
    let Some(_lock) = Lock::take(layout)? else {
        return beside(layout, once, &approver, &mut signals).await;
    };
    let mut supervisor = Supervisor::prepare(layout).await?;
    let up = until_signal(&mut signals, supervisor.bring_up()).await;
    let outcome = match up {
        Some(Ok(())) => {
            let endpoints = supervisor.endpoints().clone();
            dev::announce(layout, &endpoints);
            stay(&endpoints, once, &approver, &mut signals).await
        }
        Some(Err(error)) => Err(error),
        None => Err(anyhow::anyhow!("interrupted while starting")),
    };
    say("stopping");
    supervisor.stop().await;
    outcome
}

/// It runs already: used as it is, and left running.
async fn beside(layout: &Layout, once: bool, approver: &Approver, signals: &mut Signals) -> Result<()> {
    dev::up(layout).await?;
    let running = DevDocument::read(layout)?.context("the running installation has just stopped")?;
    stay(&running.endpoints, once, approver, signals).await
}

async fn stay(endpoints: &Endpoints, once: bool, approver: &Approver, signals: &mut Signals) -> Result<()> {
    let client = Client::new(&endpoints.rest_url)?;
    let Some(outcome) = until_signal(signals, journey::travel(&client, &sample(), approver, once)).await else {
        return if once {
            Err(anyhow::anyhow!("interrupted"))
        } else {
            Ok(())
        };
    };
    if once {
        return outcome;
    }
    if let Err(error) = outcome {
        remark(format_args!("orchestrator: {error:#}"));
    }
    remark(format_args!(
        "\nRunning at {}/api/orchestrator. Ctrl-C ends it.",
        endpoints.rest_url
    ));
    signals.next().await;
    Ok(())
}

/// What comes of `work`, or nothing when a signal comes first.
async fn until_signal<T>(signals: &mut Signals, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        outcome = work => Some(outcome),
        () = signals.next() => None,
    }
}

/// The product's own example.
fn sample() -> ProcessRequest {
    let metrics = [
        ("revenue_monthly", 50_000.0),
        ("traffic_monthly", 25_000.0),
        ("conversion_rate", 0.04),
    ];
    let preferences = [
        ("tone", json!("professional")),
        ("channels", json!(["blog", "linkedin"])),
    ];
    ProcessRequest {
        request: "Generate blog post about AI trends".to_owned(),
        business_metrics: metrics
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        preferences: preferences
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        ..ProcessRequest::default()
    }
}
