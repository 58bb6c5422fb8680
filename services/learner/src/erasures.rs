//! What an erasure leaves to do: telling the coordinator whose tasks it is to erase, until it has taken the order, and deleting
//! exports that were being written.

use crate::coordinator::{AskError, Coordinator};
use crate::store::{ErasureOrder, Store, StoreError};
use contracts::coordinator::EraseUserTasksResponse;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two tries.
const EVERY: Duration = Duration::from_secs(10);

/// Why it was not told; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The coordinator did not take it.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Orders on their way. Clones are the same.
#[derive(Clone)]
pub struct Erasures {
    /// Where they are kept.
    pub store: Store,
    /// Who is told.
    pub coordinator: Coordinator,
}

impl Erasures {
    /// Tells of a user's erasure now; none: somebody else did meanwhile.
    ///
    /// # Errors
    /// When the coordinator or the database does not answer. The order stays, and is told later.
    pub async fn tell_of(&self, tenant: &str, user: &str) -> Result<Option<EraseUserTasksResponse>, TellError> {
        match self.store.erasure_orders(Some((tenant, user))).await?.first() {
            Some(order) => self.tell(order).await.map(Some),
            None => Ok(None),
        }
    }

    /// Does what is left to do, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.store.drop_erased_exports().await {
                tracing::warn!(
                    error = crate::chain(&error),
                    "exports with something of an erased user are to be deleted"
                );
            }
            if let Err(error) = self.tell_all().await {
                tracing::warn!(
                    error = crate::chain(&error),
                    "the coordinator is to be told of an erasure"
                );
            }
            if !crate::slept(EVERY, &shutdown).await {
                return;
            }
        }
    }

    async fn tell_all(&self) -> Result<(), TellError> {
        let mut failed = None;
        for order in self.store.erasure_orders(None).await? {
            if let Err(error) = self.tell(&order).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn tell(&self, order: &ErasureOrder) -> Result<EraseUserTasksResponse, TellError> {
        // Tasks have whole milliseconds; one of this very one was accepted before.
        let asked_at = order.asked_at.timestamp_micros().saturating_add(999) / 1000;
        let told = self
            .coordinator
            .erase_user_tasks(&order.tenant, &order.user_name, asked_at);
        let told = told.await?;
        self.store.erasure_told(order).await?;
        Ok(told)
    }
}
