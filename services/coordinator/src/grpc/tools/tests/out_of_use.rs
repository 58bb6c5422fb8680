//! What a person takes out of use stops: planned steps do not begin, and no call is let through.

use super::{Catalog, found, read};
use crate::grpc::tasks::tests::world::{code, planned};
use serde_json::json;

#[tokio::test]
async fn a_planned_step_of_a_suspended_tool_does_not_begin_until_the_tool_is_back() {
    let catalog = Catalog::new("active").await;
    let world = &catalog.world;
    let id = world.submit(planned("Write about AI")).await;
    catalog.suspend("null").await.unwrap();
    world.work(&id).await;
    let status = world.status(&id).await;
    let steps = &status["plan"]["steps"];
    assert_eq!(steps[0]["status"], "succeeded", "it was on its way already");
    assert_eq!(steps[1]["error"]["code"], "tool_suspended", "{status}");
    assert_eq!(status["status"], "needs_attention");
    let why = status["attention"]["detail"].as_str().unwrap();
    assert!(why.contains("POST /tools/null/approve"), "{why}");
    catalog.approve("null", "").await.unwrap();
    world.control(&id, "retry").await.unwrap();
    world.work(&id).await;
    assert_eq!(world.status(&id).await["plan"]["steps"][1]["status"], "succeeded");
}

#[tokio::test]
async fn a_call_of_a_suspended_tool_is_not_let_through_and_waits_for_another_word() {
    let catalog = Catalog::new("active").await;
    let world = &catalog.world;
    let plan = json!({ "steps": [{ "key": "a", "tool_id": "send", "arguments": {} }] });
    let id = world.submit(json!({ "request": "x", "plan": plan })).await;
    world.work(&id).await;
    catalog.suspend("send").await.unwrap();
    let approve = || json!({ "approved": true });
    assert_eq!(
        code(world.decide(&id, approve()).await),
        (409, "tool_suspended".to_owned())
    );
    catalog.remove("send").await.unwrap();
    assert_eq!(
        code(world.decide(&id, approve()).await),
        (409, "tool_removed".to_owned())
    );
    assert_eq!(world.status(&id).await["status"], "awaiting_step_approval");
    catalog.approve("send", "").await.unwrap();
    world.decide(&id, approve()).await.unwrap();
    assert_eq!(world.status(&id).await["status"], "executing");
}

#[tokio::test]
async fn what_a_person_stopped_no_server_starts_again_for_channels() {
    let catalog = Catalog::new("active").await;
    let in_force = async || {
        let mut read = read(&catalog, "srv.now").await;
        read.in_force.remove("srv.now").unwrap()
    };
    let says = async |version: &str| {
        catalog.announce("e1", &[found("srv.now", version)], 0).await;
    };
    says("v1").await;
    let first = in_force().await;
    catalog.suspend("srv.now").await.unwrap();
    assert_eq!(in_force().await, "suspended");
    for version in ["v2", "v1", "v3"] {
        says(version).await;
        assert_eq!(in_force().await, "suspended", "{version}");
    }
    let tool = catalog.approve("srv.now", "").await.unwrap();
    assert_eq!(in_force().await, tool["version_hash"].as_str().unwrap());
    assert_ne!(in_force().await, first);

    let approved = in_force().await;
    says("v4").await;
    assert_eq!(in_force().await, approved, "its server alone suspended it");
    let heard = catalog.beat("e1").await.definitions_version;
    catalog.suspend("srv.now").await.unwrap();
    assert_eq!(in_force().await, "suspended");
    assert!(
        catalog.beat("e1").await.definitions_version > heard,
        "executors read again"
    );
}

#[tokio::test]
async fn executors_hear_that_a_tool_is_out_of_use_and_that_it_is_back() {
    let catalog = Catalog::new("active").await;
    catalog.announce("e1", &[found("srv.now", "Tells the time")], 0).await;
    let hash = catalog.tool("srv.now").await.unwrap()["version_hash"].clone();
    let mut heard = 0;
    for (act, in_force, active) in [
        ("announced", hash.as_str().unwrap(), true),
        ("suspended", "suspended", false),
        ("removed", "removed", false),
        ("approved", hash.as_str().unwrap(), true),
    ] {
        match act {
            "suspended" => catalog.suspend("srv.now").await.map(drop).unwrap(),
            "removed" => catalog.remove("srv.now").await.map(drop).unwrap(),
            "approved" => catalog.approve("srv.now", "").await.map(drop).unwrap(),
            _ => {}
        }
        let answer = read(&catalog, "srv.now").await;
        assert_eq!(
            (answer.in_force["srv.now"].as_str(), answer.active.len() == 1),
            (in_force, active),
            "{act}"
        );
        assert!(answer.version > heard, "{act}");
        heard = answer.version;
    }
}
