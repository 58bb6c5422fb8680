//! The closed-loop driver: so many clients, each sending its next request when its last task is done.

use super::completions::Completions;
use super::connection::Connection;
use crate::document::Document as _;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Whom to drive and with what.
#[derive(Clone)]
pub enum Target {
    /// Our gateway: accepted by POST, completed by event.
    Orchestrator {
        /// `host:port`.
        host: String,
        /// The request document.
        body: Bytes,
        /// Where completion is told.
        completions: Completions,
    },
    /// Restate's ingress: answers when the workflow is complete.
    Restate {
        /// `host:port`.
        host: String,
    },
}

impl Target {
    fn host(&self) -> &str {
        match self {
            Self::Orchestrator { host, .. } | Self::Restate { host } => host,
        }
    }

    /// One task from POST to completion.
    async fn one(&self, connection: &mut Connection) -> Result<Duration> {
        let started = Instant::now();
        match self {
            Self::Orchestrator { body, completions, .. } => {
                let answer = connection.post("/api/orchestrator/process", body.clone()).await?;
                let accepted: Value = serde_json::from_slice(&answer).context("answer is not JSON")?;
                let completed = completions.of(accepted.text("/task_id")?).await?;
                Ok(completed.saturating_duration_since(started))
            }
            Self::Restate { .. } => {
                connection.post("/Wf/run", Bytes::from_static(b"1")).await?;
                Ok(started.elapsed())
            }
        }
    }
}

/// What one cell measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Tasks that completed inside the window.
    pub tasks: usize,
    /// Length of the window.
    pub window: Duration,
    /// Of those tasks, sorted.
    pub latencies: Vec<Duration>,
    /// Tasks completed in all, warm-up and end included.
    pub stored: usize,
}

impl Measured {
    /// Tasks a second.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let tasks = self.tasks as f64;
        tasks / self.window.as_secs_f64()
    }

    /// The latency that `share` of the tasks kept, milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into a list of tasks"
        )]
        let index = (self.latencies.len() as f64 * share) as usize;
        let index = index.min(self.latencies.len().saturating_sub(1));
        self.latencies
            .get(index)
            .map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Keeps `in_flight` tasks going: `warm_up` unmeasured, then `window` measured. `edge` is called at both
/// edges of the window, while the load runs.
///
/// # Errors
/// A task failed or got lost.
pub async fn drive(
    target: &Target,
    in_flight: usize,
    warm_up: Duration,
    window: Duration,
    mut edge: impl FnMut(),
) -> Result<Measured> {
    let stop = Rc::new(Cell::new(false));
    let done: Rc<RefCell<Vec<(Instant, Duration)>>> = Rc::default();
    let clients = try_join_all((0..in_flight).map(|_| {
        let (stop, done) = (Rc::clone(&stop), Rc::clone(&done));
        async move {
            let mut connection = Connection::open(target.host()).await?;
            while !stop.get() {
                let latency = target.one(&mut connection).await?;
                done.borrow_mut().push((Instant::now(), latency));
            }
            anyhow::Ok(())
        }
    }));
    let clock = async {
        tokio::time::sleep(warm_up).await;
        edge();
        let begin = Instant::now();
        tokio::time::sleep(window).await;
        edge();
        let end = Instant::now();
        stop.set(true);
        Ok((begin, end))
    };
    let (_, (begin, end)) = futures::future::try_join(clients, clock).await?;
    let done = done.take();
    let mut latencies: Vec<Duration> = done
        .iter()
        .filter(|(at, _)| (begin..end).contains(at))
        .map(|(_, latency)| *latency)
        .collect();
    latencies.sort_unstable();
    Ok(Measured {
        tasks: latencies.len(),
        window: end - begin,
        latencies,
        stored: done.len(),
    })
}

/// Runs tasks at `in_flight` until `count` have completed.
///
/// # Errors
/// A task failed or got lost.
pub async fn run_many(target: &Target, in_flight: usize, count: usize) -> Result<()> {
    let left = Rc::new(Cell::new(count));
    try_join_all((0..in_flight).map(|_| {
        let left = Rc::clone(&left);
        async move {
            let mut connection = Connection::open(target.host()).await?;
            while left.get() > 0 {
                left.set(left.get() - 1);
                target.one(&mut connection).await?;
            }
            anyhow::Ok(())
        }
    }))
    .await
    .map(|_| ())
}
