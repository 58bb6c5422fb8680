//! Lanes of results: each coordinator reads its home lane always, and the lanes nobody else claims.
//!
//! A lane is an affinity and no lock. Two readers of one lane share its messages, and every write is
//! guarded by a version; so a claim that is wrong for some seconds costs speed alone.

use crate::results;
use crate::store::lanes;
use crate::writer::Shared;
use bus::Lane;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Between two looks at the claims.
const LOOK: Duration = Duration::from_secs(1);

/// The lane results of our own items come back on: the number in the instance's name, so that
/// `coordinator-1` and `coordinator-2` differ and a restarted process comes back to its lane.
pub fn home(instance: &str) -> Lane {
    let digits: String = instance.chars().rev().take_while(char::is_ascii_digit).collect();
    let number: u64 = digits.chars().rev().collect::<String>().parse().unwrap_or(0);
    Lane::of(number)
}

/// Reads lanes until `shutdown`.
pub async fn run(shared: Arc<Shared>, instance: String, shutdown: CancellationToken) {
    let mut readers: HashMap<Lane, JoinHandle<()>> = HashMap::new();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => break,
        }
        for (number, lane) in (0..).zip(Lane::all()) {
            let mine = match lanes::claim(&shared.pool, number, &instance).await {
                Ok(mine) => mine || lane == shared.lane,
                // Without the database nothing can be decided anyway; readers stay as they are.
                Err(_) => continue,
            };
            if mine && !readers.contains_key(&lane) {
                info!(%lane, "reads a lane of results");
                readers.insert(lane, tokio::spawn(results::read(Arc::clone(&shared), lane)));
            } else if !mine && let Some(reader) = readers.remove(&lane) {
                info!(%lane, "leaves a lane of results to another coordinator");
                reader.abort();
            }
        }
    }
    readers.into_values().for_each(|r| r.abort());
    if let Err(error) = lanes::release(&shared.pool, &instance).await {
        warn!(
            error = &error as &dyn std::error::Error,
            "lanes were not released; their claims run out"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_have_lanes_of_their_own_and_keep_them_over_a_restart() {
        assert_eq!(home("coordinator-1"), Lane::of(1));
        assert_ne!(home("coordinator-1"), home("coordinator-2"));
        assert_eq!(home("coordinator"), Lane::of(0));
    }
}
