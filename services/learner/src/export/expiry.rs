//! Exports do not stay for ever: their files go after a time, and are told to have gone for as long again.

use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two sweeps.
const EVERY: Duration = Duration::from_secs(600);

/// Takes away what was kept for `days` days, until `shutdown`.
pub async fn run(store: Store, days: u32, shutdown: CancellationToken) {
    loop {
        if let Err(error) = sweep(&store, days).await {
            tracing::warn!(error = crate::chain(&error), "exports that are too old stay for now");
        }
        if !crate::slept(EVERY, &shutdown).await {
            return;
        }
    }
}

/// One sweep, few pieces at a time.
///
/// # Errors
/// When the database does not answer; the next sweep goes on.
pub async fn sweep(store: &Store, days: u32) -> Result<(), StoreError> {
    store.expire_exports(days).await?;
    while store.drop_expired_bytes(days).await? {}
    store.forget_expired_exports(days).await
}
