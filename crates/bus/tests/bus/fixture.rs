//! A bus of a test's own, work items, and a worker that runs them.

use crate::coordinator::TestCoordinator;
use bus::intake::Intake;
use bus::topology::{self, ConsumerSpec};
use bus::worker::{self, Ended, Handler, JobContext, Serves, Sources, Status, WorkerConfig, WorkerError};
use bus::{Bus, BusConfig, Lane, Outgoing, Token};
use contracts::work::job::Spec;
use contracts::work::{Job, JobResult, Payload, StepSpec, WorkItem, WorkResult, payload};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::Nats;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::vocabulary::WorkKind;

/// Far above what anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn id() -> Uuid {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u128((u128::from(std::process::id()) << 32) | u128::from(number))
}

pub fn pool() -> Token {
    Token::parse("default").unwrap()
}

pub fn config(url: &str, prefix: &str) -> BusConfig {
    BusConfig {
        url: url.to_owned(),
        user: None,
        password: None,
        prefix: prefix.to_owned(),
        name: "test".to_owned(),
    }
}

/// A bus with its streams on the shared server.
pub async fn bus() -> Bus {
    let nats = Nats::shared().await.unwrap();
    let bus = Bus::connect(&config(nats.url(), &nats.prefix())).await.unwrap();
    bus.connected().await;
    topology::ensure(&bus).await.unwrap();
    bus
}

pub fn step(tool: &str) -> Job {
    Job {
        job_id: id().to_string(),
        dispatch: 1,
        attempt: 1,
        timeout_seconds: 30.0,
        spec: Some(Spec::Step(StepSpec {
            key: "step".to_owned(),
            tool_id: tool.to_owned(),
            arguments_json: "{}".to_owned(),
            ..StepSpec::default()
        })),
        ..Job::default()
    }
}

pub fn item(bus: &Bus, jobs: Vec<Job>) -> WorkItem {
    WorkItem {
        task_id: id().to_string(),
        tenant: "default".to_owned(),
        kind: "execute".to_owned(),
        pool: "default".to_owned(),
        result_subject: bus.names().result_subject(Lane::of(0)),
        traceparent: String::new(),
        submission: Some(json("{\"request\":\"test\"}")),
        jobs,
        more: Vec::new(),
    }
}

pub fn json(text: &str) -> Payload {
    Payload {
        body: Some(payload::Body::Json(text.to_owned())),
    }
}

/// Publishes an item and tells its sequence.
pub async fn send(bus: &Bus, item: &WorkItem) -> u64 {
    let subject = bus.names().work_subject(WorkKind::Execute, &pool());
    let message_id = format!("{}:{}", item.jobs[0].job_id, item.jobs[0].dispatch);
    let message = Outgoing::new(subject, message_id, item.encode_to_vec());
    bus.publish_one(message).await.unwrap().sequence
}

pub async fn messages_in(bus: &Bus, stream: bus::names::StreamName) -> u64 {
    let stream = bus.jetstream().get_stream(bus.names().stream(stream)).await.unwrap();
    stream.cached_info().state.messages
}

/// Waits until a stream holds this many messages.
pub async fn wait_for_messages(bus: &Bus, stream: bus::names::StreamName, count: u64) {
    let settled = async {
        while messages_in(bus, stream).await != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, settled).await.unwrap();
}

/// Reads results as a coordinator does.
pub struct ResultReader(Intake);

impl ResultReader {
    pub fn open(bus: &Bus) -> Self {
        Self(Intake::open(bus, ConsumerSpec::results(bus, Lane::of(0)), 1024))
    }

    pub async fn next(&mut self) -> Vec<JobResult> {
        let mut batch = Vec::new();
        timeout(PATIENCE, self.0.next_batch(&mut batch, 64)).await.unwrap();
        let mut results = Vec::new();
        for delivery in batch {
            results.extend(WorkResult::decode(delivery.payload().clone()).unwrap().results);
            delivery.ack().await;
        }
        results
    }

    pub async fn take(&mut self, count: usize) -> Vec<JobResult> {
        let mut results = Vec::new();
        while results.len() < count {
            results.extend(self.next().await);
        }
        assert_eq!(results.len(), count);
        results
    }

    /// Nothing arrives for a while.
    pub async fn nothing(&mut self) {
        let mut batch = Vec::new();
        let waited = timeout(Duration::from_millis(300), self.0.next_batch(&mut batch, 1)).await;
        assert!(waited.is_err(), "unexpected result");
    }
}

/// Does what the tool's name says.
pub struct ToolHandler {
    /// Counts begun runs.
    pub begun: watch::Sender<u32>,
    /// Tool `gate` runs until this is true.
    pub open: watch::Sender<bool>,
}

impl Handler for ToolHandler {
    async fn run(&self, job: JobContext) -> Ended {
        self.begun.send_modify(|begun| *begun += 1);
        let Some(Spec::Step(step)) = &job.job.spec else {
            return Ended::failure("internal", "not a step", false);
        };
        match step.tool_id.as_str() {
            "null" => Ended::output(step.arguments_json.clone()),
            "input" => Ended::output(worker::json_of(step.inputs[0].output.as_ref()).to_owned()),
            "large" => Ended::output(format!("\"{}\"", "x".repeat(200_000))),
            "gate" => {
                self.open.subscribe().wait_for(|open| *open).await.unwrap();
                Ended::output("\"opened\"".to_owned())
            }
            "forever" => std::future::pending().await,
            "panic" => panic!("as asked"),
            "effect" => crate::effects::send_by_licence(&job, &self.open).await,
            other => Ended::failure("tool_unknown", other, false),
        }
    }
}

/// Waits until a worker has this many jobs.
pub async fn wait_for_busy(worker: &RunningWorker, count: usize) {
    let mut status = worker.status.clone();
    timeout(PATIENCE, status.wait_for(|status| status.busy == count))
        .await
        .unwrap()
        .unwrap();
}

/// A worker in the background.
pub struct RunningWorker {
    pub handler: Arc<ToolHandler>,
    pub status: watch::Receiver<Status>,
    pub shutdown: CancellationToken,
    pub ended: JoinHandle<Result<(), WorkerError>>,
}

impl RunningWorker {
    pub fn start(bus: &Bus, coordinator: &TestCoordinator, slots: usize, drain: Duration) -> Self {
        let handler = Arc::new(ToolHandler {
            begun: watch::Sender::new(0),
            open: watch::Sender::new(false),
        });
        let status = watch::Sender::new(Status::default());
        let config = WorkerConfig {
            worker_id: format!("worker-{}", id()),
            pool: pool(),
            serves: vec![Serves {
                kind: WorkKind::Execute,
                slots,
            }],
            drain_deadline: drain,
            sources: Sources {
                run_id: id,
                unix_ms: || 1_700_000_000_000,
            },
            status: status.clone(),
        };
        let shutdown = CancellationToken::new();
        let running = worker::run(
            bus.clone(),
            coordinator.client(),
            config,
            Arc::clone(&handler),
            shutdown.clone(),
        );
        Self {
            handler,
            status: status.subscribe(),
            shutdown,
            ended: tokio::spawn(running),
        }
    }

    pub async fn begun(&self, count: u32) {
        let mut begun = self.handler.begun.subscribe();
        timeout(PATIENCE, begun.wait_for(|begun| *begun >= count))
            .await
            .unwrap()
            .unwrap();
    }

    pub fn open_gate(&self) {
        self.handler.open.send_replace(true);
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.ended).await.unwrap().unwrap().unwrap();
    }
}
