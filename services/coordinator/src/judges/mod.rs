//! How far people agree with judges: counted in the database, known to the writer, shown as figures.

pub mod labels;

use crate::metrics::Metrics;
use crate::store::{self, StoreError};
use service::config::JudgeFloorConfig;
use sqlx::PgPool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tracing::warn;
use workflow::judge::{Floor, Judges};

/// Between two countings; longer where one takes long.
const EVERY: Duration = Duration::from_secs(1);
/// Counting takes at most one part in so many of the time.
const SHARE: u32 = 20;

/// What was counted last, for all parts of the process.
pub struct SharedJudges {
    current: RwLock<Arc<Judges>>,
    /// When the last counting began. Of two who count, the second must not put back what the first counted before it.
    counting: tokio::sync::Mutex<Option<Instant>>,
    /// Days that count.
    days: u32,
    floor: Option<Floor>,
}

impl SharedJudges {
    pub fn new(config: &JudgeFloorConfig) -> Self {
        let floor = config.agreement.map(|agreement| Floor {
            agreement,
            min_labels: u64::from(config.min_labels),
        });
        Self {
            current: RwLock::new(Arc::new(Judges::new(floor))),
            counting: tokio::sync::Mutex::default(),
            days: config.window_days,
            floor,
        }
    }

    /// As counted last.
    pub fn current(&self) -> Arc<Judges> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Days that count.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// Counts, and answers what is in force from now on. However many ask at once, they share a counting that began after
    /// they did.
    ///
    /// # Errors
    /// When the database does not answer; then what was counted before stays in force.
    pub async fn refresh(&self, pool: &PgPool) -> Result<Arc<Judges>, StoreError> {
        let asked = Instant::now();
        let mut last = self.counting.lock().await;
        if last.is_some_and(|began| began >= asked) {
            return Ok(self.current());
        }
        let began = Instant::now();
        let counted = Arc::new(store::labels::count(pool, self.days, self.floor).await?);
        *last = Some(began);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&counted);
        Ok(counted)
    }

    /// Counts now and then, for ever: other replicas take decisions too, and old ones cease to count.
    pub async fn keep_counting(&self, pool: &PgPool, metrics: &Metrics) {
        let mut shown = None;
        loop {
            let since = Instant::now();
            match self.refresh(pool).await {
                Ok(judges) if shown.as_ref() == Some(&judges) => {}
                Ok(judges) => {
                    metrics.judges(&judges);
                    shown = Some(judges);
                }
                Err(error) => warn!(
                    error = &error as &dyn std::error::Error,
                    "what people said of judgements could not be counted"
                ),
            }
            tokio::time::sleep(EVERY.max(since.elapsed() * SHARE)).await;
        }
    }
}
