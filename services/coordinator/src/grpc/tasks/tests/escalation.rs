//! Whom what waits is with, in the inbox and over the hand-on.

use super::world::{LIMIT, World, planned};
use crate::writer::inbox::Ask;
use serde_json::{Value, json};
use service::config::Config;
use std::sync::Arc;
use std::time::Duration;
use workflow::input::Input;

async fn with(world: &World, assignee: &str) -> Vec<Value> {
    let page = world.approvals_of(assignee, 50, "").await;
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_waits_is_found_under_whom_it_is_with_and_moves_on_with_the_databases_clock() {
    let mut world = World::new().await;
    let mut config = serde_json::to_value(&*world.tasks.config).unwrap();
    config["policy"]["assignees"]["publication"] = json!("editors");
    config["policy"]["escalation"] = json!([{ "after_seconds": 1.0, "assignee": "lead" }]);
    world.tasks.config = Arc::new(serde_json::from_value::<Config>(config).unwrap());
    let mut own = planned("of ann");
    own["metadata"] = json!({ "assignee": "ann" });
    let (first, second) = (world.submit(planned("of the editors")).await, world.submit(own).await);
    for task in [&first, &second] {
        world.work(task).await;
    }
    assert_eq!(with(&world, "ann").await[0]["task_id"], second);
    let editors = with(&world, "editors").await;
    assert_eq!((editors.len(), &editors[0]["task_id"]), (1, &json!(first)));
    assert_eq!(world.approval(&first, "").await.unwrap()["assignee"], "editors");
    assert!(with(&world, "nobody").await.is_empty());
    let id = first.parse().unwrap();
    let handed_on = async {
        loop {
            world.tasks.shared.inbox.ask(id, Ask::Input(Input::TimerFired)).await;
            if !with(&world, "lead").await.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, handed_on).await.unwrap();
    assert!(with(&world, "editors").await.is_empty());
    assert_eq!(world.status(&first).await["open_gates"][0]["assignee"], "lead");
    assert_eq!(with(&world, "").await.len(), 2);
}
