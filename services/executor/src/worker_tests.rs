//! The executor as a process would run it: real NATS, a coordinator's gRPC service of the test's own.

mod agents;
mod definitions;

use anyhow::{Context as _, ensure};
use bus::intake::Intake;
use bus::topology::{self, ConsumerSpec};
use bus::worker::inline;
use bus::{Bus, BusConfig, Lane, Outgoing, Token};
use contracts::coordinator::worker_service_server::{WorkerService, WorkerServiceServer};
use contracts::coordinator::{
    AnnounceToolsRequest, AnnounceToolsResponse, BeatRequest, BeatResponse, BeginEffectRequest, BeginEffectResponse,
    EndEffectRequest, EndEffectResponse, GetPayloadRequest, HeartbeatRequest, HeartbeatResponse,
    ListDefinitionsRequest, ListDefinitionsResponse, ListToolsRequest, ListToolsResponse, PayloadChunk,
    PutPayloadRequest, PutPayloadResponse, RunVerdict,
};
use contracts::work::job::Spec;
use contracts::work::job_result::Outcome;
use contracts::work::{FormatSpec, Input, Job, JobResult, Payload, PublishSpec, StepSpec, WorkItem, WorkResult};
use prost::Message;
use serde_json::{Value, json};
use service::Context;
use service::config::Config;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};
use workflow::ids::{Serial, TaskId};
use workflow::tool::ToolSpecification;
use workflow::vocabulary::WorkKind;

const TASK: &str = "01920000-0000-7abc-8def-0123456789ab";
const PATIENCE: Duration = Duration::from_secs(20);

/// What the coordinator was told.
#[derive(Clone, Default)]
struct Told {
    announced: Arc<Mutex<Option<AnnounceToolsRequest>>>,
    /// State and frozen request by job.
    effects: Arc<Mutex<BTreeMap<String, (String, String)>>>,
    /// Questions for registered tools, and for what is in force.
    readings: Arc<AtomicU32>,
    /// What the catalog says of the announced tools it is asked for; none: it does not answer.
    catalog: Arc<Mutex<Option<Said>>>,
}

/// Of each tool alike.
#[derive(Clone, Copy)]
struct Said {
    version: u64,
    active: bool,
}

impl Told {
    /// Answers at this address.
    async fn serve(&self) -> anyhow::Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tonic::transport::Server::builder().add_service(WorkerServiceServer::new(self.clone()));
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        Ok(url)
    }

    /// In the words of the coordinator.
    fn said(&self, said: Said, asked: &[String]) -> ListDefinitionsResponse {
        let announced = self.announced.lock().unwrap().clone().unwrap_or_default();
        let specs = announced
            .tools_json
            .iter()
            .map(|text| serde_json::from_str(text).unwrap());
        let asked: Vec<ToolSpecification> = specs
            .filter(|spec: &ToolSpecification| asked.contains(&spec.tool_id))
            .collect();
        let hash = |spec: &ToolSpecification| match said.active {
            true => spec.version_hash().to_string(),
            false => "suspended".to_owned(),
        };
        let active = asked.iter().filter(|_| said.active);
        ListDefinitionsResponse {
            version: said.version,
            active: active.map(|spec| spec.tool_id.clone()).collect(),
            in_force: asked.iter().map(|spec| (spec.tool_id.clone(), hash(spec))).collect(),
            ..ListDefinitionsResponse::default()
        }
    }
}

#[tonic::async_trait]
impl WorkerService for Told {
    type GetPayloadStream = tokio_stream::Empty<Result<PayloadChunk, Status>>;

    async fn beat(&self, _: Request<BeatRequest>) -> Result<Response<BeatResponse>, Status> {
        let said = *self.catalog.lock().unwrap();
        Ok(Response::new(BeatResponse {
            definitions_version: said.map_or(0, |said| said.version),
            ..BeatResponse::default()
        }))
    }

    async fn heartbeat(&self, request: Request<HeartbeatRequest>) -> Result<Response<HeartbeatResponse>, Status> {
        let verdict = |job: &contracts::coordinator::RunningJob| RunVerdict {
            job_id: job.job_id.clone(),
            attempt: 1,
            ..RunVerdict::default()
        };
        let verdicts = request.get_ref().jobs.iter().map(verdict).collect();
        Ok(Response::new(HeartbeatResponse { verdicts }))
    }

