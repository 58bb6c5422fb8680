//! NATS killed, lost and cut off.

use crate::coordinator::TestCoordinator;
use crate::fixture::{PATIENCE, ResultReader, RunningWorker, bus, config, item, send, step, wait_for_messages};
use bus::names::StreamName;
use bus::{Bus, topology};
use contracts::work::job_result::Outcome;
use std::time::Duration;
use testkit::{FaultProxy, NatsServer};
use tokio::time::timeout;

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
