//! A coordinator in memory: enough to tell whether the gateway asked rightly and passed answers on.

use contracts::coordinator::task_service_server::{TaskService, TaskServiceServer};
use contracts::coordinator::tool_service_server::ToolServiceServer;
use contracts::coordinator::*;
use contracts::problem::{FieldError, Problem};
use futures::stream::BoxStream;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

#[derive(Default)]
pub struct FakeCoordinator {
    pub submissions: Mutex<Vec<SubmitRequest>>,
    pub decisions: Mutex<Vec<(String, Value)>>,
    pub controls: Mutex<Vec<ControlRequest>>,
    pub forks: Mutex<Vec<ForkRequest>>,
    pub lists: Mutex<Vec<ListTasksRequest>>,
    pub event_reads: Mutex<u32>,
    pub ratings: Mutex<Vec<RateJudgementRequest>>,
    /// It is of a version that knows no ratings.
    pub is_old: std::sync::atomic::AtomicBool,
    pub catalog: super::catalog::FakeCatalog,
    tasks: Mutex<HashMap<String, Task>>,
}

#[derive(Default)]
struct Task {
    request: String,
    events: Vec<Value>,
    decided: bool,
    /// The approval document of its open gate.
    gate: Option<Value>,
}

impl FakeCoordinator {
    /// Makes the next event of a task durable; as it would be published.
    pub fn happen(&self, task: &str, kind: &str) -> Value {
        let mut tasks = self.tasks.lock().unwrap();
        let events = &mut tasks.get_mut(task).unwrap().events;
        let event = json!({
            "specversion": "1.0", "id": format!("{task}-{}", events.len() + 1), "source": "test",
            "type": format!("io.orchestrator.{kind}.v1"), "subject": task, "sequence": events.len() + 1,
            "time": "2030-01-01T00:00:00Z", "tenant": "default", "data": {"kind": kind},
        });
        events.push(event.clone());
        event
    }

    /// A task waits for a person to publish its result.
    pub fn ask(&self, task: &str, gate: &str) {
        let publication = json!({
            "gate_id": gate, "kind": "publication", "allowed_actions": ["approve", "revise"],
            "deliverables": [{"channel": "file", "title": "Tea", "content": "All of it"}],
        });
        self.ask_about(task, publication);
    }

    /// A task waits for a person; the rest of this is told by its approval document.
    pub fn ask_about(&self, task: &str, mut gate: Value) {
        gate["content_hash"] = "ab12".into();
        self.tasks.lock().unwrap().get_mut(task).unwrap().gate = Some(gate);
    }

    pub fn submitted(&self) -> usize {
        self.submissions.lock().unwrap().len()
    }

    fn with<T>(&self, task: &str, f: impl FnOnce(&mut Task) -> T) -> Result<T, Status> {
        let mut tasks = self.tasks.lock().unwrap();
        let task = tasks
            .get_mut(task)
            .ok_or_else(|| Problem::new(404, "task_not_found", "no such task").to_status())?;
        Ok(f(task))
    }
}

/// What a status tells of a gate.
fn open_gate(approval: &Value) -> Value {
    let told = ["gate_id", "kind", "step_key", "content_hash", "allowed_actions"];
    let members = told
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), approval.get(name)?.clone())));
    Value::Object(members.collect())
}

/// A request whose plan has as many faults as can be told.
pub const MANY_FAULTS: &str = "a plan full of faults";

fn many_faults() -> Problem {
    let fault = |step| FieldError {
        pointer: format!("/plan/steps/{step}/arguments"),
        detail: "wrong ".repeat(100),
    };
    Problem::new(422, "plan_arguments", "the plan is refused").with_errors((0..64).map(fault).collect())
}

pub fn document(json: Value) -> Result<Response<Document>, Status> {
    Ok(Response::new(Document {
        json: json.to_string(),
        replayed: false,
    }))
}

fn list(items: &[Value], next_cursor: Option<&str>) -> Result<Response<Document>, Status> {
    document(json!({"items": items, "next_cursor": next_cursor}))
}

