//! What one client sees of one task: every event once, in order, until the last.

use super::event::Event;
use super::hub::Seat;
use crate::application::{Application, unreadable};
use crate::caller::Caller;
use crate::refusal::Refusal;
use futures::Stream;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// Events of one page.
const PAGE: u32 = 100;
/// How often a quiet watch looks around.
const TICK: Duration = Duration::from_secs(2);
/// How long a quiet watch trusts a connected feed. The feed is at most once: the last event may be
/// the lost one, and no gap would show it.
const TRUST: Duration = Duration::from_secs(6);

/// A watch on its way.
pub struct Watch {
    app: Arc<Application>,
    caller: Caller,
    task: Uuid,
    seat: Seat,
    /// Sequence of the next event to tell.
    next: u64,
    pending: VecDeque<Arc<Event>>,
    /// There may be more to read.
    behind: bool,
    read_at: Instant,
    was_connected: bool,
    ended: bool,
}

/// Begins to watch; `None` when the task has ended and told everything up to `after`.
///
/// # Errors
/// What the coordinator says of the task; 503 when it is away or too many watch.
pub async fn open(app: Arc<Application>, caller: Caller, task: Uuid, after: u64) -> Result<Option<Watch>, Refusal> {
    // Join first, then read: what happens in between arrives twice rather than never.
    let seat = app.hub.join(task, app.limits.watchers).ok_or_else(|| {
        Refusal::new(
            503,
            "too_many_watchers",
            "too many event streams are open; try again later",
        )
    })?;
    let mut watch = Watch {
        caller,
        task,
        seat,
        next: after.saturating_add(1),
        pending: VecDeque::new(),
        behind: true,
        read_at: Instant::now(),
        was_connected: app.hub.is_connected(),
        ended: false,
        app,
    };
    watch.read().await?;
    let over = after > 0 && watch.pending.is_empty() && watch.task_has_ended().await?;
    Ok((!over).then_some(watch))
}

impl Watch {
    /// As a stream; ends after the last event, or when the process drains.
    pub fn into_stream(self) -> impl Stream<Item = Arc<Event>> + Send {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }

    async fn next(&mut self) -> Option<Arc<Event>> {
        let draining = self.app.draining.clone();
        let mut tick = tokio::time::interval_at(Instant::now() + TICK, TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(event) = self.take_pending() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            if self.behind
                && let Err(refusal) = self.read().await
            {
                if refusal.status() == 404 {
                    return None;
                }
                tracing::debug!(task = %self.task, code = %refusal.problem().code, "events cannot be read; trying again");
            }
            if !self.pending.is_empty() {
                continue;
            }
            tokio::select! {
                () = draining.cancelled() => return None,
                event = self.seat.next() => self.arrived(event),
                _ = tick.tick() => self.look_around(),
            }
        }
    }

    fn take_pending(&mut self) -> Option<Arc<Event>> {
        while let Some(event) = self.pending.pop_front() {
            if event.sequence < self.next {
                continue;
            }
            self.next = event.sequence + 1;
            self.ended = event.is_last();
            return Some(event);
        }
        None
    }

    fn arrived(&mut self, event: Option<Arc<Event>>) {
        match event {
            Some(event) if event.sequence == self.next => self.pending.push_back(event),
            Some(event) if event.sequence < self.next => {}
            // A gap, or a feed that is gone: the coordinator knows the rest.
            _ => self.behind = true,
        }
    }

    fn look_around(&mut self) {
        let connected = self.app.hub.is_connected();
        let trusted = connected && self.was_connected && self.read_at.elapsed() < TRUST;
        self.was_connected = connected;
        self.behind |= !trusted;
    }

    /// Reads the next page. After an error `behind` is false: the tick tries again.
    async fn read(&mut self) -> Result<(), Refusal> {
        self.behind = false;
        self.read_at = Instant::now();
        let page = self.app.events(self.caller, self.task, self.next - 1, PAGE).await?;
        let page: Value = serde_json::from_str(&page.json).map_err(|_| unreadable("the task's events"))?;
        let items = page
            .get("items")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        self.pending
            .extend(items.iter().filter_map(Event::from_value).map(Arc::new));
        self.behind = items.len() >= PAGE as usize;
        Ok(())
    }

    async fn task_has_ended(&self) -> Result<bool, Refusal> {
        let before = self
            .app
            .events(self.caller, self.task, self.next.saturating_sub(2), 1)
            .await?;
        let before: Value = serde_json::from_str(&before.json).map_err(|_| unreadable("the task's events"))?;
        let last = before.pointer("/items/0").and_then(Event::from_value);
        match last {
            Some(event) => Ok(event.is_last()),
            // The client claims to have seen more than there is; the task itself tells.
            None => {
                let document = self.app.task(self.caller, self.task).await?;
                let document: Value = serde_json::from_str(&document.json).map_err(|_| unreadable("the task"))?;
                let status = document.get("status").and_then(Value::as_str);
                Ok(status
                    .and_then(workflow::vocabulary::Status::parse)
                    .is_some_and(|s| s.is_terminal()))
            }
        }
    }
}
