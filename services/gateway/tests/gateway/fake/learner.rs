//! A learner with one export and one pattern.

use super::models::Upload;
use contracts::learner::fine_tune_service_server::FineTuneServiceServer;
use contracts::learner::learner_service_server::{LearnerService, LearnerServiceServer};
use contracts::learner::model_service_server::ModelServiceServer;
use contracts::learner::*;
use contracts::problem::Problem;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// The complete export; every other id is unknown, except the running one.
pub const COMPLETE: &str = "01900000-0000-7000-8000-00000000e001";
pub const RUNNING: &str = "01900000-0000-7000-8000-00000000e002";

/// The one pattern.
pub const PATTERN: &str = "01900000-0000-7000-8000-00000000f001";

/// A learner in memory: enough to tell whether the gateway asked rightly and passed answers on.
#[derive(Default)]
pub struct FakeLearner {
    pub feedback: Mutex<Vec<RecordFeedbackRequest>>,
    pub metrics: Mutex<Vec<GetMetricsRequest>>,
    /// What everybody prefers.
    pub channels: Mutex<Option<Value>>,
    pub asked_for_channels: AtomicUsize,
    pub points: Mutex<Vec<RecordBusinessMetricsRequest>>,
    pub questions: Mutex<Vec<AnalyseBusinessMetricsRequest>>,
    /// What was imported to its end, by tenant.
    pub imports: Mutex<Vec<(String, Vec<u8>)>>,
    /// Files that came to their end.
    pub uploads: Mutex<Vec<Upload>>,
}

fn document(json: &Value) -> Result<Response<LearningDocument>, Status> {
    Ok(Response::new(LearningDocument {
        json: json.to_string(),
        replayed: false,
    }))
}

fn export(id: &str) -> Result<Response<ExportDocument>, Status> {
    let running = match id {
        COMPLETE => false,
        RUNNING => true,
        _ => return Err(Problem::new(404, "export_not_found", "no such export").to_status()),
    };
    let state = if running { "running" } else { "complete" };
    let json = json!({"export_id": id, "state": state, "format": "jsonl", "count": 2}).to_string();
    Ok(Response::new(ExportDocument { json, running }))
}

#[tonic::async_trait]
impl LearnerService for FakeLearner {
    type DownloadExportStream = BoxStream<'static, Result<ExportChunk, Status>>;

    async fn start_export(&self, request: Request<StartExportRequest>) -> Result<Response<ExportDocument>, Status> {
        let options: serde_json::Value = serde_json::from_str(&request.into_inner().options_json).unwrap();
        let large = options["limit"].as_u64().is_some_and(|limit| limit > 10_000);
        export(if large { RUNNING } else { COMPLETE })
    }

    async fn get_export(&self, request: Request<GetExportRequest>) -> Result<Response<ExportDocument>, Status> {
        export(&request.into_inner().export_id)
    }

    async fn download_export(
        &self,
        _: Request<GetExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        let chunks = [b"{\"a\":1}\n".to_vec(), b"{\"a\":2}\n".to_vec()];
        Ok(Response::new(
            stream::iter(chunks).map(|chunk| Ok(ExportChunk { chunk })).boxed(),
        ))
    }

