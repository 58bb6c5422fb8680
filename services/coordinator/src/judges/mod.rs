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
    /// The last counting. Of two who count, the second must not put back what the first counted before it.
    counting: tokio::sync::Mutex<Option<Counting>>,
    /// Days that count.
    days: u32,
    floor: Option<Floor>,
}

#[derive(Clone, Copy)]
struct Counting {
    began: Instant,
    ended: Instant,
    failed: bool,
}

impl Counting {
    /// When it is time for the next one.
    fn next(&self) -> Instant {
        self.ended + pause(self.ended.saturating_duration_since(self.began))
    }
}

/// After a counting that took so long.
fn pause(took: Duration) -> Duration {
    EVERY.max(took.saturating_mul(SHARE))
}

/// Nothing was asked of the database.
fn too_soon() -> StoreError {
    let why = "the last counting failed, and it is not time for the next one";
    StoreError::at("count what people said of judgements")(sqlx::Error::Protocol(why.to_owned()))
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

    /// Counts where it is time to, and answers what is in force from now on. However many ask however often, countings
    /// keep their share of the time.
    ///
    /// # Errors
    /// When the database does not answer, or did not when it was asked last and it is not time to ask again; then what was
    /// counted before stays in force.
    pub async fn refresh(&self, pool: &PgPool) -> Result<Arc<Judges>, StoreError> {
        let mut last = self.counting.lock().await;
        let began = Instant::now();
        match last.filter(|last| began < last.next()) {
            Some(last) if last.failed => return Err(too_soon()),
            Some(_) => return Ok(self.current()),
            None => {}
        }
        let counted = store::labels::count(pool, self.days, self.floor).await;
        // One that failed took its time too.
        *last = Some(Counting {
            began,
            ended: Instant::now(),
            failed: counted.is_err(),
        });
        let counted = Arc::new(counted?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&counted);
        Ok(counted)
    }

    /// As if it had never counted.
    #[cfg(test)]
    pub async fn forget(&self) {
        *self.counting.lock().await = None;
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
            // Where somebody else counted meanwhile, the next one comes later.
            let next = self.counting.lock().await.map(|last| last.next());
            let next = next.filter(|next| *next > Instant::now());
            tokio::time::sleep_until(next.unwrap_or_else(|| Instant::now() + pause(since.elapsed())).into()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::postgres::PgPoolOptions;

    #[tokio::test]
    async fn a_counting_that_failed_is_not_repeated_at_once() {
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let pool = PgPoolOptions::new()
            .acquire_timeout(Duration::from_millis(200))
            .connect_lazy(&format!("postgres://{address}/none"))
            .unwrap();
        let judges = SharedJudges::new(&JudgeFloorConfig::default());
        let why = async || {
            let error = judges.refresh(&pool).await.unwrap_err();
            std::error::Error::source(&error).unwrap().to_string()
        };
        let asked = why().await;
        assert_ne!(asked, why().await, "the second answer is that it is too soon");
    }
}
