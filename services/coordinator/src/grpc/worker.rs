//! WorkerService: beats, heartbeats, the effect ledger, large payloads, tools.

mod announcing;

use crate::store::{self, StoreError};
use crate::work::body;
use crate::writer::Shared;
use crate::writer::inbox::{Answer, Ask};
use contracts::coordinator::worker_service_server::WorkerService;
use contracts::coordinator::{
    AnnounceToolsRequest, AnnounceToolsResponse, BeatRequest, BeatResponse, BeginEffectRequest, BeginEffectResponse,
    EndEffectRequest, EndEffectResponse, GetPayloadRequest, HeartbeatRequest, HeartbeatResponse,
    ListDefinitionsRequest, ListDefinitionsResponse, ListToolsRequest, ListToolsResponse, PayloadChunk,
    PutPayloadRequest, PutPayloadResponse, RunVerdict, RunningJob,
};
use futures::StreamExt;
use service::config::Config;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};
use workflow::decision::{EffectReply, FrozenRequest, Reply};
use workflow::ids::{JobId, RunId, TaskId};
use workflow::input::{Body, EffectEnd, EffectRequest, Input};
use workflow::state::{JobState, PayloadNo};
use workflow::time::Millis;
use workflow::vocabulary::{EffectClass, WorkKind};

/// Bytes of one payload.
const MAX_PAYLOAD: usize = 32 << 20;
/// Bytes of one chunk.
const CHUNK: usize = 256 << 10;
/// Runs in one heartbeat.
const MAX_RUNS: usize = 10_000;

/// The service.
pub struct Workers {
    shared: Arc<Shared>,
    config: Arc<Config>,
}

impl Workers {
    pub fn new(shared: Arc<Shared>, config: Arc<Config>) -> Self {
        Self { shared, config }
    }

    /// Whether the caller's run may touch its task's payloads.
    async fn holds(&self, job: Option<RunningJob>) -> Result<TaskId, Status> {
        let job = job.ok_or_else(|| Status::invalid_argument("no job"))?;
        let (task, id): (TaskId, JobId) = (parse(&job.task_id, "task_id")?, parse(&job.job_id, "job_id")?);
        let mut connection = self.shared.pool.acquire().await.map_err(away)?;
        let loaded = store::load::tasks(&mut connection, &[task])
            .await
            .map_err(unavailable)?;
        let open = loaded
            .first()
            .and_then(|l| l.task.job(id))
            .is_some_and(|j| j.dispatch >= job.dispatch && !matches!(j.state, JobState::Ready { .. }));
        if open {
            Ok(task)
        } else {
            Err(Status::failed_precondition("the job is not open"))
        }
    }

    async fn payload_text(&self, task: TaskId, no: PayloadNo) -> Result<String, Status> {
        let mut connection = self.shared.pool.acquire().await.map_err(away)?;
        let bodies = store::load::bodies(&mut connection, &[(task, no)])
            .await
            .map_err(unavailable)?;
        let text = bodies
            .get(&(task, no))
            .ok_or_else(|| Status::data_loss("a stored payload is gone"))?;
        Ok(text.to_string())
    }
}

pub(super) fn parse<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Status> {
    text.parse()
        .map_err(|_| Status::invalid_argument(format!("{what} is not valid")))
}

fn away(_: sqlx::Error) -> Status {
    Status::unavailable("the database is away")
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn unavailable(error: StoreError) -> Status {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "a worker's question could not be answered"
    );
    Status::unavailable("the database is away")
}

#[tonic::async_trait]
impl WorkerService for Workers {
    async fn beat(&self, request: Request<BeatRequest>) -> Result<Response<BeatResponse>, Status> {
        let beat = request.into_inner();
        if WorkKind::parse(&beat.kind).is_none() || beat.worker_id.is_empty() || beat.worker_id.len() > 200 {
            return Err(Status::invalid_argument("a beat has a worker_id and a kind of work"));
        }
        bus::Token::parse(&beat.pool).map_err(|e| Status::invalid_argument(e.to_string()))?;
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let (slots, free) = (count(beat.slots), count(beat.free_slots));
        store::beats::worker(&self.shared.pool, &beat.worker_id, &beat.kind, &beat.pool, slots, free)
            .await
            .map_err(unavailable)?;
        let signals = self.shared.catalog.signals();
        Ok(Response::new(BeatResponse {
            definitions_version: number(signals.definitions),
            discover_generation: number(signals.discover),
        }))
    }

    async fn heartbeat(&self, request: Request<HeartbeatRequest>) -> Result<Response<HeartbeatResponse>, Status> {
        let jobs = request.into_inner().jobs;
        if jobs.len() > MAX_RUNS {
            return Err(Status::invalid_argument("too many runs in one heartbeat"));
        }
        let asks = jobs.into_iter().map(|job| self.verdict(job));
        let verdicts = futures::future::try_join_all(asks).await?;
        Ok(Response::new(HeartbeatResponse { verdicts }))
    }

