//! A WorkerService that keeps what it is told and answers as the test wants.

use bus::worker::Coordinator;
use contracts::coordinator::worker_service_server::{WorkerService, WorkerServiceServer};
use contracts::coordinator::*;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// What the test decides and what was heard.
pub struct Told {
    /// Beats are answered.
    pub up: watch::Sender<bool>,
    pub beats: watch::Sender<Vec<BeatRequest>>,
    /// Every job named in a heartbeat, in order.
    pub heartbeats: watch::Sender<Vec<RunningJob>>,
    /// Jobs to cancel.
    pub cancel: Mutex<Vec<String>>,
    pub payloads: Mutex<HashMap<String, Vec<u8>>>,
    pub effects: watch::Sender<Vec<BeginEffectRequest>>,
    pub ended_effects: watch::Sender<Vec<EndEffectRequest>>,
    /// BeginEffect is answered while this is true.
    pub licensing: watch::Sender<bool>,
    /// State answered to BeginEffect.
    pub effect_state: Mutex<String>,
}

pub struct TestCoordinator {
    pub told: Arc<Told>,
    address: String,
    server: AbortHandle,
}

impl TestCoordinator {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Told {
            up: watch::Sender::new(true),
            beats: watch::Sender::default(),
            heartbeats: watch::Sender::default(),
            cancel: Mutex::default(),
            payloads: Mutex::default(),
            effects: watch::Sender::default(),
            ended_effects: watch::Sender::default(),
            licensing: watch::Sender::new(true),
            effect_state: Mutex::new("send".to_owned()),
        });
        let service = WorkerServiceServer::new(Service(Arc::clone(&told)));
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async move { serving.await.unwrap() }).abort_handle();
        Self { told, address, server }
    }

    pub fn client(&self) -> Coordinator {
        Coordinator::connect(std::slice::from_ref(&self.address)).unwrap()
    }
}

impl Drop for TestCoordinator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Service(Arc<Told>);

impl Service {
    fn check_up(&self) -> Result<(), Status> {
        if *self.0.up.borrow() {
            Ok(())
        } else {
            Err(Status::unavailable("down"))
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl WorkerService for Service {
    async fn beat(&self, request: Request<BeatRequest>) -> Answer<BeatResponse> {
        self.check_up()?;
        self.0.beats.send_modify(|beats| beats.push(request.into_inner()));
        Ok(Response::new(BeatResponse::default()))
    }

    async fn heartbeat(&self, request: Request<HeartbeatRequest>) -> Answer<HeartbeatResponse> {
        self.check_up()?;
        let jobs = request.into_inner().jobs;
        let cancel = self.0.cancel.lock().unwrap().clone();
        let verdicts = jobs.iter().map(|job| {
            let cancelled = cancel.contains(&job.job_id);
            RunVerdict {
                job_id: job.job_id.clone(),
                cancel: cancelled,
                attempt: u32::from(!cancelled),
                reason: if cancelled {
                    "cancelled".to_owned()
                } else {
                    String::new()
                },
            }
        });
        let verdicts = verdicts.collect();
        self.0.heartbeats.send_modify(|heard| heard.extend(jobs));
        Ok(Response::new(HeartbeatResponse { verdicts }))
    }

    async fn begin_effect(&self, request: Request<BeginEffectRequest>) -> Answer<BeginEffectResponse> {
        self.check_up()?;
        let request = request.into_inner();
        let answer = BeginEffectResponse {
            state: self.0.effect_state.lock().unwrap().clone(),
            frozen_request_json: request.request_json.clone(),
            send_within_seconds: request.send_within_seconds,
            effect_key: format!("{}:{}", request.job_id, request.ordinal),
            ..BeginEffectResponse::default()
        };
        self.0.effects.send_modify(|effects| effects.push(request));
        self.0.licensing.subscribe().wait_for(|open| *open).await.unwrap();
        Ok(Response::new(answer))
    }

    async fn end_effect(&self, request: Request<EndEffectRequest>) -> Answer<EndEffectResponse> {
        self.check_up()?;
        let request = request.into_inner();
        let state = request.state.clone();
        self.0.ended_effects.send_modify(|ended| ended.push(request));
        Ok(Response::new(EndEffectResponse { state }))
    }

    async fn put_payload(&self, request: Request<Streaming<PutPayloadRequest>>) -> Answer<PutPayloadResponse> {
        let mut parts = request.into_inner();
        let mut bytes = Vec::new();
        let first = parts.message().await?.unwrap();
        assert!(first.job.is_some());
        while let Some(part) = parts.message().await? {
            bytes.extend(part.chunk);
        }
        let size = u64::try_from(bytes.len()).unwrap();
        let sha256 = format!("{size:064x}");
        self.0.payloads.lock().unwrap().insert(sha256.clone(), bytes);
        Ok(Response::new(PutPayloadResponse { sha256, size }))
    }

    type GetPayloadStream = Pin<Box<dyn futures::Stream<Item = Result<PayloadChunk, Status>> + Send>>;

    async fn get_payload(&self, request: Request<GetPayloadRequest>) -> Answer<Self::GetPayloadStream> {
        let wanted = request.into_inner().sha256;
        let bytes = self.0.payloads.lock().unwrap().get(&wanted).cloned();
        let bytes = bytes.ok_or_else(|| Status::not_found("no such payload"))?;
        let chunks: Vec<_> = bytes
            .chunks(1000)
            .map(|chunk| Ok(PayloadChunk { chunk: chunk.to_vec() }))
            .collect();
        Ok(Response::new(Box::pin(futures::stream::iter(chunks))))
    }

    async fn announce_tools(&self, _: Request<AnnounceToolsRequest>) -> Answer<AnnounceToolsResponse> {
        Ok(Response::new(AnnounceToolsResponse::default()))
    }

    async fn list_definitions(&self, _: Request<ListDefinitionsRequest>) -> Answer<ListDefinitionsResponse> {
        Ok(Response::new(ListDefinitionsResponse::default()))
    }

    async fn list_tools(&self, _: Request<ListToolsRequest>) -> Answer<ListToolsResponse> {
        Ok(Response::new(ListToolsResponse {
            tools_json: vec!["x".repeat(1 << 20); 5],
            ..ListToolsResponse::default()
        }))
    }
}

#[tokio::test]
async fn a_catalog_of_five_mebibytes_arrives() {
    let coordinator = TestCoordinator::start().await;
    let answer = coordinator
        .client()
        .client()
        .list_tools(ListToolsRequest::default())
        .await;
    assert_eq!(answer.unwrap().into_inner().tools_json.len(), 5);
}
