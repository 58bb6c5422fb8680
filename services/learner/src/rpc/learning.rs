//! Patterns, metrics and feedback: requests read, answers made.

use super::{Learner, away};
use crate::{feedback, metrics, success};
use chrono::DateTime;
use contracts::learner::{
    GetMetricsRequest, GetPatternRequest, LearningDocument, ListPatternsRequest, RecallRequest, RecallResponse,
    RecordFeedbackRequest,
};
use contracts::problem::Problem;
use serde_json::Value;
use uuid::Uuid;

const MOST_PATTERNS: u32 = 200;
const MOST_DAYS: u32 = 3650;

impl Learner {
    pub(super) async fn recalled(&self, request: RecallRequest) -> Result<RecallResponse, Problem> {
        let task = Uuid::parse_str(&request.task_id)
            .ok()
            .ok_or_else(|| invalid_id("a task's id is a UUID"))?;
        let (tenant, tools) = (request.tenant.clone(), request.tool_ids.clone());
        let mut recalled = self
            .patterns
            .recall(task, request)
            .await
            .map_err(|error| away(&error))?;
        // Whoever is planned without memory is planned without any of it.
        if !recalled.held_out {
            let known = success::known(&self.store, &tenant, &tools).await;
            recalled.associations = known.map_err(|error| away(&error))?;
        }
        Ok(recalled)
    }

    pub(super) async fn patterns_page(&self, request: ListPatternsRequest) -> Result<LearningDocument, Problem> {
        let forged = || {
            Problem::new(
                400,
                "invalid_cursor",
                "the cursor is not one that a page of this list gave",
            )
        };
        let after = match request.cursor.as_str() {
            "" => None,
            cursor => Some(Uuid::parse_str(cursor).ok().ok_or_else(forged)?),
        };
        let limit = request.limit.clamp(1, MOST_PATTERNS);
        let page = self.patterns.page(&request.tenant, after, limit).await;
        page.map(document).map_err(|error| away(&error))
    }

    pub(super) async fn pattern(&self, request: GetPatternRequest) -> Result<LearningDocument, Problem> {
        let id = Uuid::parse_str(&request.pattern_id)
            .ok()
            .ok_or_else(|| invalid_id("a pattern's id is a UUID"))?;
        let found = self.patterns.one(&request.tenant, id).await;
        let found = found.map_err(|error| away(&error))?;
        found.map(document).ok_or_else(|| {
            Problem::new(
                404,
                "pattern_not_found",
                "there is no such pattern; GET /learning-patterns lists them",
            )
        })
    }

    pub(super) async fn metrics(&self, request: GetMetricsRequest) -> Result<LearningDocument, Problem> {
        let days = if request.days == 0 {
            self.window_days
        } else {
            request.days
        };
        let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
        let figures = metrics::document(&self.store, &request.tenant, days.min(MOST_DAYS), now).await;
        figures.map(document).map_err(|error| away(&error))
    }

    pub(super) async fn feedback(&self, request: RecordFeedbackRequest) -> Result<LearningDocument, Problem> {
        let (noted, replayed) = feedback::note(&self.store, service::ids::v7(), request).await?;
        Ok(LearningDocument {
            json: noted.to_string(),
            replayed,
        })
    }
}

fn invalid_id(what: &str) -> Problem {
    Problem::new(400, "invalid_id", what)
}

fn document(value: Value) -> LearningDocument {
    LearningDocument {
        json: value.to_string(),
        replayed: false,
    }
}
