//! `orchestrator.v1.LearningService`, over the same application and the same checks as REST.

use super::orchestrator::{answer, caller};
use crate::application::{Application, Page, unreadable};
use crate::caller::Caller;
use crate::documents;
use crate::idempotency::{IdempotencyKey, KEY};
use crate::identifiers;
use crate::json;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, invalid_cursor, unfit};
use crate::refusal::Refusal;
use contracts::v1::learning_service_server::LearningService;
use contracts::v1::{
    AnalyseBusinessMetricsRequest, BusinessMetricsAnalysis, DeletePreferenceRequest, DeleteUserDataRequest,
    DeletedPreference, DeletedUserData, Export, ExportChunk, ExportPatternsRequest, Feedback, GetExportRequest,
    GetMetricsRequest, GetPatternRequest, GetTrainingSchemaRequest, ImportReport, ImportTrainingDataRequest, Issue,
    ListPatternsRequest, ListPreferencesRequest, Metrics, Pattern, PatternImport, PatternLines, PatternList,
    PreferenceList, RecordBusinessMetricsRequest, RecordFeedbackRequest, RecordedBusinessMetrics, ReviewPatternRequest,
    SetPreferencesRequest, StartExportRequest, TrainingSchema,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Map, Value};
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

const MOST_DAYS: u32 = 3650;
const MAX_CURSOR: usize = 4096;

/// The service.
pub struct Learning {
    pub(super) app: Arc<Application>,
}

impl Learning {
    /// Over `app`.
    pub fn new(app: Arc<Application>) -> Self {
        Self { app }
    }

    async fn list(&self, caller: Caller, request: ListPatternsRequest) -> Result<PatternList, Refusal> {
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit if limit <= MAX_LIMIT => limit,
            _ => return Err(unfit("limit", format!("must be an integer from 1 to {MAX_LIMIT}"))),
        };
        if request.cursor.len() > MAX_CURSOR || !request.cursor.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid_cursor());
        }
        let cursor = request.cursor;
        let document_json = self.app.patterns(caller, Page { limit, cursor }).await?.json;
        let document = parsed(&document_json)?;
        let patterns = document.get("patterns").and_then(Value::as_array).into_iter().flatten();
        Ok(PatternList {
            patterns: patterns.map(pattern).collect(),
            issues: document
                .get("issues")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(issue)
                .collect(),
            next_cursor: text(&document, "next_cursor"),
            document_json,
        })
    }

    async fn show(&self, request: GetPatternRequest) -> Result<Pattern, Refusal> {
        let id = identifiers::require(&request.pattern_id)?;
        Ok(pattern(&parsed(&self.app.pattern(id).await?.json)?))
    }

    async fn review(&self, caller: Caller, request: ReviewPatternRequest) -> Result<Pattern, Refusal> {
        let id = identifiers::require(&request.pattern_id)?;
        let mut body = Map::new();
        let members = [
            ("state", request.state.map(Value::from)),
            ("pinned", request.pinned.map(Value::from)),
            ("note", request.note.map(Value::from)),
        ];
        for (name, value) in members {
            body.extend(value.map(|value| (name.to_owned(), value)));
        }
        json::refuse_nul(&body)?;
        let review = documents::review::read(body)?;
        Ok(pattern(&parsed(
            &self.app.review_pattern(caller, id, &review).await?.json,
        )?))
    }

    async fn import_lines(
        &self,
        caller: Caller,
        key: Option<Vec<u8>>,
        lines: PatternLines,
    ) -> Result<PatternImport, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let document_json = self.app.import_patterns(caller, lines.lines, key).await?.json;
        let document = parsed(&document_json)?;
        let count = |name: &str| document.get(name).and_then(Value::as_u64).unwrap_or_default();
        Ok(PatternImport {
            imported: count("imported"),
            known: count("known"),
            refused: count("refused"),
            document_json,
        })
    }

    async fn figures(&self, request: GetMetricsRequest) -> Result<Metrics, Refusal> {
        let days = Some(request.days).filter(|days| *days > 0);
        if days.is_some_and(|days| days > MOST_DAYS) {
            return Err(unfit("days", format!("must be an integer from 1 to {MOST_DAYS}")));
        }
        let document_json = self.app.metrics(days).await?.json;
        let document = parsed(&document_json)?;
        let figure = |name: &str| document.get(name)?.get("value")?.as_f64();
        Ok(Metrics {
            success_rate: figure("success_rate"),
            quality_score: figure("quality_score"),
            cost_efficiency: figure("cost_efficiency"),
            pattern_adoption: figure("pattern_adoption"),
            custom_llm_improvement: figure("custom_llm_improvement"),
            document_json,
        })
    }

    async fn note(
        &self,
        caller: Caller,
        key: Option<Vec<u8>>,
        request: RecordFeedbackRequest,
    ) -> Result<Feedback, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let task = identifiers::require(&request.task_id)?;
        let feedback = documents::feedback::read(body(request)?)?;
        let noted = self.app.feedback(caller, task, &feedback, key).await?;
        let document = parsed(&noted.json)?;
        Ok(Feedback {
            feedback_id: text(&document, "feedback_id"),
            task_id: text(&document, "task_id"),
            created_at: text(&document, "created_at"),
            replayed: noted.replayed,
            document_json: noted.json,
        })
    }
}

#[tonic::async_trait]
impl LearningService for Learning {
    async fn list_patterns(&self, request: Request<ListPatternsRequest>) -> Result<Response<PatternList>, Status> {
        let caller = caller(&request);
        answer(caller, self.list(caller, request.into_inner()).await)
    }

    async fn get_pattern(&self, request: Request<GetPatternRequest>) -> Result<Response<Pattern>, Status> {
        let caller = caller(&request);
        answer(caller, self.show(request.into_inner()).await)
    }

