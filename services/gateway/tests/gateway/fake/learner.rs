//! A learner with one export and one pattern.

use contracts::learner::learner_service_server::{LearnerService, LearnerServiceServer};
use contracts::learner::*;
use contracts::problem::Problem;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
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
    /// What was imported to its end, by tenant.
    pub imports: Mutex<Vec<(String, Vec<u8>)>>,
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
        document(&json!({"patterns": patterns, "preferences": [], "issues": [], "next_cursor": next}))
    }

    async fn get_pattern(&self, request: Request<GetPatternRequest>) -> Result<Response<LearningDocument>, Status> {
        match request.into_inner().pattern_id.as_str() {
            PATTERN => document(&json!({"pattern_id": PATTERN, "state": "candidate"})),
            _ => Err(Problem::new(404, "pattern_not_found", "no such pattern").to_status()),
        }
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Result<Response<LearningDocument>, Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        document(&json!({"success_rate": {"value": null, "n": 0, "interval": null, "window": null}}))
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
}

/// Serves until `stop`; its URL.
pub async fn serve(learner: Arc<FakeLearner>, stop: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(LearnerServiceServer::from_arc(learner));
    tokio::spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned()));
    url
}
