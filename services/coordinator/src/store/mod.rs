//! Postgres: connections, migrations, and one file for each thing that is read or written.

pub mod beats;
pub mod catalog;
pub mod commit;
pub mod erasure;
pub mod idempotency;
pub mod labels;
pub mod lanes;
pub mod load;
pub mod notices;
pub mod outbox;
pub mod payloads;
pub mod quarantine;
pub mod rollouts;
pub mod runs;
pub mod spending;
pub mod sweep;
pub mod tasks;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;
use std::time::Duration;
use workflow::time::Timestamp;

/// The coordinator's schema.
const SCHEMA: &str = "coordinator";
/// Held while migrations run; any number that nobody else uses.
const MIGRATION_LOCK: i64 = 0x6f72_6368_0001;

/// Why the database did not do what it was asked.
#[derive(thiserror::Error, Debug)]
pub enum StoreError {
    /// The address cannot be parsed.
    #[error("database.url is not a Postgres address")]
    Url(#[source] sqlx::Error),
    /// A migration failed, or the schema is newer than this program.
    #[error("the database schema could not be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("cannot {action}")]
    Query {
        /// What was tried.
        action: &'static str,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// Another coordinator set aside what was thought to be left, or does not end doing so; nothing was written.
    #[error("money of {} cannot be set aside now", tenants.join(", "))]
    OverWindow {
        /// Whose.
        tenants: Vec<String>,
    },
    /// A row holds what this program did not write.
    #[error("cannot read {what} of task {task}")]
    Corrupt {
        /// Which part.
        what: &'static str,
        /// Whose.
        task: uuid::Uuid,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl StoreError {
    /// For `map_err`: a statement failed at `action`.
    pub fn at(action: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Query { action, source }
    }

    /// The database is away or shutting down; the same statement may work later.
    pub fn is_outage(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        match source {
            // Class 08: connection; 57P: shutdown; 53: resources; 25006: read-only replica.
            sqlx::Error::Database(e) => e
                .code()
                .is_some_and(|c| ["08", "57P", "53", "25006"].iter().any(|class| c.starts_with(class))),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => false,
            _ => true,
        }
    }

    /// A guard of the batch statement failed: somebody else was first.
    pub fn is_conflict(&self) -> bool {
        let Self::Query {
            source: sqlx::Error::Database(e),
            ..
        } = self
        else {
            return false;
        };
        // Division by zero is how the batch statement says that a version did not match.
        // Class 40 is serialisation and deadlock.
        e.code()
            .is_some_and(|c| c == "22012" || c == "23505" || c.starts_with("40"))
    }

    /// The statement failed because of what it was given, and would fail again with it: data
    /// exceptions, violated constraints, limits, values that cannot be written or read.
    pub fn blames_the_input(&self) -> bool {
        let source = match self {
            Self::Corrupt { .. } => return true,
            Self::Url(_) | Self::Migrate(_) | Self::OverWindow { .. } => return false,
            Self::Query { source, .. } => source,
        };
        match source {
            sqlx::Error::Database(e) => e
                .code()
                .is_some_and(|c| ["22", "23", "54"].iter().any(|class| c.starts_with(class))),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => true,
            _ => false,
        }
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url)
        .map_err(StoreError::Url)?
        .application_name("coordinator")
        .options([("search_path", SCHEMA)])
        .disable_statement_logging())
}

/// A pool for reads and everything off the hot path.
///
/// # Errors
/// When the address cannot be parsed; an unreachable database is waited for at use.
pub fn pool(url: &str, max: u32) -> Result<PgPool, StoreError> {
    Ok(PgPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(Duration::from_secs(5))
        // A dead connection fails the statement that finds it; a ping before each would cost a round trip.
        .test_before_acquire(false)
        .connect_lazy_with(options(url)?))
}

/// The writer's own connection.
///
/// Plans made while the tables were empty scan; the writer's statements are prepared once and must
/// use the indices for ever, so every other way is closed to the planner.
///
/// # Errors
/// When the database does not answer.
pub async fn writer_connection(url: &str) -> Result<PgConnection, StoreError> {
    let options = options(url)?.options([
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("jit", "off"),
    ]);
    PgConnection::connect_with(&options)
        .await
        .map_err(StoreError::at("connect"))
}

/// Brings the schema up to date; replicas that start together take turns.
///
/// # Errors
/// When the database does not answer, or its schema is of a newer program.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::at("connect"))?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("lock for migration"))?;
    let done = async {
        sqlx::query("CREATE SCHEMA IF NOT EXISTS coordinator")
            .execute(&mut *connection)
            .await
            .map_err(StoreError::at("create the schema"))?;
        sqlx::migrate!()
            .run(&mut *connection)
            .await
            .map_err(StoreError::Migrate)
    }
    .await;
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::at("unlock after migration"))?;
    done
}

/// A column's value.
pub fn to_db(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A column's value.
pub fn from_db(at: DateTime<Utc>) -> Timestamp {
    Timestamp(at.timestamp_millis())
}
