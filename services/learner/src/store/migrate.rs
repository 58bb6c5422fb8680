//! Bringing the schema up to date, once, whoever starts first.

use super::{Store, StoreError};
use sqlx::Connection;
use sqlx::migrate::Migrator;

static MIGRATIONS: Migrator = sqlx::migrate!();

impl Store {
    /// Creates or updates the schema, under an advisory lock.
    ///
    /// # Errors
    /// When the database is away (retryable) or holds a newer or altered schema.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // The migrations' own table lives in our schema: the coordinator may use the same database.
        let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
        migrator.create_schema("learner");
        migrator.dangerous_set_table_name("learner._sqlx_migrations");
        // A connection of its own: the lock ends with it, however this ends.
        let connection = self
            .pool
            .acquire()
            .await
            .map_err(StoreError::query("reach the database"))?;
        let mut connection = connection.detach();
        let outcome = migrator.run(&mut connection).await.map_err(StoreError::Migrate);
        drop(connection.close().await);
        outcome
    }
}
