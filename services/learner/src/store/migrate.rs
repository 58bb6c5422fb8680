//! Bringing the schema up to date, once, whoever starts first.

use super::{Store, StoreError};
use sqlx::Connection;
use sqlx::migrate::{Migration, Migrator};

static MIGRATIONS: Migrator = sqlx::migrate!();

impl Store {
    /// Creates or updates the schema, under an advisory lock.
    ///
    /// # Errors
    /// When the database is away (retryable) or holds a newer or altered schema.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrated(MIGRATIONS.iter().cloned().collect()).await
    }

    async fn migrated(&self, migrations: Vec<Migration>) -> Result<(), StoreError> {
        // The migrations' own table lives in our schema: the coordinator may use the same database.
        let mut migrator = Migrator::with_migrations(migrations);
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

#[cfg(test)]
impl Store {
    /// As a learner did that knew migrations up to this one.
    pub async fn migrate_to(&self, last: i64) {
        let known = MIGRATIONS.iter().filter(|migration| migration.version <= last);
        self.migrated(known.cloned().collect()).await.unwrap();
    }

    /// Runs a statement, as an older learner did.
    pub async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }
}
