//! Delivers every work item and every work result a second time, under another message id.

use anyhow::{Context as _, Result};
use async_nats::{Client, HeaderMap};
use futures::{StreamExt as _, stream_select};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinHandle;

/// Tells copies from originals, so that copies are not copied.
const MARK: &str = "test-copy";

/// Works until it is dropped.
#[derive(Debug)]
pub struct Duplicator {
    copies: Arc<AtomicU64>,
    worker: JoinHandle<()>,
}

impl Duplicator {
    /// Starts copying. Needs a credential that may publish.
    ///
    /// # Errors
    /// No subscription.
    pub async fn start(client: Client) -> Result<Self> {
        let work = client
            .subscribe("orchestrator.work.>")
            .await
            .context("subscribing to work")?;
        let results = client
            .subscribe("orchestrator.results.>")
            .await
            .context("subscribing to results")?;
        client.flush().await.context("subscribing")?;
        let copies = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&copies);
        let worker = tokio::spawn(async move {
            let mut messages = stream_select!(work, results);
            while let Some(message) = messages.next().await {
                let headers = message.headers.unwrap_or_default();
                if headers.get(MARK).is_some() {
                    continue;
                }
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let headers = copied(&headers, number);
                if let Err(error) = client
                    .publish_with_headers(message.subject, headers, message.payload)
                    .await
                {
                    eprintln!("duplicator: {error}");
                }
            }
        });
        Ok(Self { copies, worker })
    }

    /// How many messages were sent again.
    pub fn copies(&self) -> u64 {
        self.copies.load(Ordering::Relaxed)
    }
}

impl Drop for Duplicator {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

fn copied(original: &HeaderMap, number: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in original.iter() {
        let name = name.to_string();
        if name.eq_ignore_ascii_case("nats-msg-id") {
            continue;
        }
        for value in values {
            headers.append(name.as_str(), value.clone());
        }
    }
    headers.insert("Nats-Msg-Id", format!("copy-{number}"));
    headers.insert(MARK, "1");
    headers
}
