//! Business metrics: requests read, answers made.

use super::Learner;
use crate::business::{Query, analyse, take};
use chrono::DateTime;
use contracts::learner::{AnalyseBusinessMetricsRequest, LearningDocument, RecordBusinessMetricsRequest};
use contracts::problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Reports and questions that are worked on at a time; each holds a connection.
pub const AT_A_TIME: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

impl Learner {
    pub(super) async fn business_points(
        &self,
        request: RecordBusinessMetricsRequest,
    ) -> Result<LearningDocument, Problem> {
        let _turn = self.turn().await?;
        let (document, replayed) = take(&self.store, request, now()).await?;
        Ok(LearningDocument {
            json: document.to_string(),
            replayed,
        })
    }

    pub(super) async fn business_analysis(
        &self,
        request: AnalyseBusinessMetricsRequest,
    ) -> Result<LearningDocument, Problem> {
        let query = Query::read(request, now())?;
        let _turn = self.turn().await?;
        let document = analyse(&self.store, query).await?;
        Ok(LearningDocument {
            json: document.to_string(),
            replayed: false,
        })
    }
}

impl Learner {
    /// Turns of those about business metrics, for whoever works on them in the background.
    pub fn business_turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.business)
    }

    /// Reading many points takes long: plannings and what is learned must not wait for a connection meanwhile.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = timeout(PATIENCE, self.business.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            Problem::new(
                503,
                "unavailable",
                "other questions about business metrics run; try again",
            )
        })
    }
}

fn now() -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default()
}
