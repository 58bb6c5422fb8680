//! What a worker does with its items.

use crate::coordinator::TestCoordinator;
use crate::fixture::{PATIENCE, ResultReader, RunningWorker, bus, item, pool, send, step, wait_for_messages};
use bus::Outgoing;
use bus::intake::Intake;
use bus::names::StreamName;
use bus::topology::ConsumerSpec;
use contracts::work::job::Spec;
use contracts::work::job_result::Outcome;
use contracts::work::{BlobRef, Failure, Input, Job, JobResult, Payload, WorkItem, payload};
use prost::Message;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::timeout;
use workflow::vocabulary::WorkKind;

const DRAIN: Duration = Duration::from_secs(5);

fn failure(result: &JobResult) -> &Failure {
    match &result.outcome {
        Some(Outcome::Failure(failure)) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn a_result_is_stored_before_its_item_is_acknowledged() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let item = item(&bus, vec![step("null")]);
    send(&bus, &item).await;
    wait_for_messages(&bus, StreamName::Results, 1).await;
    let result = ResultReader::open(&bus).take(1).await.remove(0);
    assert_eq!((&result.task_id, &result.job_id), (&item.task_id, &item.jobs[0].job_id));
    assert_eq!(result.outcome, Some(Outcome::Output(crate::fixture::json("{}"))));
    wait_for_messages(&bus, StreamName::Work, 0).await;
    // It ended within a second: nobody was asked.
    assert!(coordinator.told.heartbeats.borrow().is_empty());
    let beat = coordinator.told.beats.borrow()[0].clone();
    assert_eq!(
        (beat.kind.as_str(), beat.pool.as_str(), beat.slots),
        ("execute", "default", 256)
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_copy_of_one_job_of_a_message_is_no_second_run_and_hides_no_other_job() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let (first, second, third) = (
        item(&bus, vec![step("gate")]),
        item(&bus, vec![step("gate")]),
        item(&bus, vec![step("gate")]),
    );
    let pair = |first: &WorkItem, second: &WorkItem| WorkItem {
        more: vec![second.clone()],
        ..first.clone()
    };
    let publish = |id: &str, item: &WorkItem| {
        let subject = bus.names().work_subject(WorkKind::Execute, &pool());
        bus.publish_one(Outgoing::new(subject, id.to_owned(), item.encode_to_vec()))
    };
    publish("pair", &pair(&first, &second)).await.unwrap();
    worker.begun(2).await;
    publish("copy of the second", &second).await.unwrap();
    // Its first job is held, its other is not.
    publish("another pair", &pair(&second, &third)).await.unwrap();
    worker.begun(4).await;
    worker.open_gate();
    let results = ResultReader::open(&bus).take(4).await;
    let runs = |item: &WorkItem| results.iter().filter(|r| r.task_id == item.task_id).count();
    assert_eq!((runs(&first), runs(&second), runs(&third)), (1, 2, 1));
    wait_for_messages(&bus, StreamName::Work, 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn jobs_of_several_tasks_in_a_message_are_each_their_own_tasks() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let parts: Vec<WorkItem> = (0..3).map(|_| item(&bus, vec![step("gate")])).collect();
    let without_the_shared = |part: &WorkItem| WorkItem {
        kind: String::new(),
        pool: String::new(),
        result_subject: String::new(),
        ..part.clone()
    };
    let message = WorkItem {
        more: parts[1..].iter().map(without_the_shared).collect(),
        ..parts[0].clone()
    };
    send(&bus, &message).await;
    worker.begun(3).await;
    // Long enough to be heartbeaten, each by the name of its task.
    let mut heard = coordinator.told.heartbeats.subscribe();
    timeout(PATIENCE, heard.wait_for(|heard| heard.len() >= 3))
        .await
        .unwrap()
        .unwrap();
    worker.open_gate();
    let results = ResultReader::open(&bus).take(3).await;
    let named = |task: &str, job: &str| (task.to_owned(), job.to_owned());
    let of = |part: &WorkItem| named(&part.task_id, &part.jobs[0].job_id);
    let expected: BTreeSet<_> = parts.iter().map(of).collect();
    let reported: BTreeSet<_> = results.iter().map(|r| named(&r.task_id, &r.job_id)).collect();
    let heartbeats = coordinator.told.heartbeats.borrow().clone();
    let beaten: BTreeSet<_> = heartbeats.iter().map(|j| named(&j.task_id, &j.job_id)).collect();
    assert_eq!((&reported, &beaten), (&expected, &expected));
    wait_for_messages(&bus, StreamName::Work, 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn jobs_of_an_item_run_side_by_side_and_what_ends_together_travels_together() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let jobs: Vec<Job> = (0..16).map(|_| step("gate")).collect();
    send(&bus, &item(&bus, jobs)).await;
    worker.begun(16).await;
    worker.open_gate();
    let mut results = ResultReader::open(&bus);
    assert_eq!(results.next().await.len(), 16);
    wait_for_messages(&bus, StreamName::Work, 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn time_panics_and_unknown_ends_are_failures_with_stable_codes() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let slow = Job {
        timeout_seconds: 0.2,
        ..step("forever")
    };
    let (slow_id, panicking) = (slow.job_id.clone(), step("panic"));
    let panicking_id = panicking.job_id.clone();
    send(&bus, &item(&bus, vec![slow, panicking])).await;
    let results = ResultReader::open(&bus).take(2).await;
    let of = |id: &str| failure(results.iter().find(|result| result.job_id == id).unwrap());
    assert_eq!(
        (of(&slow_id).code.as_str(), of(&slow_id).retryable),
        ("tool_timeout", true)
    );
    assert_eq!(of(&panicking_id).code, "internal");
    assert!(of(&panicking_id).message.contains("as asked"));
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_ends_without_a_result_within_two_heartbeats() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let (kept, cancelled) = (step("gate"), step("forever"));
    let (kept_id, cancelled_id) = (kept.job_id.clone(), cancelled.job_id.clone());
    coordinator.told.cancel.lock().unwrap().push(cancelled_id.clone());
    send(&bus, &item(&bus, vec![kept])).await;
    send(&bus, &item(&bus, vec![cancelled])).await;
    wait_for_messages(&bus, StreamName::Work, 1).await;
    let heard = coordinator.told.heartbeats.borrow().clone();
    assert!(heard.iter().any(|job| job.job_id == cancelled_id));
    assert!(heard.iter().any(|job| job.job_id == kept_id));
    worker.open_gate();
    let mut results = ResultReader::open(&bus);
    assert_eq!(results.take(1).await[0].job_id, kept_id);
    results.nothing().await;
    worker.stop().await;
}

#[tokio::test]
async fn an_item_with_losses_is_asked_about_before_it_runs() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let unwanted = Job {
        losses: 1,
        ..step("null")
    };
    coordinator.told.cancel.lock().unwrap().push(unwanted.job_id.clone());
    send(&bus, &item(&bus, vec![unwanted])).await;
    wait_for_messages(&bus, StreamName::Work, 0).await;
    assert_eq!(*worker.handler.begun.borrow(), 0);
    let wanted = Job {
        losses: 2,
        ..step("null")
    };
    let wanted_id = wanted.job_id.clone();
    send(&bus, &item(&bus, vec![wanted])).await;
    let result = ResultReader::open(&bus).take(1).await.remove(0);
    assert_eq!(result.job_id, wanted_id);
    let heard = coordinator.told.heartbeats.borrow().clone();
    assert_eq!(heard.last().unwrap().run_id, result.run_id);
    worker.stop().await;
}

#[tokio::test]
async fn an_item_that_was_delivered_before_is_asked_about_before_it_runs() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    send(&bus, &item(&bus, vec![step("null")])).await;
    let spec = ConsumerSpec::work(&bus, WorkKind::Execute, &pool());
    let mut other = Intake::open(&bus, spec, 1);
    let mut taken = Vec::new();
    other.next_batch(&mut taken, 1).await;
    drop(other);
    taken[0].nak().await;
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let result = ResultReader::open(&bus).take(1).await.remove(0);
    let heard = coordinator.told.heartbeats.borrow().clone();
    assert_eq!(heard[0].run_id, result.run_id);
    worker.stop().await;
}

#[tokio::test]
async fn a_second_copy_of_what_runs_is_acknowledged_with_it() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let item = item(&bus, vec![step("gate")]);
    send(&bus, &item).await;
    worker.begun(1).await;
    let subject = bus.names().work_subject(WorkKind::Execute, &pool());
    let copy = Outgoing::new(subject, "copy".to_owned(), item.encode_to_vec());
    bus.publish_one(copy).await.unwrap();
    // It was read when another item behind it has run.
    send(&bus, &crate::fixture::item(&bus, vec![step("null")])).await;
    let mut results = ResultReader::open(&bus);
    results.take(1).await;
    worker.open_gate();
    results.take(1).await;
    assert_eq!(*worker.handler.begun.borrow(), 2);
    wait_for_messages(&bus, StreamName::Work, 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_must_be_alone_waits_for_the_others_and_they_for_it() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("gate")])).await;
    worker.begun(1).await;
    let alone = Job {
        alone: true,
        ..step("null")
    };
    let alone_id = alone.job_id.clone();
    send(&bus, &item(&bus, vec![alone])).await;
    let mut status = worker.status.clone();
    timeout(
        PATIENCE,
        status.wait_for(|status| !status.admitting && status.busy == 2),
    )
    .await
    .unwrap()
    .unwrap();
    send(&bus, &item(&bus, vec![step("null")])).await;
    assert_eq!(*worker.handler.begun.borrow(), 1);
    worker.open_gate();
    let results = ResultReader::open(&bus).take(3).await;
    assert_eq!(results[1].job_id, alone_id);
    worker.stop().await;
}