    async fn review_pattern(&self, request: Request<ReviewPatternRequest>) -> Result<Response<Pattern>, Status> {
        let caller = caller(&request);
        answer(caller, self.review(caller, request.into_inner()).await)
    }

    type ExportPatternsStream = BoxStream<'static, Result<PatternLines, Status>>;

    async fn export_patterns(
        &self,
        request: Request<ExportPatternsRequest>,
    ) -> Result<Response<Self::ExportPatternsStream>, Status> {
        let caller = caller(&request);
        let lines = self.app.export_patterns().await;
        answer(
            caller,
            lines.map(|lines| lines.map_ok(|page| PatternLines { lines: page.chunk }).boxed()),
        )
    }

    async fn import_patterns(&self, request: Request<PatternLines>) -> Result<Response<PatternImport>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.import_lines(caller, key, request.into_inner()).await)
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Result<Response<Metrics>, Status> {
        let caller = caller(&request);
        answer(caller, self.figures(request.into_inner()).await)
    }

    async fn record_business_metrics(
        &self,
        request: Request<RecordBusinessMetricsRequest>,
    ) -> Result<Response<RecordedBusinessMetrics>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.record_points(caller, key, request.into_inner()).await)
    }

    async fn analyse_business_metrics(
        &self,
        request: Request<AnalyseBusinessMetricsRequest>,
    ) -> Result<Response<BusinessMetricsAnalysis>, Status> {
        let caller = caller(&request);
        answer(caller, self.analyse_points(request.into_inner()).await)
    }

    async fn record_feedback(&self, request: Request<RecordFeedbackRequest>) -> Result<Response<Feedback>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.note(caller, key, request.into_inner()).await)
    }

    async fn list_preferences(
        &self,
        request: Request<ListPreferencesRequest>,
    ) -> Result<Response<PreferenceList>, Status> {
        let caller = caller(&request);
        answer(caller, self.preferences(caller, request.into_inner()).await)
    }

    async fn set_preferences(
        &self,
        request: Request<SetPreferencesRequest>,
    ) -> Result<Response<PreferenceList>, Status> {
        let caller = caller(&request);
        answer(caller, self.state(caller, request.into_inner()).await)
    }

    async fn delete_preference(
        &self,
        request: Request<DeletePreferenceRequest>,
    ) -> Result<Response<DeletedPreference>, Status> {
        let caller = caller(&request);
        answer(caller, self.retract(caller, request.into_inner()).await)
    }

    async fn delete_user_data(
        &self,
        request: Request<DeleteUserDataRequest>,
    ) -> Result<Response<DeletedUserData>, Status> {
        let caller = caller(&request);
        answer(caller, self.erase(request.into_inner()).await)
    }

    async fn start_export(&self, request: Request<StartExportRequest>) -> Result<Response<Export>, Status> {
        let caller = caller(&request);
        answer(caller, self.begin_export(request.into_inner()).await)
    }

    async fn get_export(&self, request: Request<GetExportRequest>) -> Result<Response<Export>, Status> {
        let caller = caller(&request);
        answer(caller, self.export(request.into_inner()).await)
    }

    type DownloadExportStream = BoxStream<'static, Result<ExportChunk, Status>>;

    async fn download_export(
        &self,
        request: Request<GetExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        let caller = caller(&request);
        answer(caller, self.file(request.into_inner()).await)
    }

    async fn get_training_schema(
        &self,
        request: Request<GetTrainingSchemaRequest>,
    ) -> Result<Response<TrainingSchema>, Status> {
        let caller = caller(&request);
        answer(caller, self.training_schema(request.into_inner()).await)
    }

    async fn import_training_data(
        &self,
        request: Request<Streaming<ImportTrainingDataRequest>>,
    ) -> Result<Response<ImportReport>, Status> {
        let caller = caller(&request);
        answer(caller, self.import(request.into_inner()).await)
    }
}

/// The document REST takes. Empty strings are absent.
fn body(request: RecordFeedbackRequest) -> Result<Map<String, Value>, Refusal> {
    let mut body = Map::new();
    body.extend(request.rating.map(|rating| ("rating".to_owned(), Value::from(rating))));
    let texts = [
        ("comment", request.comment),
        ("dimension", request.dimension),
        ("step_id", request.step_id),
    ];
    for (name, text) in texts {
        if !text.is_empty() {
            body.insert(name.to_owned(), Value::String(text));
        }
    }
    json::refuse_nul(&body)?;
    Ok(body)
}

pub(super) fn parsed(json: &str) -> Result<Value, Refusal> {
    serde_json::from_str(json).map_err(|_| unreadable("the learner's answer"))
}

fn pattern(document: &Value) -> Pattern {
    let count = |name: &str| document.get(name).and_then(Value::as_u64).unwrap_or_default();
    Pattern {
        pattern_id: text(document, "pattern_id"),
        intent: text(document, "intent"),
        state: text(document, "state"),
        evidence: count("evidence"),
        offered: count("offered"),
        adopted: count("adopted"),
        adapted: count("adapted"),
        refused: count("refused"),
        document_json: document.to_string(),
    }
}

fn issue(document: &Value) -> Issue {
    let stopped = document.get("stopped").and_then(|figure| figure.get("value")?.as_f64());
    Issue {
        issue_id: text(document, "issue_id"),
        code: text(document, "code"),
        tool: text(document, "tool"),
        condition: text(document, "condition"),
        state: text(document, "state"),
        hint: text(document, "hint"),
        tasks: document.get("tasks").and_then(Value::as_u64).unwrap_or_default(),
        stopped,
        document_json: document.to_string(),
    }
}

pub(super) fn text(document: &Value, name: &str) -> String {
    let text = document.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
