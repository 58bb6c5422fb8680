//! Telling how far an export is.

use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// It is told as often.
const EVERY: Duration = Duration::from_secs(1);

/// How far an export is, told not too often.
pub struct Progress<'s> {
    store: &'s Store,
    export: Uuid,
    total: u64,
    next: Instant,
}

impl<'s> Progress<'s> {
    /// Of an export that begins.
    pub fn new(store: &'s Store, export: Uuid) -> Self {
        Self {
            store,
            export,
            total: 0,
            next: Instant::now() + EVERY,
        }
    }

    /// There are so many records, as far as is known.
    pub const fn of(&mut self, total: u64) {
        self.total = total;
    }

    /// So many are in the file.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn tell(&mut self, done: u64) -> Result<(), StoreError> {
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        self.next = now + EVERY;
        self.store.note_export_progress(self.export, done, self.total).await
    }
}
