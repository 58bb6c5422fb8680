//! What is done now and then: giving up what is too old, and counting what waits.

use crate::store::StoreError;
use crate::store::notices::{self, GivenUp};
use crate::writer::Shared;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

const EVERY: Duration = Duration::from_secs(5);
/// Notices given up with one statement.
const BATCH: i64 = 500;

/// Goes on for ever. Without webhooks too: notices of one that was taken out of the configuration end here.
pub async fn run(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = look(&shared).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "what waits for webhooks could not be looked at"
            );
        }
    }
}

async fn look(shared: &Shared) -> Result<(), StoreError> {
    loop {
        let given_up = notices::give_up(&shared.pool, BATCH).await?;
        tell(shared, &given_up);
        if i64::try_from(given_up.len()).unwrap_or(BATCH) < BATCH {
            break;
        }
    }
    if !shared.subscriptions.is_empty() {
        let waiting: BTreeMap<String, i64> = notices::waiting(&shared.pool).await?.into_iter().collect();
        for name in shared.subscriptions.names() {
            shared
                .metrics
                .waiting_for_webhook(name, waiting.get(name).copied().unwrap_or(0));
        }
    }
    Ok(())
}

fn tell(shared: &Shared, given_up: &[GivenUp]) {
    let mut by_webhook: BTreeMap<&str, Vec<&GivenUp>> = BTreeMap::new();
    for notice in given_up {
        by_webhook.entry(&notice.webhook).or_default().push(notice);
    }
    for (webhook, notices) in by_webhook {
        let Some(first) = notices.first() else { continue };
        warn!(
            webhook,
            events = notices.len(),
            event_id = %first.event_id(),
            attempts = first.attempts,
            last_error = first.last_error,
            "events were given up: the webhook did not take them in time"
        );
        for _ in &notices {
            shared.metrics.webhook(webhook, "given_up");
        }
    }
}
