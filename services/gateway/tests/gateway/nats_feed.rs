//! The live feed over a real NATS server.

use crate::fake::{FakeFeed, Gateway};
use bus::{Bus, BusConfig, Token};
use gateway::application::Limits;
use gateway::live::NatsFeed;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use workflow::vocabulary::EventKind;

async fn publish(bus: &Bus, kind: EventKind, event: &Value, with_header: bool) {
    let tenant = Token::parse("default").unwrap();
    let mut headers = async_nats::HeaderMap::new();
    if with_header {
        headers.insert("ce-subject", event["subject"].as_str().unwrap());
    }
    let subject = bus.names().event_subject(kind, &tenant);
    bus.client()
        .publish_with_headers(subject, headers, event.to_string().into())
        .await
        .unwrap();
}

#[tokio::test]
async fn events_reach_a_watcher_from_the_stream_before_any_poll() {
    let nats = testkit::Nats::shared().await.unwrap();
    let bus = Bus::connect(&BusConfig {
        url: nats.url().to_owned(),
        user: None,
        password: None,
        prefix: nats.prefix(),
        name: "gateway-test".to_owned(),
    })
    .await
    .unwrap();
    bus.connected().await;
    let feed = Arc::new(NatsFeed::new(bus.clone(), Token::parse("default").unwrap()));
    let gateway = Gateway::over(Limits::default(), feed, Arc::new(FakeFeed::default())).await;
    let task = gateway.task().await;
    let (_, mut frames) = gateway.stream(&task, None).await;
    // The coordinator is not asked again within this time; until the subscription stands, events are repeated.
    let first = gateway.coordinator.happen(&task, "task.submitted");
    let told = async {
        loop {
            publish(&bus, EventKind::TaskSubmitted, &first, true).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (id, _, _) = tokio::select! {
        frame = frames.next() => frame.unwrap(),
        () = told => unreachable!(),
    };
    assert_eq!(id, 1);
    let second = gateway.coordinator.happen(&task, "task.completed");
    publish(&bus, EventKind::TaskCompleted, &second, false).await;
    assert_eq!(frames.rest().await, [2]);
    assert_eq!(*gateway.coordinator.event_reads.lock().unwrap(), 1);
}
