//! The learner's own Postgres schema, `learner`. Row types stay in here.

mod business;
mod cases;
mod catch_up;
mod erasing;
mod erasure;
mod erasure_orders;
mod events;
mod expiry;
mod exports;
mod feedback;
mod figures;
pub mod fine_tunes;
mod gate_words;
mod imports;
mod issues;
mod learning;
mod meaning;
mod migrate;
mod model_files;
pub mod models;
mod patterns;
mod preference_uses;
mod preferences;
mod recall;
mod records;
mod review;
pub mod rollouts;
mod selection;
pub mod serving;
mod success;

pub use business::{
    Arm, Began, Beginning, Daily, DueLevel, MOST_TOUCHES, NewReport, Outcome, Outcomes, Series, SettledLevel, TaskDay,
    Touch,
};
pub use cases::{NewCase, Unplaced};
pub use erasure::Erased;
pub use erasure_orders::ErasureOrder;
pub use exports::{ExportPiece, ExportRow, ExportState};
pub use feedback::{NewFeedback, Noted};
pub use figures::Sums;
pub use imports::{Imported, NewImport};
pub use issues::{KnownIssue, TellableIssue};
pub use meaning::Unembedded;
pub use patterns::{Changed, Compared, PatternRow};
pub use preference_uses::{UseOf, Uses};
pub use preferences::{MOST_STATED, NewStatement, StateError, Wanted};
pub use recall::{Fitting, Given, Question};
pub use records::{NewRecord, StoredRecord};
pub use review::{ExportedPattern, ImportedPattern, Once};
pub use selection::{Chosen, Counts, Origin, Selection, Wanted as WantedRecords};
pub use success::{StudiedTask, Uncompared};

use bus::Names;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Wait for a connection, made or free.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the database could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is not one.
    #[error("the database URL cannot be used")]
    Url(#[source] sqlx::Error),
    /// The schema is not, or cannot be made, what this version needs.
    #[error("the schema `learner` cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("cannot {action}")]
    Query {
        /// What was to be done.
        action: &'static str,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
}

impl StoreError {
    fn query(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { action, source }
    }

    /// Waiting may help: the database is away, or starts, or ends.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Url(_) => false,
            Self::Migrate(error) => match error {
                sqlx::migrate::MigrateError::Execute(source) => is_outage(source),
                sqlx::migrate::MigrateError::ExecuteMigration(source, _) => is_outage(source),
                _ => false,
            },
            Self::Query { source, .. } => is_outage(source),
        }
    }
}

impl StoreError {
    /// The database has no room left; waiting does not make any.
    pub fn is_full(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        is_disk_full(source)
    }
}

/// The disk, or what one may use of it.
fn is_disk_full(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else {
        return false;
    };
    database.code().is_some_and(|code| ["53100", "53400"].contains(&&*code))
}

fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) if is_disk_full(error) => false,
        // Classes: connection, resources, operator's intervention, serialisation.
        sqlx::Error::Database(database) => database
            .code()
            .is_some_and(|code| ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class))),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// The learner's tables. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    rules: Arc<Rules>,
}

/// How states of patterns are settled.
#[derive(Debug)]
pub struct Rules {
    /// Verified successes that put a pattern on trial.
    pub trial_after: u32,
    /// Intents, or users, that a part of plans succeeded for before it is a pattern.
    pub fragment_support: u32,
    /// How events are named; none: they are not told.
    pub names: Option<Names>,
}

impl Store {
    /// Connects when first used, so that a database that is away is waited for and not a reason to end.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn open(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreError::Url)?;
        let options = options.application_name("learner");
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // A plan made while a table was empty would scan it when it is large.
                    connection
                        .execute("SET plan_cache_mode = force_custom_plan")
                        .await
                        .map(drop)
                })
            })
            .connect_lazy_with(options);
        let rules = Rules {
            trial_after: 2,
            fragment_support: 3,
            names: None,
        };
        Ok(Self {
            pool,
            rules: Arc::new(rules),
        })
    }

    /// With other rules than that two successes put a pattern on trial and nobody is told.
    pub fn by(self, rules: Rules) -> Self {
        Self {
            rules: Arc::new(rules),
            ..self
        }
    }

    /// A connection that finds the tables of events by their bare names, as the relay does.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn events(url: &str) -> Result<PgPool, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreError::Url)?;
        let options = options
            .application_name("learner")
            .options([("search_path", "learner")]);
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(pool.connect_lazy_with(options))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map_err(StoreError::query("reach the database"))?;
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
