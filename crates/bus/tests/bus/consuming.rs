//! Readers of a durable consumer.

use crate::fixture::{PATIENCE, bus, messages_in, pool};
use bus::intake::{Intake, ack_all};
use bus::names::StreamName;
use bus::topology::ConsumerSpec;
use bus::{Bus, Outgoing};
use std::time::Duration;
use tokio::time::timeout;
use workflow::vocabulary::WorkKind;

async fn publish(bus: &Bus, ids: std::ops::Range<u32>) {
    let subject = bus.names().work_subject(WorkKind::Plan, &pool());
    let message = |id: u32| Outgoing::new(subject.clone(), format!("m{id}"), id.to_string());
    for stored in bus.publish_all(ids.map(message).collect()).await {
        stored.unwrap();
    }
}

async fn next(intake: &mut Intake, max: usize) -> Vec<bus::intake::Delivery> {
    let mut batch = Vec::new();
    timeout(PATIENCE, intake.next_batch(&mut batch, max)).await.unwrap();
    batch
}

#[tokio::test]
async fn no_more_is_delivered_than_there_is_room_for() {
    let bus = bus().await;
    publish(&bus, 0..20).await;
    let mut intake = Intake::open(&bus, ConsumerSpec::work(&bus, WorkKind::Plan, &pool()), 4);
    let mut held = Vec::new();
    while held.len() < 4 {
        held.extend(next(&mut intake, 10).await);
    }
    let mut more = Vec::new();
    assert!(
        timeout(Duration::from_millis(200), intake.next_batch(&mut more, 10))
            .await
            .is_err()
    );
    let mut seen: Vec<u64> = held.iter().map(bus::intake::Delivery::stream_sequence).collect();
    ack_all(held).await;
    while seen.len() < 20 {
        let batch = next(&mut intake, 10).await;
        assert!(batch.iter().all(|delivery| delivery.delivered() == 1));
        seen.extend(batch.iter().map(bus::intake::Delivery::stream_sequence));
        ack_all(batch).await;
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).collect::<Vec<u64>>());
    crate::fixture::wait_for_messages(&bus, StreamName::Work, 0).await;
}

#[tokio::test]
async fn a_message_given_back_comes_again_and_says_so() {
    let bus = bus().await;
    publish(&bus, 0..1).await;
    let mut intake = Intake::open(&bus, ConsumerSpec::work(&bus, WorkKind::Plan, &pool()), 4);
    let first = next(&mut intake, 1).await.remove(0);
    assert_eq!((first.delivered(), first.message_id()), (1, Some("m0")));
    first.nak().await;
    drop(first);
    let second = next(&mut intake, 1).await.remove(0);
    assert_eq!(second.delivered(), 2);
    assert_eq!(messages_in(&bus, StreamName::Work).await, 1);
}

#[tokio::test]
async fn a_reader_survives_the_loss_of_its_stream() {
    let bus = bus().await;
    let mut intake = Intake::open(&bus, ConsumerSpec::work(&bus, WorkKind::Plan, &pool()), 8);
    publish(&bus, 0..1).await;
    ack_all(next(&mut intake, 1).await).await;
    let name = bus.names().stream(StreamName::Work);
    bus.jetstream().delete_stream(&name).await.unwrap();
    // The reader makes both again by itself, and only then is there something to publish to.
    let made = async {
        while bus.jetstream().get_stream(&name).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, made).await.unwrap();
    publish(&bus, 5..6).await;
    assert_eq!(next(&mut intake, 1).await[0].payload().as_ref(), b"5");
}
