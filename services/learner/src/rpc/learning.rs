//! Patterns, metrics and feedback: requests read, answers made.

use super::preferences::now;
use super::{Learner, away};
use crate::{feedback, issues, metrics, success};
use contracts::learner::{
    ExportChunk, GetMetricsRequest, GetPatternRequest, ImportPatternsRequest, LearningDocument, ListPatternsRequest,
    RecallRequest, RecallResponse, RecordFeedbackRequest, ReviewPatternRequest,
};
use contracts::problem::Problem;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use tonic::Status;
use uuid::Uuid;

const MOST_PATTERNS: u32 = 200;
const MOST_DAYS: u32 = 3650;

impl Learner {
    pub(super) async fn recalled(&self, request: RecallRequest) -> Result<RecallResponse, Problem> {
        let task = Uuid::parse_str(&request.task_id)
            .ok()
            .ok_or_else(|| invalid_id("a task's id is a UUID"))?;
        let (tenant, tools) = (request.tenant.clone(), request.tool_ids.clone());
        let held_out = self.patterns.holds_out(task);
        let preferences = self.preferences.recall(task, &request, held_out, now());
        let patterns = self.patterns.recall(task, request.clone());
        // Whoever is planned without memory is planned without any of it.
        let associations = async {
            match held_out {
                true => Ok(Vec::new()),
                false => success::known(&self.store, &tenant, &tools).await,
            }
        };
        let issues = async {
            match held_out {
                true => Ok(Vec::new()),
                false => issues::known(&self.store, task, &tenant, &tools).await,
            }
        };
        let (preferences, patterns, associations, issues) = tokio::join!(preferences, patterns, associations, issues);
        let recalled = patterns.map_err(|error| away(&error))?;
        Ok(RecallResponse {
            preferences_json: preferences.map_err(|error| away(&error))?,
            associations: associations.map_err(|error| away(&error))?,
            issues: issues.map_err(|error| away(&error))?,
            ..recalled
        })
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
        let mut page = page.map_err(|error| away(&error))?;
        if let Some(members) = page.as_object_mut() {
            let preferences = self.preferences.of(&request.tenant, &request.user, now()).await?;
            members.insert("preferences".to_owned(), preferences);
            let issues = issues::documents(&self.store, &request.tenant).await;
            members.insert("issues".to_owned(), issues.map_err(|error| away(&error))?);
        }
        Ok(document(page))
    }

    pub(super) async fn pattern(&self, request: GetPatternRequest) -> Result<LearningDocument, Problem> {
        let id = Uuid::parse_str(&request.pattern_id)
            .ok()
            .ok_or_else(|| invalid_id("a pattern's id is a UUID"))?;
        let found = self.patterns.one(&request.tenant, id).await;
        let found = found.map_err(|error| away(&error))?;
        found.map(document).ok_or_else(no_pattern)
    }

    pub(super) async fn reviewed(&self, request: ReviewPatternRequest) -> Result<LearningDocument, Problem> {
        let id = Uuid::parse_str(&request.pattern_id)
            .ok()
            .ok_or_else(|| invalid_id("a pattern's id is a UUID"))?;
        let reviewed = self
            .patterns
            .review(&request.tenant, &request.actor, id, &request.review_json)
            .await?;
        reviewed.map(document).ok_or_else(no_pattern)
    }

    pub(super) async fn imported_patterns(&self, request: ImportPatternsRequest) -> Result<LearningDocument, Problem> {
        let (tenant, actor, key) = (&request.tenant, &request.actor, &request.idempotency_key);
        let (imported, replayed) = self.patterns.import(tenant, actor, &request.lines, key).await?;
        Ok(LearningDocument {
            replayed,
            ..document(imported)
        })
    }

    /// Page by page; the next one is read when the one before has been taken.
    pub(super) fn exported(&self, tenant: String) -> BoxStream<'static, Result<ExportChunk, Status>> {
        let patterns = self.patterns.clone();
        let pages = stream::try_unfold(Uuid::nil(), move |after| {
            let (patterns, tenant) = (patterns.clone(), tenant.clone());
            async move {
                let page = patterns.exported(&tenant, after).await.map_err(|error| away(&error))?;
                Ok(page.map(|(lines, last)| {
                    (
                        ExportChunk {
                            chunk: lines.into_bytes(),
                        },
                        last,
                    )
                }))
            }
        });
        pages.boxed()
    }

    pub(super) async fn metrics(&self, request: GetMetricsRequest) -> Result<LearningDocument, Problem> {
        let days = if request.days == 0 {
            self.window_days
        } else {
            request.days
        };
        let figures = metrics::document(&self.store, &request.tenant, days.min(MOST_DAYS), now()).await;
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

fn no_pattern() -> Problem {
    Problem::new(
        404,
        "pattern_not_found",
        "there is no such pattern; GET /learning-patterns lists them",
    )
}

fn invalid_id(what: &str) -> Problem {
    Problem::new(400, "invalid_id", what)
}

pub(super) fn document(value: Value) -> LearningDocument {
    LearningDocument {
        json: value.to_string(),
        replayed: false,
    }
}