    async fn begin_effect(
        &self,
        request: Request<BeginEffectRequest>,
    ) -> Result<Response<BeginEffectResponse>, Status> {
        let ask = request.into_inner();
        let key = format!("{}:{}", ask.job_id, ask.ordinal);
        let frozen = ("sent".to_owned(), ask.request_json.clone());
        self.effects.lock().unwrap().insert(key.clone(), frozen);
        Ok(Response::new(BeginEffectResponse {
            state: "send".to_owned(),
            frozen_request_json: ask.request_json,
            send_within_seconds: ask.send_within_seconds,
            effect_key: key,
            ..BeginEffectResponse::default()
        }))
    }

    async fn end_effect(&self, request: Request<EndEffectRequest>) -> Result<Response<EndEffectResponse>, Status> {
        let end = request.into_inner();
        let key = format!("{}:{}", end.job_id, end.ordinal);
        self.effects.lock().unwrap().get_mut(&key).unwrap().0 = end.state.clone();
        Ok(Response::new(EndEffectResponse { state: end.state }))
    }

    async fn put_payload(
        &self,
        _: Request<Streaming<PutPayloadRequest>>,
    ) -> Result<Response<PutPayloadResponse>, Status> {
        Err(Status::unimplemented("not a part of these tests"))
    }

    async fn get_payload(&self, _: Request<GetPayloadRequest>) -> Result<Response<Self::GetPayloadStream>, Status> {
        Err(Status::unimplemented("not a part of these tests"))
    }

    async fn announce_tools(
        &self,
        request: Request<AnnounceToolsRequest>,
    ) -> Result<Response<AnnounceToolsResponse>, Status> {
        *self.announced.lock().unwrap() = Some(request.into_inner());
        Ok(Response::new(AnnounceToolsResponse::default()))
    }

    async fn list_definitions(
        &self,
        request: Request<ListDefinitionsRequest>,
    ) -> Result<Response<ListDefinitionsResponse>, Status> {
        self.readings.fetch_add(1, Ordering::SeqCst);
        let said = *self.catalog.lock().unwrap();
        if let Some(said) = said {
            return Ok(Response::new(self.said(said, &request.get_ref().tool_ids)));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        Err(Status::unavailable("away"))
    }

    async fn list_tools(&self, _: Request<ListToolsRequest>) -> Result<Response<ListToolsResponse>, Status> {
        Err(Status::unimplemented("not a part of these tests"))
    }
}

struct System {
    bus: Bus,
    told: Told,
    results: Intake,
    ctx: Context,
    folder: PathBuf,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
    /// Items so far.
    asked: u32,
}

impl System {
    async fn start() -> anyhow::Result<Self> {
        Self::start_with(Config::default()).await
    }

    async fn start_with(mut config: Config) -> anyhow::Result<Self> {
        let nats = testkit::Nats::shared().await?;
        let told = Told::default();
        let prefix = nats.prefix();
        let folder = std::env::temp_dir().join(format!("executor-{}-{prefix}", std::process::id()));
        config.nats.url = nats.url().to_owned();
        config.nats.prefix = prefix.clone();
        config.worker.coordinator_url = told.serve().await?;
        config.service.state_dir = folder.clone();
        config.channels = serde_json::from_value(json!([
            {"name": "blog", "kind": "directory"}, {"name": "nowhere", "kind": "null"},
        ]))?;
        let bus_config = BusConfig {
            url: nats.url().to_owned(),
            user: None,
            password: None,
            prefix,
            name: "test".to_owned(),
        };
        let bus = Bus::connect(&bus_config).await?;
        bus.connected().await;
        topology::ensure(&bus).await?;
        let results = Intake::open(&bus, ConsumerSpec::results(&bus, Lane::of(0)), 64);
        let ctx = Context::new("executor", config);
        let running = tokio::spawn(crate::run(ctx.clone()));
        Ok(Self {
            bus,
            told,
            results,
            ctx,
            folder,
            running,
            asked: 0,
        })
    }

