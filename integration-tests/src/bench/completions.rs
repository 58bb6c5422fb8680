//! Learns of completed tasks from one plain NATS subscription and wakes whoever waits for them.

use crate::event_stream::{COMPLETED, connect};
use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A task that takes longer is lost, which a benchmark must not hide.
const LIMIT: Duration = Duration::from_secs(60);

enum Slot {
    Waiting(oneshot::Sender<Instant>),
    /// The event came before the answer to the submission.
    Completed(Instant),
}

type Slots = Arc<Mutex<HashMap<String, Slot>>>;

/// A running subscription.
#[derive(Clone)]
pub struct Completions {
    slots: Slots,
    worker: Arc<JoinHandle<()>>,
}

impl Completions {
    /// Subscribes.
    ///
    /// # Errors
    /// No server.
    pub async fn subscribe(nats_url: &str) -> Result<Self> {
        let client = connect(nats_url).await?;
        let mut events = client
            .subscribe(COMPLETED)
            .await
            .context("subscribing to completed tasks")?;
        client.flush().await?;
        let slots = Slots::default();
        let map = Arc::clone(&slots);
        let worker = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let now = Instant::now();
                let Some(task) = event.headers.as_ref().and_then(|headers| headers.get("ce-subject")) else {
                    eprintln!("a completed event without ce-subject");
                    continue;
                };
                let mut slots = map.lock().unwrap_or_else(PoisonError::into_inner);
                match slots.remove(task.as_str()) {
                    // Whoever waited may have given up.
                    Some(Slot::Waiting(waiter)) => drop(waiter.send(now)),
                    // Told twice: at least once is what is promised.
                    Some(Slot::Completed(first)) => drop(slots.insert(task.to_string(), Slot::Completed(first))),
                    None => drop(slots.insert(task.to_string(), Slot::Completed(now))),
                }
            }
        });
        Ok(Self {
            slots,
            worker: Arc::new(worker),
        })
    }

    /// When the task completed.
    ///
    /// # Errors
    /// Not within a minute.
    pub async fn of(&self, task: &str) -> Result<Instant> {
        let waiter = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            match slots.remove(task) {
                Some(Slot::Completed(at)) => return Ok(at),
                Some(Slot::Waiting(_)) => bail!("task {task} was accepted twice"),
                None => {
                    let (sender, waiter) = oneshot::channel();
                    slots.insert(task.to_owned(), Slot::Waiting(sender));
                    waiter
                }
            }
        };
        let told = tokio::time::timeout(LIMIT, waiter).await;
        told.with_context(|| format!("task {task} did not complete in {} s", LIMIT.as_secs()))?
            .context("subscription ended")
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        if Arc::strong_count(&self.worker) == 1 {
            self.worker.abort();
        }
    }
}
