//! Draining.

use crate::coordinator::TestCoordinator;
use crate::fixture::{ResultReader, RunningWorker, bus, config, item, send, step, wait_for_messages};
use bus::Bus;
use bus::names::StreamName;
use contracts::work::Job;
use contracts::work::job_result::Outcome;
use std::time::Duration;
use testkit::{FaultProxy, Nats};
use tokio::time::timeout;

#[tokio::test]
async fn a_draining_worker_lets_runs_end_and_takes_nothing_new() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, Duration::from_secs(20));
    send(&bus, &item(&bus, vec![step("gate")])).await;
    worker.begun(1).await;
    worker.shutdown.cancel();
    let mut beats = coordinator.told.beats.subscribe();
    beats
        .wait_for(|beats| beats.last().is_some_and(|beat| beat.slots == 0))
        .await
        .unwrap();
    send(&bus, &item(&bus, vec![step("null")])).await;
    worker.open_gate();
    let results = ResultReader::open(&bus).take(1).await;
    assert!(matches!(results[0].outcome, Some(Outcome::Output(_))));
    worker.stop().await;
    wait_for_messages(&bus, StreamName::Work, 1).await;
    // What was not begun went back at once, not after the 30 s a lost message takes.
    let next = RunningWorker::start(&bus, &coordinator, 256, Duration::from_secs(20));
    ResultReader::open(&bus).take(1).await;
    next.stop().await;
}

#[tokio::test]
async fn what_is_on_its_way_when_a_worker_ends_goes_back_at_once() {
    let (direct, coordinator) = (bus().await, TestCoordinator::start().await);
    let target = Nats::shared().await.unwrap().url().trim_start_matches("nats://");
    let proxy = FaultProxy::start(target).await.unwrap();
    let prefix = direct.names().stream(StreamName::Work).to_ascii_lowercase();
    let slow = format!("nats://{}", proxy.address());
    let slow = Bus::connect(&config(&slow, prefix.trim_end_matches("_work")))
        .await
        .unwrap();
    let worker = RunningWorker::start(&slow, &coordinator, 256, Duration::from_secs(20));
    // An item that came through shows that the worker has asked for more.
    send(&direct, &item(&direct, vec![step("null")])).await;
    let mut results = ResultReader::open(&direct);
    results.take(1).await;
    proxy.delay(Duration::from_millis(300));
    send(&direct, &item(&direct, vec![step("null")])).await;
    worker.shutdown.cancel();
    let begun = worker.handler.begun.subscribe();
    worker.stop().await;
    assert_eq!(*begun.borrow(), 1);
    let next = RunningWorker::start(&direct, &coordinator, 256, Duration::from_secs(20));
    timeout(Duration::from_secs(15), results.take(1)).await.unwrap();
    next.stop().await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_released() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, Duration::from_millis(200));
    send(&bus, &item(&bus, vec![step("forever"), step("null")])).await;
    worker.begun(2).await;
    worker.stop().await;
    let mut results = ResultReader::open(&bus).take(2).await;
    let released = results
        .iter()
        .filter(|result| matches!(result.outcome, Some(Outcome::Released(_))));
    assert_eq!(released.count(), 1);
    results.retain(|result| matches!(result.outcome, Some(Outcome::Output(_))));
    assert_eq!(results.len(), 1);
    wait_for_messages(&bus, StreamName::Work, 0).await;
}

#[tokio::test]
async fn what_waits_to_be_alone_goes_back_to_the_stream() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, Duration::from_secs(20));
    send(&bus, &item(&bus, vec![step("gate")])).await;
    worker.begun(1).await;
    let alone = Job {
        alone: true,
        ..step("null")
    };
    send(&bus, &item(&bus, vec![alone])).await;
    let mut status = worker.status.clone();
    status.wait_for(|status| status.busy == 2).await.unwrap();
    worker.shutdown.cancel();
    worker.open_gate();
    worker.stop().await;
    wait_for_messages(&bus, StreamName::Work, 1).await;
    ResultReader::open(&bus).take(1).await;
}