    async fn ask(&mut self, kind: WorkKind, specs: Vec<Spec>) -> anyhow::Result<Vec<JobResult>> {
        let task: TaskId = TASK.parse()?;
        let jobs = specs.into_iter().zip(1..).map(|(spec, serial)| Job {
            job_id: task.job(Serial(serial)).to_string(),
            dispatch: 1,
            attempt: 1,
            timeout_seconds: 30.0,
            spec: Some(spec),
            ..Job::default()
        });
        let submission = json!({"request": "Write about tea", "business_metrics": {"revenue": 50000.0},
            "preferences": {"tone": "friendly"}, "channels": ["blog"]});
        let item = WorkItem {
            task_id: TASK.to_owned(),
            tenant: "default".to_owned(),
            kind: kind.as_str().to_owned(),
            pool: "default".to_owned(),
            result_subject: self.bus.names().result_subject(Lane::of(0)),
            submission: Some(inline(submission.to_string())),
            jobs: jobs.collect(),
            ..WorkItem::default()
        };
        let expected = item.jobs.len();
        let subject = self.bus.names().work_subject(kind, &Token::parse("default")?);
        self.asked += 1;
        let id = format!("{kind}:{}", self.asked);
        self.bus
            .publish_one(Outgoing::new(subject, id, item.encode_to_vec()))
            .await?;
        timeout(PATIENCE, self.collect(expected)).await.context("no results")?
    }

    async fn collect(&mut self, expected: usize) -> anyhow::Result<Vec<JobResult>> {
        let mut found = Vec::new();
        while found.len() < expected {
            let mut batch = Vec::new();
            self.results.next_batch(&mut batch, 64).await;
            for delivery in &batch {
                found.extend(WorkResult::decode(delivery.payload().clone())?.results);
            }
            bus::intake::ack_all(batch).await;
        }
        found.sort_by(|a, b| a.job_id.cmp(&b.job_id));
        Ok(found)
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.ctx.shutdown.cancel();
        timeout(PATIENCE, self.running).await.context("no drain")???;
        drop(std::fs::remove_dir_all(&self.folder));
        Ok(())
    }
}

fn step(tool_id: &str, arguments: Value, when: Option<Value>) -> Spec {
    Spec::Step(StepSpec {
        key: "s".to_owned(),
        tool_id: tool_id.to_owned(),
        arguments_json: arguments.to_string(),
        when_json: when.map(|when| when.to_string()).unwrap_or_default(),
        inputs: vec![input("draft", "", json!({"text": "Green tea."}))],
        effects: "read_only".to_owned(),
        ..StepSpec::default()
    })
}

fn input(step_key: &str, channel: &str, output: Value) -> Input {
    Input {
        step_key: step_key.to_owned(),
        tool_id: "null".to_owned(),
        channel: channel.to_owned(),
        output: Some(inline(output.to_string())),
    }
}

fn json_in(payload: &Payload) -> Value {
    serde_json::from_str(bus::worker::json_of(Some(payload))).unwrap()
}

#[tokio::test]
async fn a_step_that_needs_a_word_asks_with_what_it_would_send_and_then_sends_just_that() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let asking = |approved: Option<Value>| {
        let arguments = json!({"a": {"$step": "draft", "pointer": "/text"}, "b": "{{request}}"});
        let Spec::Step(step) = step("null", arguments, None) else {
            unreachable!()
        };
        Spec::Step(StepSpec {
            ask: true,
            approved: approved.map(|approved| inline(approved.to_string())),
            ..step
        })
    };
    let results = system.ask(WorkKind::Execute, vec![asking(None)]).await?;
    let Some(Outcome::Awaiting(awaiting)) = results.first().and_then(|result| result.outcome.clone()) else {
        anyhow::bail!("{results:?}")
    };
    let arguments = json!({"a": "Green tea.", "b": "Write about tea"});
    let question = json_in(&awaiting.question.context("no question")?);
    assert_eq!(
        (awaiting.kind.as_str(), question),
        ("approval", json!({"tool_id": "null", "arguments": arguments}))
    );

    let edited = json!({"arguments": {"a": "{{request}}", "n": 7}});
    let results = system.ask(WorkKind::Execute, vec![asking(Some(edited))]).await?;
    let Some(Outcome::Output(output)) = results.first().and_then(|result| result.outcome.clone()) else {
        anyhow::bail!("{results:?}")
    };
    assert_eq!(
        json_in(&output),
        json!({"a": "{{request}}", "n": 7}),
        "nothing is resolved"
    );
    system.stop().await
}

