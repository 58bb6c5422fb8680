//! The sweeper: by index and never from memory alone, it gives every open obligation its look.

use crate::store::{self, StoreError};
use crate::writer::Shared;
use crate::writer::inbox::{Answer, Ask};
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};
use workflow::ids::TaskId;
use workflow::input::Input;

/// Tasks in one sweep; more wait for the next.
const BATCH: i64 = 512;

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
    let looks = due.iter().map(|task| look(shared, *task));
    futures::future::join_all(looks).await;
    Ok(due.len())
}

async fn look(shared: &Arc<Shared>, task: TaskId) {
    let answer = shared.inbox.ask(task, Ask::Input(Input::TimerFired)).await;
    if matches!(answer, Answer::Reply { .. }) {
        set_next(shared, task).await;
    }
}

/// A task that a look left as it was gets its next one; one that only a human moves gets none.
async fn set_next(shared: &Arc<Shared>, task: TaskId) {
    let outcome = async {
        let mut connection = shared.pool.acquire().await.map_err(StoreError::at("connect"))?;
        let Some(loaded) = store::load::tasks(&mut connection, &[task]).await?.pop() else {
            return Ok(());
        };
        let now = shared.clock.now();
        let next = store::commit::next_at(&loaded.task, None, now);
        // Due at once and still there: there was no room, or nothing answered. Look again in a while.
        let next = next.map(|t| t.max(now + workflow::time::Millis::secs(5)));
        store::sweep::set_next(&shared.pool, task, loaded.task.version, next.map(store::to_db)).await
    };
    if let Err(error) = outcome.await {
        let error: StoreError = error;
        warn!(error = &error as &dyn std::error::Error, task_id = %task, "a task's next look was not set");
    }
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
