//! A coordinator to test: a real writer, Postgres and NATS, and the verbs of its users.

use super::super::Tasks;
use crate::catalog::SharedCatalog;
use crate::clock::DatabaseClock;
use crate::metrics::Metrics;
use crate::store;
use crate::view::story::{self, tools, two_steps, well};
use crate::work::account::Account;
use crate::writer::inbox::{Ask, Envelope, Inbox};
use crate::writer::{Shared, Writer, WriterConfig};
use bus::{Bus, BusConfig, Lane};
use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{
    ApprovalRequest, Caller, ControlRequest, DecideRequest, Document, ListRequest, SubmitRequest, TaskRequest,
};
use contracts::problem::Problem;
use contracts::work::{JobResult, Released, job_result};
use serde_json::{Value, json};
use service::config::Config;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status};
use workflow::ids::{RunId, TaskId};
use workflow::input::{Cost, Failure, Input, Outcome, Postponed};
use workflow::plan::PlanLimits;
use workflow::state::{Job, JobState, Money, Task, Unit};
use workflow::time::Millis;
use workflow::vocabulary::ToolState;

/// A coordinator without its background loops.
pub(in crate::grpc) struct World {
    pub(in crate::grpc) tasks: Tasks,
    /// Who its users are.
    pub(in crate::grpc) tenant: &'static str,
    pub(in crate::grpc) database_url: String,
    _stop: DropGuard,
}

/// A database with the tools, and a prefix of subjects, of its own.
async fn place() -> (String, String) {
    let database = testkit::Postgres::shared().await.unwrap().database().await.unwrap();
    let pool = store::pool(&database.url, 1).unwrap();
    store::migrate(&pool).await.unwrap();
    for spec in tools() {
        store::catalog::put(&pool, &spec, ToolState::Active).await;
    }
    let nats = testkit::Nats::shared().await.unwrap();
    (database.url, nats.prefix())
}

pub(in crate::grpc) const LIMIT: Duration = Duration::from_secs(20);

impl World {
    pub(in crate::grpc) async fn new() -> Self {
        Self::with_webhooks(json!([])).await
    }

    pub(in crate::grpc) async fn with_webhooks(webhooks: Value) -> Self {
        Self::with(json!({ "webhooks": webhooks })).await
    }

    /// With sections beside, or instead of, those that are always there.
    pub(in crate::grpc) async fn with(sections: Value) -> Self {
        let (database_url, prefix) = place().await;
        Self::at(&database_url, &prefix, &sections).await
    }

    /// Two coordinators of the same database and broker, under the same policy.
    pub(in crate::grpc) async fn two_with_policy(mut policy: Value) -> (Self, Self) {
        let (database_url, prefix) = place().await;
        policy["channels"] = json!(["blog"]);
        let sections = json!({ "policy": policy });
        let one = || Self::at(&database_url, &prefix, &sections);
        (one().await, one().await)
    }