    async fn begin_effect(
        &self,
        request: Request<BeginEffectRequest>,
    ) -> Result<Response<BeginEffectResponse>, Status> {
        let ask = request.into_inner();
        let (task, job, run): (TaskId, JobId, RunId) = (
            parse(&ask.task_id, "task_id")?,
            parse(&ask.job_id, "job_id")?,
            parse(&ask.run_id, "run_id")?,
        );
        let class = EffectClass::parse(&ask.effects).ok_or_else(|| Status::invalid_argument("unknown effects"))?;
        if serde_json::from_str::<serde::de::IgnoredAny>(&ask.request_json).is_err() {
            return Err(Status::invalid_argument("request_json is not JSON"));
        }
        let key = format!("{job}:{}", ask.ordinal);
        let input = Input::EffectBegun(EffectRequest {
            job,
            dispatch: ask.dispatch,
            run,
            ordinal: ask.ordinal,
            class,
            target: ask.target.replace('\0', ""),
            tool: Some(ask.tool_id).filter(|tool| !tool.is_empty()),
            request: Body::new(ask.request_json),
            send_within: Millis::from_secs_f64(ask.send_within_seconds),
            key_ttl: Millis::from_secs_f64(ask.key_ttl_seconds.clamp(0.0, 31_536_000.0)),
        });
        let reply = match self.shared.inbox.ask(task, Ask::Input(input)).await {
            Answer::Reply {
                reply: Reply::Effect(reply),
                ..
            } => reply,
            Answer::Reply { .. } | Answer::NotFound => EffectReply::Refused("superseded"),
            Answer::Quarantined => return Err(Status::invalid_argument("the request cannot be stored")),
            _ => return Err(Status::unavailable("the coordinator cannot decide now")),
        };
        let response = match reply {
            EffectReply::Send { request, within } => BeginEffectResponse {
                state: "send".to_owned(),
                sent_before: matches!(request, FrozenRequest::Stored(_)),
                frozen_request_json: match request {
                    FrozenRequest::Given(body) => body.text.to_string(),
                    FrozenRequest::Stored(no) => self.payload_text(task, no).await?,
                },
                send_within_seconds: within.as_secs_f64(),
                effect_key: key,
                ..BeginEffectResponse::default()
            },
            EffectReply::Ended { state, response } => BeginEffectResponse {
                state: state.as_str().to_owned(),
                response_json: match response {
                    Some(no) => self.payload_text(task, no).await?,
                    None => String::new(),
                },
                effect_key: key,
                ..BeginEffectResponse::default()
            },
            EffectReply::Busy => BeginEffectResponse {
                state: "busy".to_owned(),
                ..BeginEffectResponse::default()
            },
            EffectReply::Recorded(state) => BeginEffectResponse {
                state: state.as_str().to_owned(),
                ..BeginEffectResponse::default()
            },
            EffectReply::Refused(reason) => BeginEffectResponse {
                state: "refused".to_owned(),
                reason: reason.to_owned(),
                ..BeginEffectResponse::default()
            },
        };
        Ok(Response::new(response))
    }

    async fn end_effect(&self, request: Request<EndEffectRequest>) -> Result<Response<EndEffectResponse>, Status> {
        let end = request.into_inner();
        let (task, job, run): (TaskId, JobId, RunId) = (
            parse(&end.task_id, "task_id")?,
            parse(&end.job_id, "job_id")?,
            parse(&end.run_id, "run_id")?,
        );
        let ended = match end.state.as_str() {
            "confirmed" => EffectEnd::Confirmed,
            "rejected" => EffectEnd::Rejected,
            "unknown" => EffectEnd::Unknown,
            _ => return Err(Status::invalid_argument("state is confirmed, rejected or unknown")),
        };
        // What the receiver answered is kept as it is where it is JSON, and quoted where it is not.
        let response = match serde_json::from_str::<serde::de::IgnoredAny>(&end.response_json) {
            Ok(_) => end.response_json,
            Err(_) => serde_json::Value::from(end.response_json).to_string(),
        };
        let input = Input::EffectEnded {
            job,
            run,
            ordinal: end.ordinal,
            ended,
            response: Body::new(response),
        };
        let state = match self.shared.inbox.ask(task, Ask::Input(input)).await {
            Answer::Reply {
                reply: Reply::Effect(EffectReply::Recorded(state)),
                ..
            } => state.as_str(),
            Answer::Reply { .. } | Answer::NotFound => return Err(Status::not_found("no such effect")),
            Answer::Quarantined => return Err(Status::invalid_argument("the response cannot be stored")),
            _ => return Err(Status::unavailable("the coordinator cannot decide now")),
        };
        Ok(Response::new(EndEffectResponse {
            state: state.to_owned(),
        }))
    }

