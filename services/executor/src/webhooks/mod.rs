//! Webhooks of the configuration: asks the coordinator which events are due, posts them, and says how it went.
//!
//! Each webhook has a loop of its own, so that one that is slow or dead delays no other, and no task. What was posted
//! and not told of, because this process or the coordinator ended, is posted again once the lease is over.

mod answer;
mod receiver;
#[cfg(test)]
mod tests;

use bus::worker::{Coordinator, Notices};
use contracts::coordinator::{EndNoticesRequest, EndedNotice, TakeNoticesRequest};
use receiver::Receiver;
pub use receiver::UnusableWebhook;
use service::config::WebhookConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An event is due at most so much later.
const EVERY: Duration = Duration::from_secs(1);
/// What is being posted when the process is asked to end has this long.
const DRAIN: Duration = Duration::from_secs(8);

/// All webhooks of the configuration.
pub struct Webhooks(Vec<Arc<Receiver>>);

impl Webhooks {
    /// Opens each.
    ///
    /// # Errors
    /// The first that cannot work.
    pub fn new(configured: &[WebhookConfig]) -> Result<Self, UnusableWebhook> {
        let open = |config| Receiver::open(config).map(Arc::new);
        configured.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Posts until `shutdown`, and what is being posted then to its end.
    pub async fn run(self, coordinator: Notices, shutdown: CancellationToken) {
        let each = self.0.into_iter().map(|receiver| {
            let posting = Posting {
                receiver,
                coordinator: coordinator.clone(),
                posts: JoinSet::new(),
                untold: Vec::new(),
            };
            posting.run(shutdown.clone())
        });
        futures::future::join_all(each).await;
    }
}

/// What goes on for one webhook.
struct Posting {
    receiver: Arc<Receiver>,
    coordinator: Notices,
    posts: JoinSet<EndedNotice>,
    /// Ends the coordinator does not know of; no more than were leased at once.
    untold: Vec<EndedNotice>,
}

impl Posting {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !shutdown.is_cancelled() {
            if let Err(status) = self.turn().await {
                tracing::debug!(webhook = self.receiver.name, code = ?status.code(), "coordinator is away: {}", status.message());
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = shutdown.cancelled() => {}
                }
                continue;
            }
            tokio::select! {
                _ = ticks.tick() => {}
                Some(ended) = self.posts.join_next() => self.untold.extend(ended.ok()),
                () = shutdown.cancelled() => {}
            }
            self.collect();
        }
        self.drain().await;
    }

    /// Tells before it asks: nothing else bounds what is not told.
    async fn turn(&mut self) -> Result<(), Status> {
        self.tell().await?;
        let ask = TakeNoticesRequest {
            webhook: self.receiver.name.clone(),
            url_hash: self.receiver.url_hash.clone(),
            timeout_seconds: self.receiver.timeout.as_secs_f64(),
        };
        let due = self.coordinator.take_notices(Coordinator::unary(ask)).await?;
        for notice in due.into_inner().notices {
            let receiver = Arc::clone(&self.receiver);
            self.posts.spawn(async move { receiver.post(notice).await });
        }
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), Status> {
        if self.untold.is_empty() {
            return Ok(());
        }
        let ends = EndNoticesRequest {
            webhook: self.receiver.name.clone(),
            url_hash: self.receiver.url_hash.clone(),
            ended: self.untold.clone(),
        };
        self.coordinator.end_notices(Coordinator::unary(ends)).await?;
        self.untold.clear();
        Ok(())
    }

    fn collect(&mut self) {
        while let Some(ended) = self.posts.try_join_next() {
            self.untold.extend(ended.ok());
        }
    }

    async fn drain(&mut self) {
        let rest = async {
            while let Some(ended) = self.posts.join_next().await {
                self.untold.extend(ended.ok());
            }
        };
        // What takes longer is posted again by whoever takes it next.
        drop(timeout(DRAIN, rest).await);
        if let Err(status) = self.tell().await {
            tracing::debug!(webhook = self.receiver.name, code = ?status.code(), "ends not told: {}", status.message());
        }
    }
}
