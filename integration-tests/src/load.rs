//! Many tasks at once, submitted as a careful client does: with an idempotency key, and again with the
//! same key when the answer is lost.

use crate::configuration::CHANNEL;
use crate::document::Document as _;
use crate::plans;
use crate::rest::Rest;
use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Submissions under way at a time.
const PARALLEL: usize = 16;
/// How long a client goes on trying.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tasks that were accepted.
#[derive(Clone, Debug)]
pub struct Load {
    /// Begins every item; unique within a run.
    pub label: String,
    /// In order of their numbers.
    pub tasks: Vec<Accepted>,
}

/// One accepted task.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its id.
    pub task: String,
    /// Begins the items of its steps and marks its deliverable.
    pub item: String,
    /// Endpoints of its three oracle steps by step key.
    pub endpoints: [(&'static str, &'static str); 3],
}

impl Load {
    /// Submits `count` tasks. Every tenth has a `keyed` and a `once` step among its three.
    ///
    /// # Errors
    /// One was refused, or not accepted in time.
    pub async fn submit(rest: &Rest, label: &str, count: usize) -> Result<Self> {
        let tasks = stream::iter(0..count)
            .map(|number| accepted(rest, label, number))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        Ok(Self {
            label: label.to_owned(),
            tasks,
        })
    }
}

/// The item of task `number`.
pub fn item(label: &str, number: usize) -> String {
    format!("{label}-{number:04}")
}

async fn accepted(rest: &Rest, label: &str, number: usize) -> Result<Accepted> {
    let item = item(label, number);
    let endpoints = if number % 10 == 3 {
        ["work", "keyed", "once"]
    } else {
        ["work", "work", "work"]
    };
    let plan = plans::fan(&item, endpoints, Some(CHANNEL));
    let body = plans::unattended(&format!("Report on {item}"), plan, &[CHANNEL]);
    let task = submit_patiently(rest, &item, &body).await?;
    let [left, middle, right] = endpoints;
    Ok(Accepted {
        task,
        item,
        endpoints: [("left", left), ("middle", middle), ("right", right)],
    })
}

/// Submits until there is an answer that says whether the task exists.
///
/// # Errors
/// Refused, or no such answer in time.
pub async fn submit_patiently(rest: &Rest, key: &str, body: &Value) -> Result<String> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        let request = rest
            .request(Method::POST, "/process")
            .header("idempotency-key", key)
            .json(body);
        let last = match Rest::send(request).await {
            Ok(answer) if answer.status == 202 => return Ok(answer.body.text("/task_id")?.to_owned()),
            Ok(answer) if matches!(answer.status, 409 | 429 | 502..=504) => {
                format!("{} {}", answer.status, answer.code())
            }
            Ok(answer) => bail!("submission refused: {} {}", answer.status, answer.body),
            Err(error) => format!("{error:#}"),
        };
        ensure!(
            started.elapsed() < PATIENCE,
            "{key} was not accepted in {} s: {last}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// How many tasks exist whose request bears the label; more than were accepted means a key was used twice.
///
/// # Errors
/// No answer.
pub async fn stored(rest: &Rest, label: &str) -> Result<usize> {
    let items = rest.pages("/tasks?limit=200").await.context("listing tasks")?;
    let marker = format!("Report on {label}-");
    Ok(items
        .iter()
        .filter(|item| item["request"].as_str().is_some_and(|text| text.starts_with(&marker)))
        .count())
}