    async fn put_payload(
        &self,
        request: Request<Streaming<PutPayloadRequest>>,
    ) -> Result<Response<PutPayloadResponse>, Status> {
        let mut stream = request.into_inner();
        let first = stream
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("an empty stream"))?;
        let task = self.holds(first.job).await?;
        let mut bytes = first.chunk;
        if bytes.len() > MAX_PAYLOAD {
            return Err(Status::resource_exhausted("output_too_large"));
        }
        while let Some(next) = stream.message().await? {
            if bytes.len() + next.chunk.len() > MAX_PAYLOAD {
                return Err(Status::resource_exhausted("output_too_large"));
            }
            bytes.extend_from_slice(&next.chunk);
        }
        let json = std::str::from_utf8(&bytes).is_ok_and(|t| serde_json::from_str::<serde::de::IgnoredAny>(t).is_ok());
        if !json {
            return Err(Status::invalid_argument("a payload is a JSON text"));
        }
        let blob = store::payloads::put(&self.shared.pool, task, &bytes)
            .await
            .map_err(unavailable)?;
        Ok(Response::new(PutPayloadResponse {
            sha256: blob.sha256,
            size: blob.size,
        }))
    }

    type GetPayloadStream = futures::stream::BoxStream<'static, Result<PayloadChunk, Status>>;

    async fn get_payload(
        &self,
        request: Request<GetPayloadRequest>,
    ) -> Result<Response<Self::GetPayloadStream>, Status> {
        let ask = request.into_inner();
        let blob = contracts::work::BlobRef {
            sha256: ask.sha256.clone(),
            size: 0,
        };
        body::of_blob(&blob).ok_or_else(|| Status::invalid_argument("sha256 is 64 hex digits"))?;
        let task = self.holds(ask.job).await?;
        let bytes = store::payloads::get(&self.shared.pool, task, &ask.sha256)
            .await
            .map_err(unavailable)?
            .ok_or_else(|| Status::not_found("no such payload"))?;
        let chunks: Vec<_> = bytes
            .chunks(CHUNK)
            .map(|c| Ok(PayloadChunk { chunk: c.to_vec() }))
            .collect();
        Ok(Response::new(futures::stream::iter(chunks).boxed()))
    }

    async fn announce_tools(
        &self,
        request: Request<AnnounceToolsRequest>,
    ) -> Result<Response<AnnounceToolsResponse>, Status> {
        self.take_announcement(request.into_inner()).await.map(Response::new)
    }

    async fn list_definitions(
        &self,
        request: Request<ListDefinitionsRequest>,
    ) -> Result<Response<ListDefinitionsResponse>, Status> {
        // The version is read first: what changes in between is read again.
        let signals = store::catalog::signals::read(&self.shared.pool)
            .await
            .map_err(unavailable)?;
        let ask = request.into_inner();
        if ask.tool_ids.len() > MAX_RUNS {
            return Err(Status::invalid_argument("too many tools in one question"));
        }
        let in_force = store::catalog::in_force(&self.shared.pool, &ask.tool_ids)
            .await
            .map_err(unavailable)?;
        let registrations_json = match ask.pool == self.config.worker.pool {
            true => store::catalog::registrations(&self.shared.pool)
                .await
                .map_err(unavailable)?,
            false => Vec::new(),
        };
        Ok(Response::new(ListDefinitionsResponse {
            version: number(signals.definitions),
            registrations_json,
            active: in_force
                .iter()
                .filter(|tool| tool.active)
                .map(|tool| tool.tool_id.clone())
                .collect(),
            in_force: in_force
                .into_iter()
                .map(|tool| (tool.tool_id, tool.definition))
                .collect(),
        }))
    }

    async fn list_tools(&self, request: Request<ListToolsRequest>) -> Result<Response<ListToolsResponse>, Status> {
        let ask = request.into_inner();
        let offered = self.shared.catalog.offered();
        let version = offered.version(&ask.tenant);
        let unchanged = version == ask.known_version;
        let tools_json = if unchanged {
            Vec::new()
        } else {
            offered.documents(&ask.tenant)
        };
        Ok(Response::new(ListToolsResponse {
            version,
            unchanged,
            tools_json,
        }))
    }
}

impl Workers {
    async fn verdict(&self, job: RunningJob) -> Result<RunVerdict, Status> {
        let (task, id, run): (TaskId, JobId, RunId) = (
            parse(&job.task_id, "task_id")?,
            parse(&job.job_id, "job_id")?,
            parse(&job.run_id, "run_id")?,
        );
        let input = Input::JobStarted {
            job: id,
            dispatch: job.dispatch,
            run,
        };
        let verdict = |cancel, attempt, reason: &str| {
            Ok(RunVerdict {
                job_id: job.job_id.clone(),
                cancel,
                attempt,
                reason: reason.to_owned(),
            })
        };
        match self.shared.inbox.ask(task, Ask::Input(input)).await {
            Answer::Reply {
                reply: Reply::Continue { attempt },
                ..
            } => verdict(false, attempt, ""),
            Answer::Reply {
                reply: Reply::Stop(reason),
                ..
            } => verdict(true, 0, reason),
            Answer::Reply { .. } | Answer::NotFound | Answer::Quarantined => verdict(true, 0, "unknown"),
            // Without an answer the worker goes on, and takes nothing new.
            _ => Err(Status::unavailable("the coordinator cannot decide now")),
        }
    }
}

fn number(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
