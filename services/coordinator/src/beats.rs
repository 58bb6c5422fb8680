//! Who is there to do work, read every second.

use crate::store::{StoreError, beats};
use crate::writer::window::Pool;
use sqlx::PgPool;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::warn;
use workflow::vocabulary::WorkKind;

/// With free slots this long, a pool's queued messages ought to have been taken.
const IDLE: Duration = Duration::from_secs(60);

/// Slots by pool, and how many coordinators share the windows.
#[derive(Clone, Debug)]
pub struct Beats {
    pub slots: HashMap<Pool, usize>,
    pub coordinators: usize,
    free_since: HashMap<Pool, Instant>,
}

impl Default for Beats {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
            coordinators: 1,
            free_since: HashMap::new(),
        }
    }
}

impl Beats {
    /// The pool has had free slots for a minute.
    pub fn is_idle(&self, pool: &Pool) -> bool {
        self.free_since.get(pool).is_some_and(|since| since.elapsed() >= IDLE)
    }

    fn next(&self, rows: Vec<beats::PoolRow>, coordinators: i64) -> Self {
        let mut next = Self {
            coordinators: usize::try_from(coordinators).unwrap_or(1).max(1),
            ..Self::default()
        };
        for row in rows {
            let Some(kind) = WorkKind::parse(&row.kind) else {
                continue;
            };
            let pool = (kind, row.pool);
            if row.free_slots > 0 {
                let since = self.free_since.get(&pool).copied().unwrap_or_else(Instant::now);
                next.free_since.insert(pool.clone(), since);
            }
            next.slots.insert(pool, usize::try_from(row.slots).unwrap_or(0));
        }
        next
    }
}

/// Beats for this coordinator and reads everybody's, each second, for ever.
pub async fn run(pool: PgPool, instance: String, sender: watch::Sender<Beats>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = beat(&pool, &instance, &sender).await {
            warn!(error = &error as &dyn std::error::Error, "beats could not be read");
        }
    }
}

async fn beat(pool: &PgPool, instance: &str, sender: &watch::Sender<Beats>) -> Result<(), StoreError> {
    beats::coordinator(pool, instance).await?;
    let (rows, coordinators) = beats::present(pool).await?;
    sender.send_modify(|beats| *beats = beats.next(rows, coordinators));
    Ok(())
}