#[tonic::async_trait]
impl TaskService for FakeCoordinator {
    type GetRecordsStream = BoxStream<'static, Result<Record, Status>>;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let request = request.into_inner();
        if request.submission_json.contains(MANY_FAULTS) {
            return Err(many_faults().to_status());
        }
        if request.submission_json.contains("no-such-channel") {
            return Err(Problem::new(422, "unknown_channel", "there is no such channel").to_status());
        }
        let mut submissions = self.submissions.lock().unwrap();
        let known = submissions
            .iter()
            .position(|s| !s.idempotency_key.is_empty() && s.idempotency_key == request.idempotency_key);
        let at = known.unwrap_or(submissions.len());
        let task_id = format!("01900000-0000-7000-8000-{at:012}");
        if let Some(known) = known {
            if submissions[known].body_hash != request.body_hash {
                return Err(Problem::new(422, "idempotency_key_reused", "another request had this key").to_status());
            }
        } else {
            let body: Value = serde_json::from_str(&request.submission_json).unwrap();
            let task = Task {
                request: body["request"].as_str().unwrap().to_owned(),
                ..Task::default()
            };
            self.tasks.lock().unwrap().insert(task_id.clone(), task);
            submissions.push(request);
        }
        Ok(Response::new(SubmitResponse {
            task_id,
            status: "submitted".to_owned(),
            replayed: known.is_some(),
        }))
    }

    async fn get_task(&self, request: Request<TaskRequest>) -> Result<Response<Document>, Status> {
        let id = request.into_inner().task_id;
        let status = self.with(&id, |task| {
            let ended = task
                .events
                .iter()
                .any(|e| e["type"] == "io.orchestrator.task.completed.v1");
            let status = match &task.gate {
                _ if ended => "completed",
                Some(_) => "awaiting_approval",
                None => "executing",
            };
            let gates: Vec<Value> = task.gate.iter().map(open_gate).collect();
            json!({
                "open_gates": gates, "published": [{"channel": "blog", "state": "published"}],
                "task_id": id, "status": status, "phase": "execution", "request": task.request,
                "progress": {"steps_total": 2, "steps_done": 1}, "quality": {"overall": 0.75}, "refinements": 1,
                "plan": {"version": 1, "steps": [{"step_id": "s", "key": "draft", "title": null, "tool_id": "null",
                    "depends_on": [], "status": "running", "attempt": 1, "round": 0}]},
                "created_at": "2030-01-01T00:00:00Z", "updated_at": "2030-01-01T00:00:00Z",
            })
        })?;
        document(status)
    }

    async fn get_trace(&self, request: Request<TaskRequest>) -> Result<Response<Document>, Status> {
        let id = request.into_inner().task_id;
        self.with(&id, |_| ())?;
        document(json!({"task_id": id, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "steps": []}))
    }

    async fn get_approval(&self, request: Request<ApprovalRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        if request.gate_id.is_empty() {
            self.with(&request.task_id, |_| ())?;
            return Err(Problem::new(409, "gate_ambiguous", "several gates are open")
                .with("gates", json!(["a", "b"]))
                .to_status());
        }
        let approval = self.with(&request.task_id, |task| {
            let open = task
                .gate
                .clone()
                .filter(|gate| gate["gate_id"] == request.gate_id.as_str());
            let mut approval = open.unwrap_or_else(|| json!({"gate_id": request.gate_id}));
            approval["task_id"] = request.task_id.as_str().into();
            approval["request"] = task.request.as_str().into();
            approval
        })?;
        document(approval)
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        let won = self.with(&request.task_id, |task| {
            task.gate = None;
            !std::mem::replace(&mut task.decided, true)
        })?;
        if !won {
            let problem = Problem::new(409, "already_decided", "somebody was faster")
                .with("decided_by", "local")
                .with("decided_at", "2030-01-01T00:00:00Z");
            return Err(problem.to_status());
        }
        let mut decision: Value = serde_json::from_str(&request.decision_json).unwrap();
        if request.by_model {
            decision["by_model"] = true.into();
        }
        self.decisions.lock().unwrap().push((request.task_id.clone(), decision));
        document(json!({"task_id": request.task_id, "status": "publishing"}))
    }

    async fn rate_judgement(
        &self,
        request: Request<RateJudgementRequest>,
    ) -> Result<Response<RateJudgementResponse>, Status> {
        if self.is_old.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Status::unimplemented(""));
        }
        self.ratings.lock().unwrap().push(request.into_inner());
        Ok(Response::new(RateJudgementResponse { labelled: true }))
    }

    async fn get_judges(&self, _: Request<JudgesRequest>) -> Result<Response<Document>, Status> {
        let measured = |value: Option<f64>| json!({"value": value, "n": 4, "interval": null, "window": {"days": 30}});
        let overall = json!({"n": 4, "agreement": measured(Some(0.25)), "kappa": measured(None)});
        let judge = json!({
            "models": ["openai/small"], "prompts": ["judge@2"], "may_approve": false, "reason": "few agree",
            "figures": {"overall": overall},
        });
        list(&[judge], None)
    }

    async fn fork(&self, request: Request<ForkRequest>) -> Result<Response<ForkResponse>, Status> {
        let request = request.into_inner();
        self.with(&request.task_id, |_| ())?;
        let forked_from =
            json!({"task_id": request.task_id, "from_step": null, "reused": ["a"], "saved": {"usd": 0.25}});
        let mut forks = self.forks.lock().unwrap();
        let replayed = forks
            .iter()
            .any(|f| !f.idempotency_key.is_empty() && f.body_hash == request.body_hash);
        forks.push(request);
        Ok(Response::new(ForkResponse {
            task: Some(SubmitResponse {
                task_id: "01900000-0000-7000-8000-00000000f0f0".to_owned(),
                status: "submitted".to_owned(),
                replayed,
            }),
            forked_from_json: forked_from.to_string(),
        }))
    }

    async fn list_tasks(&self, request: Request<ListTasksRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        if !request.cursor.is_empty() && request.cursor != "page-2" {
            return Err(Problem::new(400, "invalid_cursor", "forged").to_status());
        }
        let next = request.cursor.is_empty().then_some("page-2");
        self.lists.lock().unwrap().push(request);
        list(&[json!({"task_id": "x"})], next)
    }

    async fn list_approvals(&self, _: Request<ListRequest>) -> Result<Response<Document>, Status> {
        list(&[], None)
    }

    async fn control(&self, request: Request<ControlRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        self.with(&request.task_id, |_| ())?;
        let answer = json!({"task_id": request.task_id, "status": request.verb});
        self.controls.lock().unwrap().push(request);
        document(answer)
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        *self.event_reads.lock().unwrap() += 1;
        let page: Vec<Value> = self.with(&request.task_id, |task| {
            let above = |e: &&Value| e["sequence"].as_u64().unwrap() > request.after;
            task.events
                .iter()
                .filter(above)
                .take(request.limit as usize)
                .cloned()
                .collect()
        })?;
        list(&page, None)
    }

    async fn list_finished(&self, _: Request<ListFinishedRequest>) -> Result<Response<ListFinishedResponse>, Status> {
        Err(Status::unimplemented("not asked by a gateway"))
    }

    async fn erase_user_tasks(
        &self,
        _: Request<EraseUserTasksRequest>,
    ) -> Result<Response<EraseUserTasksResponse>, Status> {
        Err(Status::unimplemented("not asked by a gateway"))
    }

    async fn get_records(&self, _: Request<GetRecordsRequest>) -> Result<Response<Self::GetRecordsStream>, Status> {
        Err(Status::unimplemented("not asked by a gateway"))
    }
}

/// Serves until `stop`; its URL.
pub async fn serve(coordinator: Arc<FakeCoordinator>, stop: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder()
        .add_service(ToolServiceServer::from_arc(Arc::clone(&coordinator)))
        .add_service(TaskServiceServer::from_arc(coordinator));
    tokio::spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned()));
    url
}
