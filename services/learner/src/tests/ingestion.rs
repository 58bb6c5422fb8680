//! Every finished task is kept once, whatever fails on the way.

use super::fake_coordinator::{FakeCoordinator, raw};
use super::{eventually, kept, store, task};
use crate::coordinator::Coordinator;
use crate::ingest::{CatchUp, Fetcher, Ingestion};
use crate::store::Store;
use bus::{Bus, BusConfig, Outgoing, Token};
use serde_json::json;
use service::metrics::{Registry, names};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use workflow::ids::TaskId;
use workflow::vocabulary::EventKind;

/// A learner's ingestion with what it needs.
struct Parts {
    store: Store,
    bus: Bus,
    coordinator: FakeCoordinator,
    registry: Registry,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

async fn connect(url: &str, prefix: String) -> Bus {
    let config = BusConfig {
        url: url.to_owned(),
        user: None,
        password: None,
        prefix,
        name: "test".to_owned(),
    };
    let bus = Bus::connect(&config).await.unwrap();
    bus.connected().await;
    bus
}

async fn start(store: Store, bus: Bus, coordinator: FakeCoordinator, catch_up_every: Duration) -> Parts {
    bus::topology::ensure(&bus).await.unwrap();
    let client = Coordinator::at(&coordinator.serve().await).unwrap();
    let registry = Registry::default();
    let fetcher = Fetcher::new(
        client.clone(),
        store.clone(),
        registry.counter(names::TASKS_INGESTED, &[]),
        0.0,
    );
    let catch_up = CatchUp {
        coordinator: client,
        store: store.clone(),
        fetcher: fetcher.clone(),
    };
    let ingestion = Ingestion {
        bus: bus.clone(),
        fetcher,
        catch_up,
        catch_up_every,
    };
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(ingestion.run(Token::parse("learner").unwrap(), shutdown.clone()));
    Parts {
        store,
        bus,
        coordinator,
        registry,
        shutdown,
        running,
    }
}

/// With a catch-up at the start and then so rarely that only events count.
async fn by_events() -> Parts {
    let nats = testkit::Nats::shared().await.unwrap();
    let bus = connect(nats.url(), nats.prefix()).await;
    start(
        store().await,
        bus,
        FakeCoordinator::default(),
        Duration::from_secs(3600),
    )
    .await
}

impl Parts {
    async fn tell(&self, kind: EventKind, task: TaskId) {
        let subject = self.bus.names().event_subject(kind, &Token::parse("default").unwrap());
        let event = json!({"specversion": "1.0", "subject": task, "type": format!("io.orchestrator.{kind}.v1")});
        let message = Outgoing::new(subject, format!("{kind}-{task}"), event.to_string());
        self.bus.publish_one(message).await.unwrap();
    }

