//! What the gateway can do, for REST and gRPC alike. Documents come in checked.

use crate::caller::{Caller, TENANT};
use crate::coordinator::Coordinator;
use crate::documents::export::ExportRequest;
use crate::idempotency::IdempotencyKey;
use crate::learner::Learner;
use crate::live::Hub;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::usual_channels::{CHANNELS, UsualChannels};
use contracts::api::{ApproveRequest, ForkRequest, ProcessRequest};
use contracts::coordinator::{
    self, ApprovalRequest, ControlRequest, DecideRequest, Document, ForkResponse, JudgesRequest, ListEventsRequest,
    ListRequest, ListTasksRequest, SubmitRequest, SubmitResponse, TaskRequest,
};
use contracts::learner::{ExportChunk, ExportDocument, GetExportRequest, StartExportRequest};
use serde::Serialize;
use service::config::McpConfig;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::hash::Fingerprint;

/// Bounds on what is taken in.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Nesting of a JSON document.
    pub json_depth: usize,
    /// Requests handled at a time.
    pub requests_in_flight: usize,
    /// Event streams open at a time.
    pub watchers: usize,
    /// Bytes of a model's file.
    pub model_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            json_depth: 64,
            requests_in_flight: 1024,
            watchers: 4096,
            model_bytes: 64 << 30,
        }
    }
}

/// A verb that changes how a task goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Ends it.
    Cancel,
    /// Starts nothing more until resumed.
    Pause,
    /// Goes on.
    Resume,
    /// Continues what failed or needs attention.
    Retry,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
        }
    }
}

/// The services behind the gateway, and what it may take in.
pub struct Application {
    /// Owner of tasks, gates and tools.
    pub coordinator: Coordinator,
    /// Owner of training data.
    pub learner: Learner,
    /// Where users' results go by default.
    pub usual_channels: UsualChannels,
    /// Live events.
    pub hub: Arc<Hub>,
    /// Bounds.
    pub limits: Limits,
    /// How it is an MCP server.
    pub mcp: McpConfig,
    /// Cancelled when the process drains: event streams end then.
    pub draining: CancellationToken,
}

impl Application {
    /// Stores a task; answered after it is durable.
    ///
    /// # Errors
    /// What the coordinator refuses; 503 when it does not answer.
    pub async fn submit(
        &self,
        caller: Caller,
        document: &ProcessRequest,
        key: IdempotencyKey,
    ) -> Result<SubmitResponse, Refusal> {
        let submission_json = to_json(document)?;
        // Over the document as read: what means the same is the same request, whatever its white space.
        let body_hash = match key.0 {
            Some(_) => Fingerprint::of([submission_json.as_bytes()]).to_string(),
            None => String::new(),
        };
        let request = SubmitRequest {
            caller: Some(caller.to_message()),
            submission_json,
            idempotency_key: key.0.unwrap_or_default(),
            body_hash,
        };
        let accepted = self.accepted(caller, document, request).await?;
        tracing::Span::current().record("task_id", &accepted.task_id);
        Ok(accepted)
    }

    /// To the channels the user prefers, where the request names none. One that is there no more is no reason to refuse.
    async fn accepted(
        &self,
        caller: Caller,
        document: &ProcessRequest,
        request: SubmitRequest,
    ) -> Result<SubmitResponse, Refusal> {
        // A client's plan was made for channels of its own.
        if document.plan.is_some() || document.preferences.contains_key(CHANNELS) {
            return self.coordinator.submit(request).await;
        }
        let Some(usual) = self.usual_channels.of(&self.learner, caller).await else {
            return self.coordinator.submit(request).await;
        };
        let mut with = document.clone();
        with.preferences.insert(CHANNELS.to_owned(), usual);
        let preferred = SubmitRequest {
            submission_json: to_json(&with)?,
            ..request.clone()
        };
        match self.coordinator.submit(preferred).await {
            Err(refusal) if refusal.problem().code == "unknown_channel" => self.coordinator.submit(request).await,
            accepted => accepted,
        }
    }

