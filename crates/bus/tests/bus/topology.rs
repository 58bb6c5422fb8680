//! Streams and consumers.

use crate::fixture::{bus, pool};
use async_nats::jetstream::stream::DiscardPolicy;
use bus::names::StreamName;
use bus::topology::{self, ConsumerSpec, TopologyError};
use workflow::vocabulary::{EventKind, WorkKind};

#[tokio::test]
async fn ensuring_twice_changes_nothing_and_brings_back_what_was_deleted() {
    let bus = bus().await;
    let created = topology::ensure_stream(&bus, StreamName::Results)
        .await
        .unwrap()
        .created;
    topology::ensure(&bus).await.unwrap();
    let again = topology::ensure_stream(&bus, StreamName::Results).await.unwrap();
    assert_eq!(again.created, created);
    assert_eq!(again.state.consumer_count, 4);
    let name = bus.names().stream(StreamName::Results);
    bus.jetstream().delete_stream(&name).await.unwrap();
    topology::ensure(&bus).await.unwrap();
    let made = topology::ensure_stream(&bus, StreamName::Results).await.unwrap();
    assert_ne!(made.created, created);
    assert_eq!(made.state.consumer_count, 4);
}

#[tokio::test]
async fn a_stream_set_up_differently_is_refused_by_name_and_field() {
    let bus = bus().await;
    let mut config = topology::ensure_stream(&bus, StreamName::Work).await.unwrap().config;
    config.discard = DiscardPolicy::Old;
    bus.jetstream().update_stream(&config).await.unwrap();
    let error = topology::ensure(&bus).await.unwrap_err();
    assert!(!error.is_retryable());
    let TopologyError::Drift {
        what,
        field,
        expected,
        found,
    } = error
    else {
        panic!("no drift: {error}");
    };
    assert_eq!(what, config.name);
    assert_eq!((field, expected.as_str(), found.as_str()), ("discard", "New", "Old"));
}

#[tokio::test]
async fn larger_limits_are_an_operators_choice() {
    let bus = bus().await;
    let mut config = topology::ensure_stream(&bus, StreamName::Events).await.unwrap().config;
    config.max_bytes *= 2;
    config.max_age *= 2;
    bus.jetstream().update_stream(&config).await.unwrap();
    topology::ensure(&bus).await.unwrap();
}

#[tokio::test]
async fn a_consumer_set_up_differently_is_refused() {
    let bus = bus().await;
    let spec = ConsumerSpec::work(&bus, WorkKind::Plan, &pool());
    let consumer = topology::ensure_consumer(&bus, &spec).await.unwrap();
    let mut config = consumer.cached_info().config.clone();
    config.max_deliver = 5;
    let stream = bus.names().stream(StreamName::Work);
    let stream = bus.jetstream().get_stream(&stream).await.unwrap();
    stream.update_consumer(config).await.unwrap();
    let error = topology::ensure_consumer(&bus, &spec).await.unwrap_err();
    assert!(
        matches!(
            error,
            TopologyError::Drift {
                field: "max_deliver",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn readers_of_events_choose_their_kinds() {
    let bus = bus().await;
    let kinds = [EventKind::TaskCompleted, EventKind::TaskFailed];
    let spec = ConsumerSpec::events(&bus, &bus::Token::parse("learner").unwrap(), &kinds);
    topology::ensure_consumer(&bus, &spec).await.unwrap();
    let again = topology::ensure_consumer(&bus, &spec).await.unwrap();
    assert_eq!(again.cached_info().config.filter_subjects.len(), 2);
}