    async fn at(database_url: &str, prefix: &str, sections: &Value) -> Self {
        let mut config = json!({
            "channels": [{ "name": "blog", "kind": "null" }], "policy": { "channels": ["blog"] },
            "quality": { "dimensions": { "clarity": { "weight": 1.0 }, "tone": { "weight": 1.0 } } },
        });
        for (name, section) in sections.as_object().unwrap() {
            config[name] = section.clone();
        }
        let config: Config = serde_json::from_value(config).unwrap();
        let pool = store::pool(database_url, 4).unwrap();
        let nats = testkit::Nats::shared().await.unwrap();
        let address = BusConfig {
            url: nats.url().to_owned(),
            user: None,
            password: None,
            prefix: prefix.to_owned(),
            name: "test".to_owned(),
        };
        let bus = Bus::connect(&address).await.unwrap();
        bus.connected().await;
        bus::topology::ensure(&bus).await.unwrap();
        let now = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&pool)
            .await
            .unwrap();
        let (inbox, envelopes) = Inbox::new();
        let shared = Arc::new(Shared {
            judges: crate::judges::SharedJudges::new(&config.quality.judge_floor),
            bus,
            pool: pool.clone(),
            clock: Arc::new(DatabaseClock::new(now)),
            catalog: SharedCatalog::default(),
            limits: PlanLimits::default(),
            inbox,
            lane: Lane::of(0),
            leases_end: AtomicBool::new(false),
            outages: std::sync::atomic::AtomicU64::new(0),
            events_stream: Arc::default(),
            beats: watch::channel(crate::beats::Beats::default()).1,
            metrics: Metrics::new(&service::metrics::Registry::default()),
            paces: crate::work::pace::Paces::default(),
            measures: crate::catalog::measures::Measures::default(),
            tenant_budgets: crate::tenant_budgets::TenantBudgets::new(&config.policy.tenant_budgets),
            shown: crate::tenant_budgets::Shown::default(),
            subscriptions: crate::notices::Subscriptions::new(&config.webhooks),
            rollouts: crate::rollouts::SharedRollouts::default(),
            erasure_ordered: tokio::sync::Notify::new(),
        });
        shared.catalog.refresh(&pool).await.unwrap();
        let stop = CancellationToken::new();
        let settings = WriterConfig {
            database_url: database_url.to_owned(),
            max_batch: 64,
            cached_tasks: 100,
        };
        tokio::spawn(Writer::new(Arc::clone(&shared), settings).run(envelopes, stop.clone()));
        Self {
            tasks: Tasks {
                shared,
                config: Arc::new(config),
            },
            tenant: "a",
            database_url: database_url.to_owned(),
            _stop: stop.drop_guard(),
        }
    }

    pub(in crate::grpc) async fn submit_with(
        &self,
        key: &str,
        document: Value,
    ) -> Result<(String, bool), Box<Problem>> {
        let request = SubmitRequest {
            caller: caller(self.tenant),
            body_hash: document.to_string(),
            submission_json: document.to_string(),
            idempotency_key: key.to_owned(),
        };
        let answer = self
            .tasks
            .submit(Request::new(request))
            .await
            .map_err(|s| Box::new(Problem::from_status(&s)))?;
        let answer = answer.into_inner();
        Ok((answer.task_id, answer.replayed))
    }

    pub(in crate::grpc) async fn submit(&self, document: Value) -> String {
        self.submit_with("", document).await.unwrap().0
    }

    pub(in crate::grpc) async fn status(&self, task_id: &str) -> Value {
        let request = TaskRequest {
            caller: caller(self.tenant),
            task_id: task_id.to_owned(),
        };
        document(self.tasks.get_task(Request::new(request)).await).unwrap()
    }

    pub(in crate::grpc) async fn approval(&self, task_id: &str, gate_id: &str) -> Result<Value, Box<Problem>> {
        let request = ApprovalRequest {
            caller: caller(self.tenant),
            task_id: task_id.to_owned(),
            gate_id: gate_id.to_owned(),
        };
        document(self.tasks.get_approval(Request::new(request)).await)
    }

    pub(in crate::grpc) async fn decide(&self, task_id: &str, decision: Value) -> Result<Value, Box<Problem>> {
        self.decide_as(caller(self.tenant), task_id, decision).await
    }

    pub(in crate::grpc) async fn decide_as(
        &self,
        caller: Option<Caller>,
        task_id: &str,
        decision: Value,
    ) -> Result<Value, Box<Problem>> {
        let request = DecideRequest {
            caller,
            task_id: task_id.to_owned(),
            decision_json: decision.to_string(),
            by_model: false,
        };
        document(self.tasks.decide(Request::new(request)).await)
    }

    pub(in crate::grpc) async fn control(&self, task_id: &str, verb: &str) -> Result<Value, Box<Problem>> {
        let request = ControlRequest {
            caller: caller(self.tenant),
            task_id: task_id.to_owned(),
            verb: verb.to_owned(),
            body_json: String::new(),
        };
        document(self.tasks.control(Request::new(request)).await)
    }

    pub(in crate::grpc) async fn approvals(&self, limit: u32, cursor: &str) -> Value {
        self.approvals_of("", limit, cursor).await
    }

    pub(in crate::grpc) async fn approvals_of(&self, assignee: &str, limit: u32, cursor: &str) -> Value {
        let request = ListRequest {
            assignee: assignee.to_owned(),
            caller: caller(self.tenant),
            limit,
            cursor: cursor.to_owned(),
        };
        document(self.tasks.list_approvals(Request::new(request)).await).unwrap()
    }

    /// The worker of the task's only job hands it back, since no model answers.
    pub(in crate::grpc) async fn postpone(&self, task_id: &str) {
        let id = task_id.parse().unwrap();
        let (task, _) = store::tasks::find(&self.tasks.shared.pool, self.tenant, id)
            .await
            .unwrap()
            .unwrap();
        let (job, run) = (id.job(task.jobs[0].serial), RunId(uuid::Uuid::from_u128(7)));
        let mut result = JobResult {
            outcome: Some(job_result::Outcome::Released(Released {
                code: "model_unavailable".to_owned(),
                message: "no model answers".to_owned(),
                ..Released::default()
            })),
            ..JobResult::default()
        };
        let input = Input::JobReleased {
            job,
            dispatch: task.jobs[0].dispatch,
            run,
            cost: Cost::default(),
            postponed: Some(Postponed {
                code: "model_unavailable".to_owned(),
                message: "no model answers".to_owned(),
                pause: Millis::secs(600),
                needs: Money::default(),
            }),
        };
        let (reply, answer) = oneshot::channel();
        let envelope = Envelope {
            task: id,
            ask: Ask::Input(input),
            reply: Some(reply),
            receipt: None,
            account: Account::of(job, run, &mut result).map(Arc::new),
            took: None,
        };
        self.tasks.shared.inbox.send(envelope).await;
        answer.await.unwrap();
    }

    /// The unit is a step of the tool `send`, which nobody let through yet.
    async fn needs_word(&self, task: &Task, unit: Unit) -> bool {
        let Unit::Step(index) = unit else { return false };
        let index = usize::from(index);
        let word = task.steps[index].asked.as_ref().and_then(|a| a.approved);
        word.is_none() && self.status(&task.id.to_string()).await["plan"]["steps"][index]["tool_id"] == "send"
    }

    /// Ends every dispatched job well until nothing is dispatched any more.
    pub(in crate::grpc) async fn work(&self, task_id: &str) {
        let id = task_id.parse().unwrap();
        for _ in 0..20 {
            let (task, _) = store::tasks::find(&self.tasks.shared.pool, self.tenant, id)
                .await
                .unwrap()
                .unwrap();
            let Some(job) = task.jobs.iter().find(|j| !matches!(j.state, JobState::Ready { .. })) else {
                return;
            };
            let key = match job.unit {
                Unit::Format(i) | Unit::Publish(i) => task.deliveries[usize::from(i)].channel.clone(),
                _ => "step".to_owned(),
            };
            let ended = Ok(if self.needs_word(&task, job.unit).await {
                story::asked(&key)
            } else {
                well(job.unit, &key, 1.0)
            });
            self.end(id, job, ended).await;
        }
        panic!("the task does not settle");
    }

    /// A worker ends a dispatched job.
    pub(in crate::grpc) async fn end(&self, task: TaskId, job: &Job, ended: Result<Outcome, Failure>) {
        let input = story::ended_with(task.job(job.serial), job.dispatch, ended, Cost::default());
        let (reply, answer) = oneshot::channel();
        let envelope = Envelope {
            task,
            ask: Ask::Input(input),
            reply: Some(reply),
            receipt: None,
            account: None,
            took: Some(Duration::from_millis(250)),
        };
        self.tasks.shared.inbox.send(envelope).await;
        answer.await.unwrap();
    }

    /// The only job of the task that is dispatched.
    pub(in crate::grpc) async fn job(&self, task: TaskId) -> Job {
        let found = store::tasks::find(&self.tasks.shared.pool, "a", task).await.unwrap();
        found.unwrap().0.jobs.remove(0)
    }
}

pub(in crate::grpc) fn caller(tenant: &str) -> Option<Caller> {
    Some(Caller {
        tenant: tenant.to_owned(),
        actor: "ann".to_owned(),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
    })
}

pub(in crate::grpc) fn document(answer: Result<Response<Document>, Status>) -> Result<Value, Box<Problem>> {
    let answer = answer.map_err(|status| Box::new(Problem::from_status(&status)))?;
    Ok(serde_json::from_str(&answer.into_inner().json).unwrap())
}

pub(in crate::grpc) fn planned(request: &str) -> Value {
    json!({ "request": request, "plan": two_steps() })
}

pub(in crate::grpc) fn code(answer: Result<Value, Box<Problem>>) -> (u16, String) {
    let problem = answer.unwrap_err();
    (problem.status, problem.code)
}
