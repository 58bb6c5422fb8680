//! Effects: licensed, recorded, and not torn apart by a cancellation.

use crate::coordinator::TestCoordinator;
use crate::fixture::{PATIENCE, ResultReader, RunningWorker, bus, item, send, step, wait_for_messages};
use bus::names::StreamName;
use bus::worker::{EffectEnd, EffectRequest, Ended, JobContext, Licence};
use contracts::work::job_result::Outcome;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use workflow::vocabulary::EffectClass;

/// The tool `effect`: sends when it may, and the sending takes until `open` is true.
pub async fn send_by_licence(job: &JobContext, open: &watch::Sender<bool>) -> Ended {
    let effect = EffectRequest {
        ordinal: 0,
        class: EffectClass::Once,
        target: "test".to_owned(),
        request_json: "{\"n\":1}".to_owned(),
        send_within: Duration::from_secs(10),
        key_ttl: Duration::from_secs(60),
        tool_id: String::new(),
    };
    match job.begin_effect(&effect).await {
        Ok(Licence::Send {
            frozen_request_json,
            send_before,
            ..
        }) => {
            assert!(send_before > Instant::now());
            open.subscribe().wait_for(|open| *open).await.unwrap();
            job.end_effect(&effect, EffectEnd::Confirmed, "{\"ok\":true}".to_owned())
                .await
                .unwrap();
            Ended::output(frozen_request_json)
        }
        Ok(Licence::Busy) => Ended::dropped(),
        other => Ended::failure("effect", format!("{other:?}"), false),
    }
}

const DRAIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_effect_under_way_is_recorded_even_when_its_run_is_cancelled() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let job = step("effect");
    coordinator.told.cancel.lock().unwrap().push(job.job_id.clone());
    send(&bus, &item(&bus, vec![job])).await;
    // The first heartbeat brings the cancellation.
    let mut heard = coordinator.told.heartbeats.subscribe();
    timeout(PATIENCE, heard.wait_for(|heard| !heard.is_empty()))
        .await
        .unwrap()
        .unwrap();
    // The worker has read the verdict when it has run something after it.
    let mut results = ResultReader::open(&bus);
    send(&bus, &item(&bus, vec![step("null")])).await;
    results.take(1).await;
    worker.open_gate();
    wait_for_messages(&bus, StreamName::Work, 0).await;
    let ended = coordinator.told.ended_effects.borrow().clone();
    assert_eq!(ended[0].state, "confirmed");
    results.nothing().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_licence_that_comes_after_the_cancellation_is_given_back_unused() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    coordinator.told.licensing.send_replace(false);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let job = step("effect");
    coordinator.told.cancel.lock().unwrap().push(job.job_id.clone());
    send(&bus, &item(&bus, vec![job])).await;
    let mut heard = coordinator.told.heartbeats.subscribe();
    timeout(PATIENCE, heard.wait_for(|heard| !heard.is_empty()))
        .await
        .unwrap()
        .unwrap();
    // The run waits for its licence, so its item cannot be gone.
    crate::fixture::wait_for_busy(&worker, 1).await;
    coordinator.told.licensing.send_replace(true);
    wait_for_messages(&bus, StreamName::Work, 0).await;
    let ended = coordinator.told.ended_effects.borrow().clone();
    assert_eq!(
        (ended[0].state.as_str(), ended[0].response_json.as_str()),
        ("rejected", "{\"not_done\":true}")
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_run_told_busy_drops_its_copy() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    *coordinator.told.effect_state.lock().unwrap() = "busy".to_owned();
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("effect")])).await;
    wait_for_messages(&bus, StreamName::Work, 0).await;
    ResultReader::open(&bus).nothing().await;
    worker.stop().await;
}

#[tokio::test]
async fn time_over_in_the_middle_of_an_unrepeatable_effect_leaves_it_unknown() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let mut job = step("effect");
    job.timeout_seconds = 0.5;
    send(&bus, &item(&bus, vec![job])).await;
    let result = ResultReader::open(&bus).take(1).await.remove(0);
    let Some(Outcome::Failure(failure)) = result.outcome else {
        panic!("no failure");
    };
    assert_eq!((failure.code.as_str(), failure.effect_unknown), ("tool_timeout", true));
    worker.stop().await;
}
