//! What was learned, how well things go, and what people say of tasks; by the learner.

use crate::application::{Application, Page, to_json, unreadable};
use crate::caller::{Caller, TENANT};
use crate::documents::feedback::Feedback;
use crate::documents::review::Review;
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use contracts::coordinator::RateJudgementRequest;
use contracts::learner::{
    ExportChunk, ExportPatternsRequest, GetMetricsRequest, GetPatternRequest, ImportPatternsRequest, LearningDocument,
    ListPatternsRequest, RecordFeedbackRequest, ReviewPatternRequest,
};
use contracts::problem::FieldError;
use serde_json::Value;
use tonic::Streaming;
use uuid::Uuid;

impl Application {
    /// A page of patterns, the newest first.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn patterns(&self, caller: Caller, page: Page) -> Result<LearningDocument, Refusal> {
        let request = ListPatternsRequest {
            tenant: TENANT.to_owned(),
            user: caller.to_message().actor,
            limit: page.limit,
            cursor: page.cursor,
        };
        self.learner.patterns(request).await
    }

    /// One pattern.
    ///
    /// # Errors
    /// As [`Self::patterns`].
    pub async fn pattern(&self, pattern: Uuid) -> Result<LearningDocument, Refusal> {
        let request = GetPatternRequest {
            tenant: TENANT.to_owned(),
            pattern_id: pattern.to_string(),
        };
        self.learner.pattern(request).await
    }

    /// Notes what people decide about a pattern; answers with it.
    ///
    /// # Errors
    /// As [`Self::patterns`].
    pub async fn review_pattern(
        &self,
        caller: Caller,
        pattern: Uuid,
        review: &Review,
    ) -> Result<LearningDocument, Refusal> {
        let request = ReviewPatternRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            pattern_id: pattern.to_string(),
            review_json: to_json(review)?,
        };
        self.learner.review_pattern(request).await
    }

    /// All patterns, for another system.
    ///
    /// # Errors
    /// As [`Self::patterns`].
    pub async fn export_patterns(&self) -> Result<Streaming<ExportChunk>, Refusal> {
        let request = ExportPatternsRequest {
            tenant: TENANT.to_owned(),
        };
        self.learner.export_patterns(request).await
    }

    /// Takes over patterns that another system exported, one a line.
    ///
    /// # Errors
    /// As [`Self::patterns`].
    pub async fn import_patterns(
        &self,
        caller: Caller,
        lines: Vec<u8>,
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        let request = ImportPatternsRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            lines,
            idempotency_key: key.0.unwrap_or_default(),
        };
        self.learner.import_patterns(request).await
    }

    /// The figures of the last `days`, or of as many as the learner is configured for.
    ///
    /// # Errors
    /// As [`Self::patterns`].
    pub async fn metrics(&self, days: Option<u32>) -> Result<LearningDocument, Refusal> {
        let request = GetMetricsRequest {
            tenant: TENANT.to_owned(),
            days: days.unwrap_or_default(),
        };
        self.learner.metrics(request).await
    }

    /// Notes what somebody says of a task; answered after it is durable.
    ///
    /// # Errors
    /// 404 for a task that is not the tenant's, 422 for a step that is not the task's, what the learner refuses, and
    /// 503 when it or the coordinator does not answer.
    pub async fn feedback(
        &self,
        caller: Caller,
        task: Uuid,
        feedback: &Feedback,
        key: IdempotencyKey,
    ) -> Result<LearningDocument, Refusal> {
        match &feedback.step_id {
            Some(step) => self.check_step(caller, task, step).await?,
            // The cheapest question about a task that is refused for an unknown one.
            None => drop(self.events(caller, task, 0, 1).await?),
        }
        let request = RecordFeedbackRequest {
            tenant: TENANT.to_owned(),
            actor: caller.to_message().actor,
            task_id: task.to_string(),
            feedback_json: to_json(feedback)?,
            idempotency_key: key.0.unwrap_or_default(),
        };
        let noted = self.learner.record_feedback(request).await?;
        self.rate_judgement(caller, task, feedback, &noted).await?;
        Ok(noted)
    }

    /// A rating of a dimension of the whole is a word on the judgement, too. Where that is not noted the caller hears of
    /// it, and says it again; under the time it was first said it counts once.
    async fn rate_judgement(
        &self,
        caller: Caller,
        task: Uuid,
        feedback: &Feedback,
        noted: &LearningDocument,
    ) -> Result<(), Refusal> {
        let said = feedback.rating.zip(feedback.dimension.clone());
        let Some((rating, dimension)) = said.filter(|_| feedback.step_id.is_none()) else {
            return Ok(());
        };
        let noted: Value = serde_json::from_str(&noted.json).map_err(|_| unreadable("the feedback"))?;
        let said_at = noted.get("created_at").and_then(Value::as_str);
        let request = RateJudgementRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
            dimension,
            rating: u32::try_from(rating).unwrap_or_default(),
            said_at: said_at.unwrap_or_default().to_owned(),
        };
        self.coordinator.rate_judgement(request).await.map(drop)
    }

    async fn check_step(&self, caller: Caller, task: Uuid, step: &str) -> Result<(), Refusal> {
        let document = self.task(caller, task).await?;
        let document: Value = serde_json::from_str(&document.json).map_err(|_| unreadable("the task"))?;
        let steps = document.pointer("/plan/steps").and_then(Value::as_array);
        let is_its = |known: &Value| known.get("step_id").and_then(Value::as_str) == Some(step);
        if steps.into_iter().flatten().any(is_its) {
            return Ok(());
        }
        let detail = "the task's plan has no such step; GET /status/{task_id} lists them";
        Err(
            Refusal::new(422, "validation", format!("/step_id: {detail}")).with_errors(vec![FieldError {
                pointer: "/step_id".to_owned(),
                detail: detail.to_owned(),
            }]),
        )
    }
}