    async fn import_records(
        &self,
        request: Request<Streaming<ImportChunk>>,
    ) -> Result<Response<LearningDocument>, Status> {
        let chunks: Vec<ImportChunk> = request.into_inner().try_collect().await?;
        let tenant = chunks[0].tenant.clone();
        let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.chunk).collect();
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .count();
        self.imports.lock().unwrap().push((tenant, bytes));
        document(&json!({"imported": lines, "duplicates": 0, "rejected": 0, "errors": []}))
    }

    async fn get_record_schema(
        &self,
        request: Request<GetRecordSchemaRequest>,
    ) -> Result<Response<ExportDocument>, Status> {
        let json = json!({"type": "object", "title": request.into_inner().format}).to_string();
        Ok(Response::new(ExportDocument { json, running: false }))
    }

    async fn recall(&self, _: Request<RecallRequest>) -> Result<Response<RecallResponse>, Status> {
        Err(Status::unimplemented("not asked by a gateway"))
    }

    async fn list_patterns(&self, request: Request<ListPatternsRequest>) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        if !request.cursor.is_empty() && request.cursor != PATTERN {
            return Err(Problem::new(400, "invalid_cursor", "forged").to_status());
        }
        let next = request.cursor.is_empty().then_some(PATTERN);
        let patterns = json!([{"pattern_id": PATTERN, "limit": request.limit, "intent": "a blog post for friends"}]);
        let issues =
            json!([{"issue_id": "i1", "tool": "writer_agent", "hint": null, "tasks": 3, "stopped": {"value": 0.3}}]);
        document(&json!({"patterns": patterns, "preferences": [], "issues": issues, "next_cursor": next}))
    }

    async fn get_pattern(&self, request: Request<GetPatternRequest>) -> Result<Response<LearningDocument>, Status> {
        match request.into_inner().pattern_id.as_str() {
            PATTERN => document(&json!({"pattern_id": PATTERN, "state": "candidate"})),
            _ => Err(Problem::new(404, "pattern_not_found", "no such pattern").to_status()),
        }
    }

    async fn review_pattern(
        &self,
        request: Request<ReviewPatternRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        if request.pattern_id != PATTERN {
            return Err(Problem::new(404, "pattern_not_found", "no such pattern").to_status());
        }
        let review: Value = serde_json::from_str(&request.review_json).unwrap();
        document(&json!({"pattern_id": PATTERN, "actor": request.actor, "review": review}))
    }

    type ExportPatternsStream = BoxStream<'static, Result<ExportChunk, Status>>;

    async fn export_patterns(
        &self,
        _: Request<ExportPatternsRequest>,
    ) -> Result<Response<Self::ExportPatternsStream>, Status> {
        let chunks = [b"{\"intent\":1}\n".to_vec(), b"{\"intent\":2}\n".to_vec()];
        Ok(Response::new(
            stream::iter(chunks).map(|chunk| Ok(ExportChunk { chunk })).boxed(),
        ))
    }

    async fn import_patterns(
        &self,
        request: Request<ImportPatternsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        let lines = String::from_utf8(request.lines).unwrap();
        let answer = document(&json!({"imported": lines.lines().count(), "known": 0, "refused": 0, "errors": []}));
        answer.map(|mut answer| {
            answer.get_mut().replayed = request.idempotency_key == "again";
            answer
        })
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Result<Response<LearningDocument>, Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        document(&json!({"success_rate": {"value": null, "n": 0, "interval": null, "window": null}}))
    }

    async fn record_business_metrics(
        &self,
        request: Request<RecordBusinessMetricsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        self.points.lock().unwrap().push(request.into_inner());
        document(&json!({"recorded": 2, "corrected": 0, "unchanged": 1, "points": []}))
    }

    async fn analyse_business_metrics(
        &self,
        request: Request<AnalyseBusinessMetricsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        self.questions.lock().unwrap().push(request.into_inner());
        let known = json!({"name": "sales", "segment": "de", "level": 0, "before": 1.0, "after": 2.0, "effect": 1.0,
                           "interval": null, "n": 28, "statement": "sales changed from 1 to 2"});
        let unknown = json!({"name": "visits", "segment": null, "level": null, "before": null, "after": null,
                             "effect": null, "interval": null, "n": 0, "statement": "insufficient data"});
        document(&json!({"metrics": [known, unknown], "correlations": []}))
    }

    async fn record_feedback(
        &self,
        request: Request<RecordFeedbackRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        let mut feedback = self.feedback.lock().unwrap();
        let key = &request.idempotency_key;
        let replayed = !key.is_empty() && feedback.iter().any(|known| known.idempotency_key == *key);
        let json = json!({"task_id": request.task_id, "actor": request.actor, "created_at": "2030-01-01T00:00:00Z"})
            .to_string();
        feedback.push(request);
        Ok(Response::new(LearningDocument { json, replayed }))
    }

    async fn list_preferences(
        &self,
        request: Request<ListPreferencesRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        if request.key == "channels" {
            self.asked_for_channels.fetch_add(1, Ordering::Relaxed);
            let channels = self.channels.lock().unwrap().clone();
            let items: Vec<Value> = channels
                .into_iter()
                .map(|value| json!({"key": "channels", "value": value, "effective": true}))
                .collect();
            return document(&json!({"items": items, "next_cursor": null}));
        }
        let item = json!({"key": "tone", "value": "dry", "scope": "user", "subject": request.user, "source": "explicit",
                          "strength": 1.0, "since": "2030-01-01T00:00:00Z", "effective": true});
        let (at, known_at) = (&request.at, &request.known_at);
        let asked = json!({"at": at, "known_at": known_at, "scope": request.scope, "key": request.key,
                           "history": request.history, "tenant": request.tenant});
        document(&json!({"items": [item], "next_cursor": null, "asked": asked}))
    }

    async fn state_preferences(
        &self,
        request: Request<StatePreferencesRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        if request.team == "strangers" {
            return Err(Problem::new(403, "not_a_member", "no member").to_status());
        }
        let stated = json!({"actor": request.actor, "scope": request.scope, "team": request.team, "since": request.since,
                            "preferences": request.preferences_json, "tenant": request.tenant});
        document(&json!({"items": [], "next_cursor": null, "stated": stated}))
    }

    async fn retract_preference(
        &self,
        request: Request<RetractPreferenceRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        if request.key == "unknown" {
            return Err(Problem::new(404, "preference_not_found", "not stated").to_status());
        }
        document(&json!({"key": request.key, "scope": request.scope, "actor": request.actor}))
    }

    async fn erase_user(&self, request: Request<EraseUserRequest>) -> Result<Response<LearningDocument>, Status> {
        let request = request.into_inner();
        document(&json!({"user": request.user, "tenant": request.tenant, "erased": {"records": 2}}))
    }
}

/// Serves until `stop`; its URL.
pub async fn serve(learner: Arc<FakeLearner>, stop: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder()
        .add_service(LearnerServiceServer::from_arc(Arc::clone(&learner)))
        .add_service(ModelServiceServer::from_arc(Arc::clone(&learner)))
        .add_service(FineTuneServiceServer::from_arc(learner));
    tokio::spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned()));
    url
}
