//! Watching a task: complete, in order, once, whatever the live feed does.

use crate::fake::{FakeFeed, Gateway};
use gateway::application::Limits;
use http::StatusCode;
use std::time::Duration;

const IMPATIENCE: Duration = Duration::from_secs(20);

/// Everything the stream tells until it closes.
async fn rest(frames: &mut crate::fake::Frames) -> Vec<u64> {
    tokio::time::timeout(IMPATIENCE, frames.rest()).await.unwrap()
}

#[tokio::test]
async fn history_comes_first_then_what_happens_until_the_last_event() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    gateway.coordinator.happen(&task, "task.submitted");
    let (status, mut frames) = gateway.stream(&task, None).await;
    assert_eq!(status, StatusCode::OK);
    let (id, kind, event) = frames.next().await.unwrap();
    assert_eq!((id, kind.as_str()), (1, "io.orchestrator.task.submitted.v1"));
    assert_eq!(event["subject"], task);
    gateway.feed.subscribed(1).await;
    for kind in ["task.executing", "step.started", "step.failed", "task.completed"] {
        gateway.feed.publish(&gateway.coordinator.happen(&task, kind));
    }
    assert_eq!(rest(&mut frames).await, [2, 3, 4, 5]);
}

#[tokio::test]
async fn repeated_reordered_and_lost_events_do_not_show() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let other = gateway.task().await;
    let (_, mut frames) = gateway.stream(&task, None).await;
    let first = gateway.coordinator.happen(&task, "task.submitted");
    gateway.feed.subscribed(1).await;
    gateway.feed.publish(&first);
    assert_eq!(frames.next().await.unwrap().0, 1);
    let events: Vec<_> = (2..=9)
        .map(|_| gateway.coordinator.happen(&task, "step.queued"))
        .collect();
    gateway
        .feed
        .publish(&gateway.coordinator.happen(&other, "task.completed"));
    // 2 lost; 4 before 3; 3 twice; 5-8 lost.
    for at in [2, 1, 1, 7] {
        gateway.feed.publish(&events[at]);
    }
    gateway.feed.publish(&gateway.coordinator.happen(&task, "task.failed"));
    assert_eq!(rest(&mut frames).await, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn a_cut_client_goes_on_behind_the_last_event_it_saw() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    for _ in 0..250 {
        gateway.coordinator.happen(&task, "step.queued");
    }
    gateway.coordinator.happen(&task, "task.completed");
    let (_, mut frames) = gateway.stream(&task, None).await;
    assert_eq!(frames.next().await.unwrap().0, 1);
    drop(frames);
    let (_, mut frames) = gateway.stream(&task, Some(100)).await;
    assert_eq!(rest(&mut frames).await, (101..=251).collect::<Vec<_>>());
    // Whoever saw the end, or claims to have seen more, is told not to come again.
    for seen in [251, 1000] {
        let (status, mut frames) = gateway.stream(&task, Some(seen)).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(rest(&mut frames).await, Vec::<u64>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_feed_a_watch_polls() {
    let gateway = Gateway::start().await;
    gateway.feed.go_down();
    let task = gateway.task().await;
    gateway.coordinator.happen(&task, "task.submitted");
    let (_, mut frames) = gateway.stream(&task, None).await;
    assert_eq!(frames.next().await.unwrap().0, 1);
    gateway.coordinator.happen(&task, "task.planned");
    assert_eq!(frames.next().await.unwrap().0, 2);
    gateway.coordinator.happen(&task, "task.cancelled");
    assert_eq!(frames.rest().await, [3]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_last_event_is_found_although_no_gap_shows_it() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    gateway.coordinator.happen(&task, "task.submitted");
    let (_, mut frames) = gateway.stream(&task, None).await;
    assert_eq!(frames.next().await.unwrap().0, 1);
    gateway.coordinator.happen(&task, "task.completed");
    assert_eq!(frames.rest().await, [2]);
}

#[tokio::test]
async fn a_watcher_that_reads_slowly_misses_nothing() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    gateway
        .feed
        .publish(&gateway.coordinator.happen(&task, "task.submitted"));
    let (_, mut frames) = gateway.stream(&task, None).await;
    assert_eq!(frames.next().await.unwrap().0, 1);
    gateway.feed.subscribed(1).await;
    // More than a watcher's buffer holds.
    for _ in 0..600 {
        gateway.feed.publish(&gateway.coordinator.happen(&task, "step.queued"));
    }
    gateway
        .feed
        .publish(&gateway.coordinator.happen(&task, "task.rejected"));
    assert_eq!(rest(&mut frames).await, (2..=602).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_subscription_serves_all_watchers_and_ends_with_the_last() {
    let gateway = Gateway::start().await;
    let (one, two) = (gateway.task().await, gateway.task().await);
    let streams = [
        gateway.stream(&one, None).await,
        gateway.stream(&one, None).await,
        gateway.stream(&two, None).await,
    ];
    gateway.feed.subscribed(1).await;
    assert_eq!(*gateway.feed.subscriptions.borrow(), 1);
    let (ended, running) = (
        gateway.coordinator.happen(&one, "task.completed"),
        gateway.coordinator.happen(&two, "task.planned"),
    );
    gateway.feed.publish(&ended);
    gateway.feed.publish(&running);
    let [(_, mut a), (_, mut b), (_, mut c)] = streams;
    assert_eq!((rest(&mut a).await, rest(&mut b).await), (vec![1], vec![1]));
    assert_eq!(c.next().await.unwrap().0, 1);
    assert_eq!(gateway.app.hub.watchers(), 1);
    drop(c);
    drop((a, b));
    let gone = |feed: &FakeFeed| feed.listeners() == 0;
    tokio::time::timeout(IMPATIENCE, async {
        while !gone(&gateway.feed) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(gateway.app.hub.watchers(), 0);
}

#[tokio::test]
async fn too_many_watchers_are_refused() {
    let limits = Limits {
        watchers: 1,
        ..Limits::default()
    };
    let gateway = Gateway::with(limits).await;
    let task = gateway.task().await;
    let (_, frames) = gateway.stream(&task, None).await;
    assert_eq!(gateway.stream(&task, None).await.0, StatusCode::SERVICE_UNAVAILABLE);
    drop(frames);
    assert_eq!(gateway.stream(&task, None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_draining_gateway_closes_its_streams() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let (_, mut frames) = gateway.stream(&task, None).await;
    gateway.stop.cancel();
    assert_eq!(rest(&mut frames).await, Vec::<u64>::new());
}

#[tokio::test]
async fn history_is_a_list_of_cloud_events() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    for _ in 0..5 {
        gateway.coordinator.happen(&task, "step.queued");
    }
    for query in ["after=1&limit=2", "cursor=1&limit=2"] {
        let page = gateway.get(&format!("/tasks/{task}/events?{query}")).await.json();
        let items = page["items"].as_array().unwrap();
        let sequences: Vec<_> = items.iter().map(|e| e["sequence"].as_u64().unwrap()).collect();
        assert_eq!(sequences, [2, 3]);
    }
}
