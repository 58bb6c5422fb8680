//! The sweeper: by index and never from memory alone, it gives every open obligation its look.

use crate::store::{self, StoreError};
use crate::writer::Shared;
use crate::writer::inbox::Ask;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};
use workflow::ids::TaskId;
use workflow::input::Input;
use workflow::obligations::{Rule, obligations};
use workflow::state::Task;
use workflow::time::{Millis, Timestamp};

/// Tasks in one sweep; more wait for the next.
const BATCH: i64 = 512;
/// Between two looks at one task.
const AGAIN: Millis = Millis::secs(5);
/// Between two looks at a task that waits for room.
const BACKLOG: Millis = Millis::secs(30);

/// Sweeps for ever.
pub async fn run(shared: Arc<Shared>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        loop {
            match sweep(&shared).await {
                Ok(looked) if i64::try_from(looked).unwrap_or(BATCH) >= BATCH => {}
                Ok(_) => break,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "a sweep failed");
                    break;
                }
            }
        }
    }
}

async fn sweep(shared: &Arc<Shared>) -> Result<usize, StoreError> {
    let due = store::sweep::claim(&shared.pool, BATCH).await?;
    shared.metrics.swept(due.len());
    let looks = due
        .iter()
        .map(|task| shared.inbox.ask(*task, Ask::Input(Input::TimerFired)));
    futures::future::join_all(looks).await;
    set_next(shared, &due).await?;
    Ok(due.len())
}

/// Tasks that a look left as they were get their next one; those that only a human moves get none.
async fn set_next(shared: &Arc<Shared>, tasks: &[TaskId]) -> Result<(), StoreError> {
    if tasks.is_empty() {
        return Ok(());
    }
    let mut connection = shared.pool.acquire().await.map_err(StoreError::at("connect"))?;
    let states = store::load::states(&mut connection, tasks).await?;
    let now = shared.clock.now();
    let looks: Vec<store::sweep::Look> = states
        .iter()
        .map(|task| store::sweep::Look {
            task: task.id,
            version: task.version,
            next: next_look(task, now).map(store::to_db),
        })
        .collect();
    store::sweep::set_next(&mut connection, &looks).await
}

/// When to look again. What waits for room has its place in a backlog in memory and is looked at
/// only in case that was lost; nothing is looked at twice within 5 s.
fn next_look(task: &Task, now: Timestamp) -> Option<Timestamp> {
    let floor = |rule| if rule == Rule::Dispatch { BACKLOG } else { AGAIN };
    let open = obligations(task).into_iter();
    open.filter_map(|(_, rule, due)| due.map(|due| due.max(now + floor(rule))))
        .min()
}

/// After NATS was away: every queued job is looked up at once, and what is missing is made again.
pub async fn watch_connection(shared: Arc<Shared>) {
    let mut connection = shared.bus.watch_connection();
    let mut seen = 0;
    loop {
        let now = *connection.borrow_and_update();
        if now.up && now.generation != seen {
            let again = seen != 0;
            seen = now.generation;
            make_topology(&shared).await;
            if again {
                doubt_queue(&shared).await;
            }
        }
        // Looked at now and then as well: streams can go while the connection stays.
        tokio::select! {
            changed = connection.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(5)) => if now.up { make_topology(&shared).await },
        }
    }
}

async fn make_topology(shared: &Arc<Shared>) {
    if let Err(error) = bus::topology::ensure(&shared.bus).await {
        warn!(
            error = &error as &dyn std::error::Error,
            "streams and consumers could not be made sure of"
        );
    }
}

async fn doubt_queue(shared: &Arc<Shared>) {
    match store::sweep::moving(&shared.pool).await {
        Ok(tasks) => {
            info!(tasks = tasks.len(), "NATS is back; looking up what was queued");
            for task in tasks {
                shared.inbox.tell(task, Input::QueueDoubted).await;
            }
        }
        Err(error) => warn!(
            error = &error as &dyn std::error::Error,
            "queued work will be looked up by the sweeper"
        ),
    }
}