    /// The status document.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn task(&self, caller: Caller, task: Uuid) -> Result<Document, Refusal> {
        let request = TaskRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
        };
        self.coordinator.task(request).await
    }

    /// The trace document.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn trace(&self, caller: Caller, task: Uuid) -> Result<Document, Refusal> {
        let request = TaskRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
        };
        self.coordinator.trace(request).await
    }

    /// The approval document of a gate, by default the only open one.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn approval(&self, caller: Caller, task: Uuid, gate: Option<Uuid>) -> Result<Document, Refusal> {
        let request = ApprovalRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
            gate_id: gate.map(|id| id.to_string()).unwrap_or_default(),
        };
        self.coordinator.approval(request).await
    }

    /// A human's answer.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn decide(&self, caller: Caller, task: Uuid, decision: &ApproveRequest) -> Result<Document, Refusal> {
        self.answer(caller, task, decision, false).await
    }

    /// The same from a model that says it for somebody.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn decide_by_model(
        &self,
        caller: Caller,
        task: Uuid,
        decision: &ApproveRequest,
    ) -> Result<Document, Refusal> {
        self.answer(caller, task, decision, true).await
    }

    async fn answer(
        &self,
        caller: Caller,
        task: Uuid,
        decision: &ApproveRequest,
        by_model: bool,
    ) -> Result<Document, Refusal> {
        let request = DecideRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
            decision_json: to_json(decision)?,
            by_model,
        };
        self.coordinator.decide(request).await
    }

    /// A page of tasks, newest first; empty `status` and `q` match all.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn tasks(&self, caller: Caller, page: Page, status: String, q: String) -> Result<Document, Refusal> {
        let request = ListTasksRequest {
            caller: Some(caller.to_message()),
            limit: page.limit,
            cursor: page.cursor,
            status,
            q,
        };
        self.coordinator.tasks(request).await
    }

    /// A page of what waits for a human, oldest first; of one who is to answer it, or of anybody.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn approvals(&self, caller: Caller, page: Page, assignee: String) -> Result<Document, Refusal> {
        let request = ListRequest {
            caller: Some(caller.to_message()),
            limit: page.limit,
            cursor: page.cursor,
            assignee,
        };
        self.coordinator.approvals(request).await
    }

    /// Changes how a task goes on. `body`: the verb's document, if it has one.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn control<T: Serialize>(
        &self,
        caller: Caller,
        task: Uuid,
        verb: Verb,
        body: Option<&T>,
    ) -> Result<Document, Refusal> {
        let request = ControlRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
            verb: verb.as_str().to_owned(),
            body_json: body.map(to_json).transpose()?.unwrap_or_default(),
        };
        self.coordinator.control(request).await
    }

    /// Starts a task on the plan of another one.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn fork(
        &self,
        caller: Caller,
        task: Uuid,
        fork: &ForkRequest,
        key: IdempotencyKey,
    ) -> Result<ForkResponse, Refusal> {
        let fork_json = to_json(fork)?;
        let body_hash = match key.0 {
            Some(_) => Fingerprint::of([task.as_bytes().as_slice(), fork_json.as_bytes()]).to_string(),
            None => String::new(),
        };
        let request = coordinator::ForkRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
            fork_json,
            idempotency_key: key.0.unwrap_or_default(),
            body_hash,
        };
        let answer = self.coordinator.fork(request).await?;
        if let Some(task) = &answer.task {
            tracing::Span::current().record("task_id", &task.task_id);
        }
        Ok(answer)
    }

    /// A page of a task's events above `after`.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn events(&self, caller: Caller, task: Uuid, after: u64, limit: u32) -> Result<Document, Refusal> {
        let request = ListEventsRequest {
            caller: Some(caller.to_message()),
            task_id: task.to_string(),
            after,
            limit,
        };
        self.coordinator.events(request).await
    }

    /// How far people agree with judges.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn judges(&self, caller: Caller) -> Result<Document, Refusal> {
        let caller = Some(caller.to_message());
        self.coordinator.judges(JudgesRequest { caller }).await
    }

    /// Starts an export of training data.
    ///
    /// # Errors
    /// What the learner refuses; 503 when it does not answer.
    pub async fn start_export(&self, options: &ExportRequest) -> Result<ExportDocument, Refusal> {
        let request = StartExportRequest {
            tenant: TENANT.to_owned(),
            options_json: to_json(options)?,
        };
        self.learner.start_export(request).await
    }

    /// An export's document.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn export(&self, export: Uuid) -> Result<ExportDocument, Refusal> {
        self.learner.export(export_request(export)).await
    }

    /// An export's bytes.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn download(&self, export: Uuid) -> Result<tonic::Streaming<ExportChunk>, Refusal> {
        self.learner.download(export_request(export)).await
    }
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// 1-200.
    pub limit: u32,
    /// Empty: from the beginning.
    pub cursor: String,
}

impl Page {
    /// From `limit` and `cursor`.
    ///
    /// # Errors
    /// 422 for a limit outside of 1-200, 400 for a cursor that no page gave.
    pub fn of(query: &Parameters) -> Result<Self, Refusal> {
        Ok(Self {
            limit: query.limit()?,
            cursor: query.cursor()?,
        })
    }
}

fn export_request(export: Uuid) -> GetExportRequest {
    GetExportRequest {
        tenant: TENANT.to_owned(),
        export_id: export.to_string(),
    }
}

pub(crate) fn to_json<T: Serialize>(document: &T) -> Result<String, Refusal> {
    serde_json::to_string(document).map_err(|_| Refusal::new(500, "internal", "the request could not be passed on"))
}

/// A service behind the gateway answered with something else than its contract says.
pub fn unreadable(what: &str) -> Refusal {
    Refusal::new(500, "internal", format!("{what} could not be read"))
}
