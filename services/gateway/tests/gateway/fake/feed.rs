//! A stream of events that the test loses, repeats and cuts as it likes.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use gateway::live::{Feed, FeedError, Message};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{broadcast, watch};

pub struct FakeFeed {
    sender: broadcast::Sender<Message>,
    pub subscriptions: watch::Sender<usize>,
    down: AtomicBool,
}

impl Default for FakeFeed {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(1024).0,
            subscriptions: watch::Sender::new(0),
            down: AtomicBool::new(false),
        }
    }
}

impl FakeFeed {
    /// Publishes an event once.
    pub fn publish(&self, event: &Value) {
        let message = Message {
            task: event["subject"].as_str().unwrap().parse().unwrap(),
            payload: event.to_string().into(),
        };
        // Without a subscriber it is lost, as on the real one.
        drop(self.sender.send(message));
    }

    /// Nothing arrives any more, and the gateway knows.
    pub fn go_down(&self) {
        self.down.store(true, Ordering::SeqCst);
    }

    /// Returns once `n` subscriptions were made in all.
    pub async fn subscribed(&self, n: usize) {
        self.subscriptions
            .subscribe()
            .wait_for(|made| *made >= n)
            .await
            .unwrap();
    }

    /// How many listen now.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }
}

impl Feed for FakeFeed {
    fn subscribe(&self) -> BoxFuture<'_, Result<BoxStream<'static, Message>, FeedError>> {
        let receiver = self.sender.subscribe();
        self.subscriptions.send_modify(|made| *made += 1);
        let messages = stream::unfold(receiver, |mut receiver| async move {
            let message = receiver.recv().await.ok()?;
            Some((message, receiver))
        });
        Box::pin(std::future::ready(Ok(messages.boxed())))
    }

    fn is_connected(&self) -> bool {
        !self.down.load(Ordering::SeqCst)
    }
}