#[tokio::test]
async fn nothing_is_taken_while_beats_are_not_answered() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    coordinator.told.up.send_replace(false);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("null")])).await;
    let mut results = ResultReader::open(&bus);
    results.nothing().await;
    coordinator.told.up.send_replace(true);
    results.take(1).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_unreadable_item_is_put_away_and_the_next_one_runs() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    let subject = bus.names().work_subject(WorkKind::Execute, &pool());
    let poison = Outgoing::new(subject.clone(), "poison".to_owned(), vec![0xff_u8; 64]);
    bus.publish_one(poison).await.unwrap();
    let mut hostile = item(&bus, vec![step("null")]);
    hostile.result_subject = bus.names().stream_subjects(StreamName::Events);
    send(&bus, &hostile).await;
    send(&bus, &item(&bus, vec![step("null")])).await;
    ResultReader::open(&bus).take(1).await;
    wait_for_messages(&bus, StreamName::Work, 0).await;
    let dead = bus
        .jetstream()
        .get_stream(bus.names().stream(StreamName::Dead))
        .await
        .unwrap();
    let first = dead.get_raw_message(1).await.unwrap();
    assert_eq!(first.subject.as_str(), bus.names().dead_subject(&subject));
    assert_eq!(first.headers.get("Orchestrator-Origin").unwrap().as_str(), subject);
    assert_eq!(first.payload.as_ref(), [0xff_u8; 64]);
    let second = dead.get_raw_message(2).await.unwrap();
    assert!(
        second
            .headers
            .get("Orchestrator-Reason")
            .unwrap()
            .as_str()
            .contains("result_subject")
    );
    worker.stop().await;
}

