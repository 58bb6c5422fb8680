//! Business metrics; by the learner.

use crate::application::{Application, to_json};
use crate::caller::{Caller, TENANT};
use crate::documents::business_metrics::{Point, tasks};
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use contracts::learner::{AnalyseBusinessMetricsRequest, LearningDocument, RecordBusinessMetricsRequest};
use futures::stream::{self, StreamExt, TryStreamExt};

/// Tasks looked up at a time.
const AT_A_TIME: usize = 8;

impl Application {
    /// Keeps points, all or none; answered after they are durable.
    ///
    /// # Errors
    /// 404 for a task that is not the tenant's, what the learner refuses, and 503 when it or the coordinator does not
    /// answer.
    pub async fn record_business_metrics(
        &self,
        caller: Caller,
        points: &[Point],
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        // The cheapest question about a task that is refused for an unknown one.
        let known = tasks(points).into_iter().map(|task| self.events(caller, task, 0, 1));
        let known = stream::iter(known).buffer_unordered(AT_A_TIME);
        known.try_for_each(|_| async { Ok(()) }).await?;
        let request = RecordBusinessMetricsRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            points_json: to_json(&points)?,
            idempotency_key: key.0.unwrap_or_default(),
        };
        self.learner.record_business_metrics(request).await
    }

    /// What may be said of business metrics.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn analyse_business_metrics(
        &self,
        question: AnalyseBusinessMetricsRequest,
    ) -> Result<LearningDocument, Refusal> {
        let request = AnalyseBusinessMetricsRequest {
            tenant: TENANT.to_owned(),
            ..question
        };
        self.learner.analyse_business_metrics(request).await
    }
}
