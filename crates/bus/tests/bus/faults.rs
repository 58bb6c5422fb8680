//! NATS killed, lost and cut off.

use crate::coordinator::TestCoordinator;
use crate::fixture::{
    PATIENCE, ResultReader, RunningWorker, bus, config, item, messages_in, pool, send, step, wait_for_messages,
};
use bus::intake::Intake;
use bus::names::StreamName;
use bus::topology::ConsumerSpec;
use bus::{Bus, Lane, Outgoing, topology};
use contracts::work::job_result::Outcome;
use std::time::Duration;
use testkit::{FaultProxy, NatsServer};
use tokio::time::timeout;
use workflow::vocabulary::WorkKind;

const DRAIN: Duration = Duration::from_secs(5);

async fn connect(url: &str) -> Bus {
    let bus = Bus::connect(&config(url, "orchestrator")).await.unwrap();
    bus.connected().await;
    topology::ensure(&bus).await.unwrap();
    bus
}

#[tokio::test]
async fn results_outlive_a_killed_broker() {
    let server = NatsServer::start().await.unwrap();
    let (bus, coordinator) = (connect(&server.url()).await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("gate"), step("gate")])).await;
    worker.begun(2).await;
    server.kill().await.unwrap();
    worker.open_gate();
    let mut status = worker.status.clone();
    timeout(PATIENCE, status.wait_for(|status| status.busy == 0))
        .await
        .unwrap()
        .unwrap();
    server.restart().await.unwrap();
    let results = ResultReader::open(&bus).take(2).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result.outcome, Some(Outcome::Output(_))))
    );
    send(&bus, &item(&bus, vec![step("null")])).await;
    ResultReader::open(&bus).take(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_broker_that_lost_everything_is_set_up_again_and_work_goes_on() {
    let server = NatsServer::start().await.unwrap();
    let (bus, coordinator) = (connect(&server.url()).await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("gate")])).await;
    worker.begun(1).await;
    server.kill().await.unwrap();
    server.wipe().await.unwrap();
    let mut connection = bus.watch_connection();
    let generation = connection.borrow().generation;
    server.restart().await.unwrap();
    timeout(
        PATIENCE,
        connection.wait_for(|state| state.up && state.generation > generation),
    )
    .await
    .unwrap()
    .unwrap();
    worker.open_gate();
    // The result stream is made again by whoever needs it.
    let mut results = ResultReader::open(&bus);
    results.take(1).await;
    topology::ensure(&bus).await.unwrap();
    send(&bus, &item(&bus, vec![step("null")])).await;
    results.take(1).await;
    wait_for_messages(&bus, StreamName::Work, 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_of_a_lost_stream_does_not_hit_the_new_one() {
    let server = NatsServer::start().await.unwrap();
    let bus = connect(&server.url()).await;
    let spec = ConsumerSpec::work(&bus, WorkKind::Execute, &pool());
    let mut intake = Intake::open(&bus, spec, 8);
    let mut taken = Vec::new();
    send(&bus, &item(&bus, vec![step("null")])).await;
    intake.next_batch(&mut taken, 1).await;
    server.kill().await.unwrap();
    server.wipe().await.unwrap();
    let mut connection = bus.watch_connection();
    let generation = connection.borrow().generation;
    server.restart().await.unwrap();
    timeout(
        PATIENCE,
        connection.wait_for(|state| state.up && state.generation > generation),
    )
    .await
    .unwrap()
    .unwrap();
    topology::ensure(&bus).await.unwrap();
    send(&bus, &item(&bus, vec![step("null")])).await;
    timeout(PATIENCE, intake.next_batch(&mut taken, 1)).await.unwrap();
    assert_eq!(taken[0].stream_sequence(), taken[1].stream_sequence());
    taken[0].ack().await;
    // The server answers in order, so it has seen what came before.
    bus.client().request("$JS.API.INFO", "".into()).await.unwrap();
    assert_eq!(messages_in(&bus, StreamName::Work).await, 1);
    taken[1].ack().await;
    wait_for_messages(&bus, StreamName::Work, 0).await;
}

#[tokio::test]
async fn an_item_stays_until_a_full_result_stream_has_room() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let mut config = topology::ensure_stream(&bus, StreamName::Results).await.unwrap().config;
    config.max_messages = 1;
    bus.jetstream().update_stream(&config).await.unwrap();
    let filler = Outgoing::new(bus.names().result_subject(Lane::of(1)), "filler".to_owned(), "");
    bus.publish_one(filler).await.unwrap();
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("null")])).await;
    worker.begun(1).await;
    let mut results = ResultReader::open(&bus);
    results.nothing().await;
    assert_eq!(messages_in(&bus, StreamName::Work).await, 1);
    config.max_messages = -1;
    bus.jetstream().update_stream(&config).await.unwrap();
    results.take(1).await;
    wait_for_messages(&bus, StreamName::Work, 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_goes_on_after_its_work_stream_was_deleted() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("null")])).await;
    let mut results = ResultReader::open(&bus);
    results.take(1).await;
    let name = bus.names().stream(StreamName::Work);
    bus.jetstream().delete_stream(&name).await.unwrap();
    topology::ensure(&bus).await.unwrap();
    send(&bus, &item(&bus, vec![step("null")])).await;
    results.take(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_cut_connection_is_made_again_and_told() {
    let server = NatsServer::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let coordinator = TestCoordinator::start().await;
    let bus = connect(&format!("nats://{}", proxy.address())).await;
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("null")])).await;
    let mut results = ResultReader::open(&bus);
    results.take(1).await;
    let mut connection = bus.watch_connection();
    let generation = connection.borrow().generation;
    proxy.cut();
    timeout(PATIENCE, connection.wait_for(|state| state.generation > generation))
        .await
        .unwrap()
        .unwrap();
    send(&bus, &item(&bus, vec![step("null")])).await;
    results.take(1).await;
    worker.stop().await;
}