#[tokio::test]
async fn large_payloads_travel_apart_both_ways() {
    let (bus, coordinator) = (bus().await, TestCoordinator::start().await);
    let worker = RunningWorker::start(&bus, &coordinator, 256, DRAIN);
    send(&bus, &item(&bus, vec![step("large")])).await;
    let mut results = ResultReader::open(&bus);
    let result = results.take(1).await.remove(0);
    let Some(Outcome::Output(Payload {
        body: Some(payload::Body::Blob(blob)),
    })) = result.outcome
    else {
        panic!("not stored apart: {:?}", result.outcome);
    };
    assert_eq!(blob.size, 200_002);
    let mut job = step("input");
    let Some(Spec::Step(spec)) = &mut job.spec else {
        unreachable!();
    };
    spec.inputs.push(Input {
        output: Some(Payload {
            body: Some(payload::Body::Blob(blob.clone())),
        }),
        ..Input::default()
    });
    send(&bus, &item(&bus, vec![job])).await;
    let result = results.take(1).await.remove(0);
    assert_eq!(
        result.outcome,
        Some(Outcome::Output(Payload {
            body: Some(payload::Body::Blob(blob))
        }))
    );

    let mut missing = step("input");
    let Some(Spec::Step(spec)) = &mut missing.spec else {
        unreachable!();
    };
    let absent = BlobRef {
        sha256: "absent".to_owned(),
        size: 1,
    };
    spec.inputs.push(Input {
        output: Some(Payload {
            body: Some(payload::Body::Blob(absent)),
        }),
        ..Input::default()
    });
    send(&bus, &item(&bus, vec![missing])).await;
    assert_eq!(failure(&results.take(1).await[0]).code, "internal");
    worker.stop().await;
}