    async fn is_kept(&self, tasks: &[TaskId]) {
        eventually("the tasks are kept", || async {
            kept(&self.store, tasks).await == tasks.len()
        })
        .await;
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn every_event_that_ends_a_task_leads_to_its_record_once() {
    let parts = by_events().await;
    let tasks: Vec<TaskId> = (0..4).map(task).collect();
    parts.coordinator.with(|state| state.finished.extend(&tasks));
    let kinds = [
        EventKind::TaskCompleted,
        EventKind::TaskRejected,
        EventKind::TaskFailed,
        EventKind::TaskCancelled,
    ];
    for (kind, task) in kinds.into_iter().zip(&tasks) {
        parts.tell(kind, *task).await;
    }
    // The same task by another event, and one that does not end a task.
    parts.tell(EventKind::TaskCancelled, tasks[0]).await;
    parts.tell(EventKind::TaskExecuting, task(9)).await;
    parts.is_kept(&tasks).await;
    let mut writer_free = parts.store.clone();
    assert_eq!(
        records(&mut writer_free).await,
        tasks.iter().map(|task| raw(*task)).collect::<Vec<_>>()
    );
    assert_eq!(parts.registry.counter(names::TASKS_INGESTED, &[]).get(), 4);
    parts.stop().await;
}

/// Every kept record's text.
async fn records(store: &mut Store) -> Vec<String> {
    let ids = store.unplaced("default", None).await.unwrap();
    let tasks: Vec<TaskId> = ids.into_iter().map(|(_, task)| task).collect();
    let kept = store.to_place("default", &tasks).await.unwrap();
    kept.into_iter().map(|record| record.json).collect()
}

#[tokio::test]
async fn many_events_are_answered_with_few_questions() {
    let parts = by_events().await;
    let tasks: Vec<TaskId> = (0..500).map(task).collect();
    parts.coordinator.with(|state| {
        state.finished.extend(&tasks);
        state.asked.clear();
    });
    for task in &tasks {
        parts.tell(EventKind::TaskCompleted, *task).await;
    }
    parts.is_kept(&tasks).await;
    let questions = parts.coordinator.with(|state| state.asked.len());
    assert!(questions < 50, "{questions} questions");
    parts.stop().await;
}

#[tokio::test]
async fn tasks_that_no_event_told_of_are_found_at_the_start_and_later() {
    let nats = testkit::Nats::shared().await.unwrap();
    let bus = connect(nats.url(), nats.prefix()).await;
    let coordinator = FakeCoordinator::default();
    let earlier: Vec<TaskId> = (0..250).map(task).collect();
    coordinator.with(|state| state.finished.extend(&earlier));
    let parts = start(store().await, bus, coordinator, Duration::from_millis(100)).await;
    parts.is_kept(&earlier).await;
    let later: Vec<TaskId> = (250..255).map(task).collect();
    parts.coordinator.with(|state| state.finished.extend(&later));
    parts.is_kept(&later).await;
    parts.stop().await;
}

#[tokio::test]
async fn a_task_whose_end_was_committed_late_is_found_by_the_next_run() {
    let store = store().await;
    let coordinator = FakeCoordinator::default();
    let client = Coordinator::at(&coordinator.serve().await).unwrap();
    let counter = Registry::default().counter(names::TASKS_INGESTED, &[]);
    let fetcher = Fetcher::new(client.clone(), store.clone(), counter, 0.0);
    let catch_up = CatchUp {
        coordinator: client,
        store: store.clone(),
        fetcher,
    };
    for end in [4, 4, 8] {
        coordinator.with(|state| state.finished = (0..end).map(task).collect());
        catch_up.run().await.unwrap();
    }
    // It stands before what the last run listed.
    coordinator.with(|state| state.finished.insert(6, task(99)));
    catch_up.run().await.unwrap();
    assert_eq!(kept(&store, &[task(99)]).await, 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_given_holds_up_no_other_and_is_tried_again() {
    let parts = by_events().await;
    let tasks: Vec<TaskId> = (0..40).map(task).collect();
    parts.coordinator.with(|state| {
        state.finished.extend(&tasks);
        state.broken.extend([task(3), task(20)]);
    });
    for task in &tasks {
        parts.tell(EventKind::TaskCompleted, *task).await;
    }
    // Set aside counts as not missing.
    parts.is_kept(&tasks).await;
    let kept = parts.registry.counter(names::TASKS_INGESTED, &[]);
    eventually("the others are kept", || async { kept.get() == 38 }).await;
    assert!(parts.store.due_again(10).await.unwrap().is_empty(), "not at once");
    parts.coordinator.with(|state| state.broken.clear());
    let fetcher = fetcher_of(&parts).await;
    fetcher.fetch_all(&[task(3), task(20)]).await.unwrap();
    let mut store = parts.store.clone();
    assert_eq!(records(&mut store).await.len(), 40);
    parts.stop().await;
}

async fn fetcher_of(parts: &Parts) -> Fetcher {
    let client = Coordinator::at(&parts.coordinator.serve().await).unwrap();
    let counter = parts.registry.counter(names::TASKS_INGESTED, &[]);
    Fetcher::new(client, parts.store.clone(), counter, 0.0)
}

#[tokio::test]
async fn an_outage_of_the_coordinator_is_waited_out() {
    let parts = by_events().await;
    parts.coordinator.with(|state| {
        state.away = true;
        state.finished.push(task(1));
    });
    parts.tell(EventKind::TaskCompleted, task(1)).await;
    eventually("the consumer has taken the event", || async {
        unanswered(&parts.bus).await == 1
    })
    .await;
    assert_eq!(kept(&parts.store, &[task(1)]).await, 0);
    parts.coordinator.with(|state| state.away = false);
    parts.is_kept(&[task(1)]).await;
    eventually("the event is acknowledged", || async {
        unanswered(&parts.bus).await == 0
    })
    .await;
    parts.stop().await;
}

/// Events taken and not acknowledged.
async fn unanswered(bus: &Bus) -> usize {
    let stream = bus.names().stream(bus::names::StreamName::Events);
    let stream = bus.jetstream().get_stream(stream).await.unwrap();
    let consumer = stream.consumer_info("learner").await;
    consumer.map_or(usize::MAX, |info| info.num_ack_pending)
}

#[tokio::test]
async fn a_restart_of_postgres_and_a_loss_of_all_streams_lose_no_record() {
    let postgres = testkit::PostgresServer::start().await.unwrap();
    let nats = testkit::NatsServer::start().await.unwrap();
    let database = postgres.database().await.unwrap();
    let store = Store::open(&database.url, 4).unwrap();
    store.migrate().await.unwrap();
    let bus = connect(&nats.url(), "test".to_owned()).await;
    let parts = start(store, bus, FakeCoordinator::default(), Duration::from_secs(3600)).await;
    parts.coordinator.with(|state| state.finished.extend((1..5).map(task)));
    parts.tell(EventKind::TaskCompleted, task(1)).await;
    parts.is_kept(&[task(1)]).await;

    postgres.stop_immediate().await.unwrap();
    parts.tell(EventKind::TaskCompleted, task(2)).await;
    postgres.restart().await.unwrap();
    parts.is_kept(&[task(2)]).await;

    nats.kill().await.unwrap();
    nats.wipe().await.unwrap();
    nats.restart().await.unwrap();
    // Its event was lost with the stream: the catch-up after the reconnect finds it.
    parts.is_kept(&[task(3)]).await;
    parts.bus.connected().await;
    eventually("the consumer is made again", || async {
        bus::topology::ensure(&parts.bus).await.is_ok() && unanswered(&parts.bus).await != usize::MAX
    })
    .await;
    parts.coordinator.with(|state| state.finished.push(task(6)));
    parts.tell(EventKind::TaskCompleted, task(6)).await;
    parts.is_kept(&[task(6)]).await;
    parts.stop().await;
}
