//! Publishing and looking up.

use crate::fixture::{bus, config, item, pool, step};
use bus::lookup::{Lookup, StreamCreated};
use bus::names::StreamName;
use bus::publish::MAX_PAYLOAD;
use bus::{Bus, Outgoing, PublishError, topology};
use contracts::work::{Job, WorkItem};
use prost::Message;
use workflow::vocabulary::WorkKind;

fn message(bus: &Bus, id: &str) -> Outgoing {
    let subject = bus.names().work_subject(WorkKind::Execute, &pool());
    Outgoing::new(subject, id.to_owned(), "payload")
}

#[tokio::test]
async fn a_burst_is_stored_in_order_and_a_copy_is_told() {
    let bus = bus().await;
    let burst: Vec<Outgoing> = (0..500).map(|n| message(&bus, &format!("id-{n}"))).collect();
    let stored: Vec<_> = bus.publish_all(burst).await.into_iter().map(Result::unwrap).collect();
    let sequences: Vec<u64> = stored.iter().map(|stored| stored.sequence).collect();
    assert_eq!(sequences, (1..=500).collect::<Vec<u64>>());
    let copy = bus.publish_one(message(&bus, "id-7")).await.unwrap();
    assert_eq!((copy.sequence, copy.duplicate), (8, true));
}

#[tokio::test]
async fn what_cannot_be_stored_says_why_and_the_rest_is_stored() {
    let bus = bus().await;
    let mut large = message(&bus, "large");
    large.payload = vec![0_u8; MAX_PAYLOAD + 1].into();
    let mut nowhere = message(&bus, "nowhere");
    nowhere.subject = format!("{}x", bus.names().work_subject(WorkKind::Execute, &pool())).replace(".work.", ".none.");
    let subject = nowhere.subject.clone();
    let answers = bus.publish_all(vec![large, nowhere, message(&bus, "good")]).await;
    assert_eq!(answers[0], Err(PublishError::TooLarge { size: MAX_PAYLOAD + 1 }));
    assert_eq!(answers[1], Err(PublishError::NoStream { subject }));
    assert_eq!(answers[2].as_ref().unwrap().sequence, 1);
}

#[tokio::test]
async fn without_a_server_nothing_waits_and_nothing_is_sent_later() {
    let bus = Bus::connect(&config("nats://127.0.0.1:1", "absent")).await.unwrap();
    assert!(!bus.is_connected());
    assert_eq!(
        bus.publish_one(message(&bus, "a")).await,
        Err(PublishError::Disconnected)
    );
    assert_eq!(bus.work_stream_created().await, StreamCreated::Outage);
}

#[tokio::test]
async fn a_queued_message_is_there_until_it_is_gone() {
    let bus = bus().await;
    let (first, other) = (step("null"), step("null"));
    let dispatch = |job: &Job, number| (job.job_id.parse().unwrap(), number);
    let work = WorkItem {
        more: vec![item(&bus, vec![other.clone()])],
        ..item(&bus, vec![first.clone()])
    };
    let publish = || {
        bus.publish_one(Outgoing::new(
            message(&bus, "").subject,
            "id".to_owned(),
            work.encode_to_vec(),
        ))
    };
    let stored = publish().await.unwrap();
    let StreamCreated::At(created) = bus.work_stream_created().await else {
        panic!("no work stream");
    };
    let lookup = |sequence, created, dispatch| bus.lookup(sequence, created, dispatch);
    let known = dispatch(&first, 1);
    assert_eq!(lookup(stored.sequence, created, known).await, Lookup::There);
    assert_eq!(
        lookup(stored.sequence, created, dispatch(&other, 1)).await,
        Lookup::There
    );
    assert_eq!(
        lookup(stored.sequence, created, dispatch(&first, 2)).await,
        Lookup::Gone
    );
    assert_eq!(
        lookup(stored.sequence, created, dispatch(&step("null"), 1)).await,
        Lookup::Gone
    );
    assert_eq!(lookup(stored.sequence, created - 1, known).await, Lookup::Gone);
    assert_eq!(lookup(stored.sequence + 1, created, known).await, Lookup::Gone);

    let name = bus.names().stream(StreamName::Work);
    bus.jetstream().delete_stream(&name).await.unwrap();
    assert_eq!(lookup(stored.sequence, created, known).await, Lookup::Gone);
    topology::ensure(&bus).await.unwrap();
    publish().await.unwrap();
    assert_eq!(lookup(stored.sequence, created, known).await, Lookup::Gone);
}
