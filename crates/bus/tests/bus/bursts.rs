//! Many messages with one acknowledgement.

use crate::fixture::{bus, config, pool};
use bus::names::StreamName;
use bus::publish::MAX_PAYLOAD;
use bus::publish::bursts::{Bursts, MAX_BURST};
use bus::{Bus, Outgoing, PublishError, Token, topology};
use std::time::Duration;
use tokio::time::Instant;
use workflow::vocabulary::{EventKind, WorkKind};

fn event(bus: &Bus, id: &str) -> Outgoing {
    let tenant = Token::parse("default").unwrap();
    Outgoing::new(
        bus.names().event_subject(EventKind::TaskCompleted, &tenant),
        id.to_owned(),
        "payload",
    )
}

fn events(bus: &Bus, numbers: std::ops::Range<usize>) -> Vec<Outgoing> {
    numbers.map(|n| event(bus, &format!("id-{n}"))).collect()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

async fn stored(bursts: &Bursts, messages: Vec<Outgoing>) -> Result<u64, PublishError> {
    bursts.publish(messages, soon()).await?.stored(soon()).await
}

async fn count(bus: &Bus) -> u64 {
    topology::ensure_stream(bus, StreamName::Events)
        .await
        .unwrap()
        .state
        .messages
}

#[tokio::test]
async fn a_burst_ends_with_the_place_of_its_last_message() {
    let bus = bus().await;
    let bursts = Bursts::open(&bus, soon()).await.unwrap();
    assert_eq!(stored(&bursts, events(&bus, 0..1)).await, Ok(1));
    assert_eq!(stored(&bursts, events(&bus, 1..3)).await, Ok(3));
    assert_eq!(
        stored(&bursts, events(&bus, 3..3 + MAX_BURST)).await,
        Ok(3 + u64::try_from(MAX_BURST).unwrap())
    );
    assert_eq!(count(&bus).await, 503);
}

#[tokio::test]
async fn copies_within_a_burst_are_not_stored_twice() {
    let bus = bus().await;
    let bursts = Bursts::open(&bus, soon()).await.unwrap();
    stored(&bursts, events(&bus, 0..10)).await.unwrap();
    assert_eq!(stored(&bursts, events(&bus, 5..15)).await, Ok(15), "some at the front");
    let mut middle = events(&bus, 15..25);
    middle.insert(4, event(&bus, "id-3"));
    assert_eq!(stored(&bursts, middle).await, Ok(25), "one in the middle");
    let mut last = events(&bus, 25..30);
    last.push(event(&bus, "id-3"));
    assert_eq!(stored(&bursts, last).await, Ok(30), "the last one");
    let all = stored(&bursts, events(&bus, 0..25)).await;
    assert!(
        matches!(all, Err(PublishError::Refused { .. })),
        "where old ones are is not known: {all:?}"
    );
    assert_eq!(count(&bus).await, 30);
}

#[tokio::test]
async fn many_publishers_send_bursts_at_once() {
    let bus = bus().await;
    let publisher = |first: usize| {
        let bus = bus.clone();
        async move {
            let bursts = Bursts::open(&bus, soon()).await.unwrap();
            for n in 0..20 {
                let from = first + n * 10;
                stored(&bursts, events(&bus, from..from + 10)).await.unwrap();
            }
        }
    };
    tokio::join!(publisher(0), publisher(1_000), publisher(2_000), publisher(3_000));
    assert_eq!(count(&bus).await, 800);
}

#[tokio::test]
async fn bursts_of_one_publisher_may_overlap() {
    let bus = bus().await;
    let bursts = Bursts::open(&bus, soon()).await.unwrap();
    let mut pending = Vec::new();
    for n in 0..50 {
        let burst = events(&bus, n * 7..n * 7 + 7);
        pending.push(bursts.publish(burst, soon()).await.unwrap());
    }
    for burst in pending {
        burst.stored(soon()).await.unwrap();
    }
    assert_eq!(count(&bus).await, 350);
}

#[tokio::test]
async fn a_stream_that_takes_no_bursts_says_so_once() {
    let bus = bus().await;
    let bursts = Bursts::open(&bus, soon()).await.unwrap();
    let work = |id: &str| {
        let subject = bus.names().work_subject(WorkKind::Execute, &pool());
        Outgoing::new(subject, id.to_owned(), "payload")
    };
    assert!(bursts.are_welcome());
    let refused = stored(&bursts, vec![work("a"), work("b"), work("c")]).await;
    assert!(matches!(refused, Err(PublishError::Refused { .. })), "{refused:?}");
    assert!(!bursts.are_welcome());
}

#[tokio::test]
async fn what_cannot_be_stored_is_an_error_at_once() {
    let bus = bus().await;
    let bursts = Bursts::open(&bus, soon()).await.unwrap();
    let mut large = event(&bus, "large");
    large.payload = vec![0_u8; MAX_PAYLOAD + 1].into();
    assert_eq!(
        stored(&bursts, vec![event(&bus, "small"), large]).await,
        Err(PublishError::TooLarge { size: MAX_PAYLOAD + 1 })
    );
    let mut nowhere = events(&bus, 0..3);
    for message in &mut nowhere {
        message.subject = message.subject.replace(".events.", ".none.");
    }
    let began = Instant::now();
    let refused = stored(&bursts, nowhere).await;
    assert!(matches!(refused, Err(PublishError::Refused { .. })), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "an answer came, no deadline");
    assert!(bursts.are_welcome());
    let away = Bus::connect(&config("nats://127.0.0.1:1", "absent")).await.unwrap();
    assert_eq!(
        Bursts::open(&away, soon()).await.err(),
        Some(PublishError::Disconnected)
    );
}
