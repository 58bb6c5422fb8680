//! The four verbs, over the same application and the same checks as REST.

use super::{decision, judges, submission, task};
use crate::application::{Application, unreadable};
use crate::caller::{Caller, TRACEPARENT};
use crate::documents;
use crate::idempotency::{IdempotencyKey, KEY};
use crate::identifiers;
use crate::json;
use crate::live;
use crate::refusal::Refusal;
use contracts::trace;
use contracts::v1::orchestrator_service_server::OrchestratorService;
use contracts::v1::{
    DecideApprovalRequest, ForkTaskRequest, ForkTaskResponse, GetJudgesRequest, GetTaskRequest, Judges,
    SubmitTaskRequest, SubmitTaskResponse, Task, TaskEvent, TaskTrace, WatchTaskRequest,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::Map;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The service.
pub struct Orchestrator {
    app: Arc<Application>,
}

impl Orchestrator {
    /// Over `app`.
    pub fn new(app: Arc<Application>) -> Self {
        Self { app }
    }

    async fn submit(
        &self,
        caller: Caller,
        key: Option<Vec<u8>>,
        request: SubmitTaskRequest,
    ) -> Result<SubmitTaskResponse, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let body = submission::to_json(request, self.app.limits.json_depth)?;
        let document = documents::process::read(body)?;
        let accepted = self.app.submit(caller, &document, key).await?;
        Ok(SubmitTaskResponse {
            task_id: accepted.task_id,
            status: accepted.status,
            replayed: accepted.replayed,
        })
    }

    async fn fork(
        &self,
        caller: Caller,
        key: Option<Vec<u8>>,
        request: ForkTaskRequest,
    ) -> Result<ForkTaskResponse, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let id = identifiers::require(&request.task_id)?;
        let body = match request.fork_json.as_str() {
            "" => Map::new(),
            text => json::read_object(text.as_bytes(), self.app.limits.json_depth)?,
        };
        let fork = documents::fork::read(body)?;
        let answer = self.app.fork(caller, id, &fork, key).await?;
        let task = answer.task.ok_or_else(|| unreadable("the new task"))?;
        Ok(ForkTaskResponse {
            task_id: task.task_id,
            status: task.status,
            replayed: task.replayed,
            forked_from_json: answer.forked_from_json,
        })
    }

    async fn task(&self, caller: Caller, task_id: &str) -> Result<Task, Refusal> {
        let id = identifiers::require(task_id)?;
        let document = self.app.task(caller, id).await?;
        task::from_json(document.json)
    }

    async fn trace(&self, caller: Caller, task_id: &str) -> Result<TaskTrace, Refusal> {
        #[derive(serde::Deserialize)]
        struct Names {
            task_id: String,
            trace_id: Option<String>,
        }
        let id = identifiers::require(task_id)?;
        let document = self.app.trace(caller, id).await?;
        let names: Names = serde_json::from_str(&document.json).map_err(|_| unreadable("the trace"))?;
        Ok(TaskTrace {
            task_id: names.task_id,
            trace_id: names.trace_id.unwrap_or_default(),
            document_json: document.json,
        })
    }

    async fn decide(&self, caller: Caller, request: DecideApprovalRequest) -> Result<Task, Refusal> {
        let id = identifiers::require(&request.task_id)?;
        let body = decision::to_json(request, self.app.limits.json_depth)?;
        let decision = documents::approve::read(body)?;
        self.app.decide(caller, id, &decision).await?;
        self.task(caller, &id.to_string()).await
    }

    async fn judges(&self, caller: Caller) -> Result<Judges, Refusal> {
        judges::from_json(self.app.judges(caller).await?.json)
    }

    async fn watch(
        &self,
        caller: Caller,
        request: &WatchTaskRequest,
    ) -> Result<BoxStream<'static, Result<TaskEvent, Status>>, Refusal> {
        let id = identifiers::require(&request.task_id)?;
        let watch = live::open(Arc::clone(&self.app), caller, id, request.after_sequence).await?;
        Ok(match watch {
            Some(watch) => watch.into_stream().map(|event| Ok(message(&event))).boxed(),
            None => stream::empty().boxed(),
        })
    }
}

#[tonic::async_trait]
impl OrchestratorService for Orchestrator {
    type WatchTaskStream = BoxStream<'static, Result<TaskEvent, Status>>;

    async fn submit_task(&self, request: Request<SubmitTaskRequest>) -> Result<Response<SubmitTaskResponse>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.submit(caller, key, request.into_inner()).await)
    }

    async fn fork_task(&self, request: Request<ForkTaskRequest>) -> Result<Response<ForkTaskResponse>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.fork(caller, key, request.into_inner()).await)
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Result<Response<Task>, Status> {
        let caller = caller(&request);
        answer(caller, self.task(caller, &request.into_inner().task_id).await)
    }

    async fn watch_task(&self, request: Request<WatchTaskRequest>) -> Result<Response<Self::WatchTaskStream>, Status> {
        let caller = caller(&request);
        answer(caller, self.watch(caller, request.get_ref()).await)
    }

    async fn get_trace(&self, request: Request<GetTaskRequest>) -> Result<Response<TaskTrace>, Status> {
        let caller = caller(&request);
        answer(caller, self.trace(caller, &request.into_inner().task_id).await)
    }

    async fn get_judges(&self, request: Request<GetJudgesRequest>) -> Result<Response<Judges>, Status> {
        let caller = caller(&request);
        answer(caller, self.judges(caller).await)
    }

    async fn decide_approval(&self, request: Request<DecideApprovalRequest>) -> Result<Response<Task>, Status> {
        let caller = caller(&request);
        answer(caller, self.decide(caller, request.into_inner()).await)
    }
}

pub(super) fn caller<T>(request: &Request<T>) -> Caller {
    let traceparent = request
        .metadata()
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    trace::current().map_or_else(|| Caller::new(traceparent, service::ids::v7), |trace| Caller { trace })
}

pub(super) fn answer<T>(caller: Caller, result: Result<T, Refusal>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|refusal| {
        let refusal = refusal.traced(caller.trace.trace_id);
        refusal.log();
        refusal.into()
    })
}

fn message(event: &live::Event) -> TaskEvent {
    TaskEvent {
        sequence: event.sequence,
        r#type: event.kind.clone(),
        time: event.time.clone(),
        event_json: event.json.clone(),
    }
}