#[tokio::test]
async fn steps_that_miss_their_tools_together_share_a_reading() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let steps = (0..16).map(|n| step(&format!("absent.{n}"), json!({}), None)).collect();
    let results = system.ask(WorkKind::Execute, steps).await?;
    for result in results {
        let Some(Outcome::Released(released)) = result.outcome else {
            anyhow::bail!("{result:?}")
        };
        assert_eq!(released.code, "tool_unknown");
    }
    let readings = system.told.readings.load(Ordering::SeqCst);
    assert!((1..=3).contains(&readings), "{readings} readings");
    system.stop().await
}

#[tokio::test]
async fn steps_formats_and_publications_are_done_and_effects_recorded() -> anyhow::Result<()> {
    let mut system = System::start().await?;

    let steps = vec![
        step(
            "null",
            json!({"a": {"$step": "draft", "pointer": "/text"}, "b": "{{request}}"}),
            None,
        ),
        step(
            "null",
            json!({}),
            Some(json!({"pointer": "/preferences/tone", "equals": "dry"})),
        ),
        step("null", json!({"a": {"$step": "gone", "pointer": ""}}), None),
        step("absent", json!({}), None),
    ];
    let results = system.ask(WorkKind::Execute, steps).await?;
    let outcomes: Vec<&Outcome> = results.iter().filter_map(|result| result.outcome.as_ref()).collect();
    let [
        Outcome::Output(output),
        Outcome::Skipped(_),
        Outcome::Failure(reference),
        Outcome::Released(absent),
    ] = outcomes.as_slice()
    else {
        anyhow::bail!("{outcomes:?}")
    };
    assert_eq!(json_in(output), json!({"a": "Green tea.", "b": "Write about tea"}));
    assert_eq!((reference.code.as_str(), reference.retryable), ("plan_ref", false));
    assert_eq!(absent.code, "tool_unknown", "another executor may have it");
    assert!(absent.retry_after_seconds > 0.0);

    let format = Spec::Format(FormatSpec {
        channel: "blog".to_owned(),
        inputs: vec![input("draft", "", json!({"title": "Tea", "text": "Green tea."}))],
        ..FormatSpec::default()
    });
    let formatted = system.ask(WorkKind::Format, vec![format]).await?;
    let Some(Outcome::Deliverable(deliverable)) = formatted.first().and_then(|result| result.outcome.clone()) else {
        anyhow::bail!("{formatted:?}")
    };
    assert_eq!(json_in(&deliverable)["content"], "# Tea\n\nGreen tea.\n");

    let publish = |channel: &str| {
        Spec::Publish(PublishSpec {
            channel: channel.to_owned(),
            deliverable: Some(deliverable.clone()),
            gate_id: String::new(),
        })
    };
    let published = system
        .ask(WorkKind::Publish, vec![publish("blog"), publish("nowhere")])
        .await?;
    let locations: Vec<&str> = published
        .iter()
        .filter_map(|result| match &result.outcome {
            Some(Outcome::Published(outcome)) => Some(outcome.location.as_str()),
            _ => None,
        })
        .collect();
    let [file, ""] = locations.as_slice() else {
        anyhow::bail!("{published:?}")
    };
    assert_eq!(std::fs::read_to_string(file)?, "# Tea\n\nGreen tea.\n");
    let states: Vec<String> = system
        .told
        .effects
        .lock()
        .unwrap()
        .values()
        .map(|(state, _)| state.clone())
        .collect();
    assert_eq!(states, ["confirmed"], "the null channel has no effect");

    let announced = system
        .told
        .announced
        .lock()
        .unwrap()
        .clone()
        .context("nothing was announced")?;
    let ids: Vec<Value> = announced
        .tools_json
        .iter()
        .filter_map(|tool| serde_json::from_str::<Value>(tool).ok()?.get("tool_id").cloned())
        .collect();
    ensure!(
        ids.contains(&json!("null")) && ids.contains(&json!("writer_agent")),
        "{ids:?}"
    );
    ensure!(announced.channels_json.len() == 2, "{announced:?}");
    system.stop().await
}
