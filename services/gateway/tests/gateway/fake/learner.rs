//! A learner with one export.

use contracts::learner::learner_service_server::{LearnerService, LearnerServiceServer};
use contracts::learner::*;
use contracts::problem::Problem;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The complete export; every other id is unknown, except the running one.
pub const COMPLETE: &str = "01900000-0000-7000-8000-00000000e001";
pub const RUNNING: &str = "01900000-0000-7000-8000-00000000e002";

struct FakeLearner;

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

    async fn get_record_schema(&self, _: Request<GetRecordSchemaRequest>) -> Result<Response<ExportDocument>, Status> {
        let json = json!({"type": "object"}).to_string();
        Ok(Response::new(ExportDocument { json, running: false }))
    }
}

/// Serves until `stop`; its URL.
pub async fn serve(stop: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(LearnerServiceServer::new(FakeLearner));
    tokio::spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned()));
    url
}
