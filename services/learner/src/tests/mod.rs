//! The learner on real Postgres and NATS, with a coordinator made up in the test.

mod business;
mod driving;
mod erasures;
mod exports;
mod fake_coordinator;
mod figures;
mod file_servers;
mod fine_tunes;
mod fragments;
mod ingestion;
mod issues;
mod learning;
mod levels;
mod meaning;
mod memory;
mod migrations;
mod model_events;
mod models;
mod preferences;
mod process;
mod readers;
mod recall_speed;
mod resident;
mod rollouts;
mod serving;
mod success;
mod training;
mod uplift;
mod uploads;

pub use memory::Dice;

use crate::store::Store;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workflow::ids::TaskId;

/// A store in a database of the test's own.
async fn store() -> Store {
    let store = empty_store().await;
    store.migrate().await.unwrap();
    store
}

/// A store without a schema.
async fn empty_store() -> Store {
    let database = testkit::Postgres::shared().await.unwrap().database().await.unwrap();
    Store::open(&database.url, 4).unwrap()
}

fn task(n: u32) -> TaskId {
    TaskId(Uuid::from_u128(
        0x0192_0000_0000_7000_8000_0000_0000_0000 | u128::from(n),
    ))
}

/// Waits until `holds`, 30 s at most.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Those of `tasks` that are kept.
async fn kept(store: &Store, tasks: &[TaskId]) -> usize {
    let kept = async {
        let missing = store.missing(tasks).await.ok()?;
        Some(tasks.len() - missing.len())
    };
    kept.await.unwrap_or_default()
}
