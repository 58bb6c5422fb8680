//! One subscription for everybody who watches, while somebody does.

use super::event::Event;
use super::feed::{Feed, Message};
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Events waiting for one slow watcher; what does not fit is dropped and read again later.
const BUFFER: usize = 256;
/// Pause before a failed subscription is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Fans events out by task.
pub struct Hub {
    feed: Arc<dyn Feed>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watchers: HashMap<Uuid, Vec<Watcher>>,
    count: usize,
    next_id: u64,
    /// Ends the subscription's task; present while it runs.
    pump: Option<CancellationToken>,
}

struct Watcher {
    id: u64,
    sender: mpsc::Sender<Arc<Event>>,
}

/// One watcher's place; leaves when dropped.
pub struct Seat {
    hub: Arc<Hub>,
    task: Uuid,
    id: u64,
    receiver: mpsc::Receiver<Arc<Event>>,
}

impl Hub {
    /// Over `feed`, which is subscribed to only while somebody watches.
    pub fn new(feed: Arc<dyn Feed>) -> Arc<Self> {
        Arc::new(Self {
            feed,
            state: Mutex::default(),
        })
    }

    /// A place for a watcher of `task`; `None` when `most` are taken.
    pub fn join(self: &Arc<Self>, task: Uuid, most: usize) -> Option<Seat> {
        let (sender, receiver) = mpsc::channel(BUFFER);
        let mut state = self.lock();
        if state.count >= most {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.count += 1;
        state.watchers.entry(task).or_default().push(Watcher { id, sender });
        if state.pump.is_none() {
            let stop = CancellationToken::new();
            state.pump = Some(stop.clone());
            tokio::spawn(Arc::clone(self).pump(stop));
        }
        drop(state);
        Some(Seat {
            hub: Arc::clone(self),
            task,
            id,
            receiver,
        })
    }

    /// Events can arrive at present.
    pub fn is_connected(&self) -> bool {
        self.feed.is_connected()
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.lock().count
    }

    async fn pump(self: Arc<Self>, stop: CancellationToken) {
        let run = async {
            loop {
                match self.feed.subscribe().await {
                    Ok(mut messages) => {
                        while let Some(message) = messages.next().await {
                            self.deliver(&message);
                        }
                    }
                    Err(error) => tracing::debug!(%error, "no subscription to events; watchers poll"),
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        let _: Option<()> = stop.run_until_cancelled(run).await;
    }

    fn deliver(&self, message: &Message) {
        let mut state = self.lock();
        let Some(watchers) = state.watchers.get_mut(&message.task) else {
            return;
        };
        let Some(event) = Event::parse(&message.payload).map(Arc::new) else {
            return;
        };
        for watcher in watchers {
            // Full: the watcher notices the gap by the next sequence and reads what it missed.
            let delivered = watcher.sender.try_send(Arc::clone(&event));
            if delivered.is_err() {
                tracing::trace!(task = %message.task, "a watcher is behind");
            }
        }
    }

    fn leave(&self, task: Uuid, id: u64) {
        let mut state = self.lock();
        if let Some(watchers) = state.watchers.get_mut(&task) {
            watchers.retain(|watcher| watcher.id != id);
            if watchers.is_empty() {
                state.watchers.remove(&task);
            }
        }
        state.count = state.count.saturating_sub(1);
        if state.count == 0
            && let Some(pump) = state.pump.take()
        {
            pump.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The next event that arrives; gaps and repetitions are the caller's to judge.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        self.receiver.recv().await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self.task, self.id);
    }
}
