//! Business metrics: requests read, answers made.

use super::Learner;
use crate::business::{Query, analyse, take};
use chrono::DateTime;
use contracts::learner::{AnalyseBusinessMetricsRequest, LearningDocument, RecordBusinessMetricsRequest};
use contracts::problem::Problem;

impl Learner {
    pub(super) async fn business_points(
        &self,
        request: RecordBusinessMetricsRequest,
    ) -> Result<LearningDocument, Problem> {
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
        let document = analyse(&self.store, query).await?;
        Ok(LearningDocument {
            json: document.to_string(),
            replayed: false,
        })
    }
}

fn now() -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default()
}
