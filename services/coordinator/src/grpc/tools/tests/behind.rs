//! Executors that do not say the same: one has not read yet what a server's tool became, or the server went back.

use super::{Catalog, found};
use serde_json::{Value, json};

const ID: &str = "srv.now";

/// State, and description of what waits.
async fn seen(catalog: &Catalog) -> (Value, Value) {
    let tool = catalog.tool(ID).await.unwrap();
    (tool["state"].clone(), tool["pending"]["description"].clone())
}

fn active() -> (Value, Value) {
    (json!("active"), Value::Null)
}

fn waiting(version: &str) -> (Value, Value) {
    (json!("suspended"), json!(version))
}

async fn says(catalog: &Catalog, worker: &str, version: &str) {
    catalog.announce(worker, &[found(ID, version)], 0).await;
}

/// As if the executor had announced last when that many seconds less had passed.
async fn earlier(catalog: &Catalog, worker: &str, seconds: f64) {
    sqlx::query("UPDATE tool_announcement SET at = at - make_interval(secs => $2) WHERE worker_id = $1")
        .bind(worker)
        .bind(seconds)
        .execute(&catalog.tools.shared.pool)
        .await
        .unwrap();
}

/// `a` says `v1` still; `b` has said `v2`, which was approved.
async fn approved() -> Catalog {
    let catalog = Catalog::new("active").await;
    says(&catalog, "a", "v1").await;
    says(&catalog, "b", "v1").await;
    says(&catalog, "b", "v2").await;
    says(&catalog, "a", "v1").await;
    assert_eq!(seen(&catalog).await, waiting("v2"), "not hidden by one that is behind");
    catalog.approve(ID, "").await.unwrap();
    says(&catalog, "a", "v1").await;
    assert_eq!(seen(&catalog).await, active(), "not undone by one that is behind");
    catalog
}

#[tokio::test]
async fn an_executor_that_is_behind_undoes_no_approval_and_catches_up() {
    let catalog = approved().await;
    let events = catalog.told(ID).await.len();
    says(&catalog, "b", "v2").await;
    says(&catalog, "a", "v1").await;
    says(&catalog, "a", "v2").await;
    assert_eq!(seen(&catalog).await, active());
    assert_eq!(catalog.told(ID).await.len(), events, "nothing happened to the tool");
}

#[tokio::test]
async fn a_server_that_went_back_is_suspended_as_soon_as_an_executor_notices() {
    let catalog = approved().await;
    says(&catalog, "b", "v1").await;
    assert_eq!(seen(&catalog).await, waiting("v1"));
    says(&catalog, "a", "v1").await;
    assert_eq!(seen(&catalog).await, waiting("v1"));
}

#[tokio::test]
async fn the_word_of_an_executor_that_is_gone_holds_for_three_minutes_of_others() {
    let catalog = approved().await;
    earlier(&catalog, "b", 170.0).await;
    says(&catalog, "a", "v1").await;
    assert_eq!(seen(&catalog).await, active());
    earlier(&catalog, "b", 30.0).await;
    says(&catalog, "a", "v1").await;
    assert_eq!(seen(&catalog).await, waiting("v1"));
}

#[tokio::test]
async fn while_nobody_could_announce_no_executors_word_grows_old() {
    let catalog = approved().await;
    for worker in ["a", "b"] {
        earlier(&catalog, worker, 500.0).await;
    }
    says(&catalog, "a", "v1").await;
    assert_eq!(seen(&catalog).await, active(), "b has had no chance to say it again");
}

#[tokio::test]
async fn a_change_that_nobody_says_any_more_does_not_wait() {
    let catalog = Catalog::new("active").await;
    for (worker, version) in [("a", "v1"), ("b", "v1"), ("b", "v2"), ("b", "v1")] {
        says(&catalog, worker, version).await;
    }
    assert_eq!(seen(&catalog).await, (json!("suspended"), Value::Null));
}

#[tokio::test]
async fn executors_that_find_a_new_tool_at_once_and_differ_are_both_heard() {
    let catalog = Catalog::new("active").await;
    let specs = |version: &str| {
        (0..50)
            .map(|n| found(&format!("srv.t{n}"), version))
            .collect::<Vec<_>>()
    };
    let (old, new) = (specs("v1"), specs("v2"));
    tokio::join!(catalog.announce("a", &old, 0), catalog.announce("b", &new, 0));
    for spec in &old {
        let tool = catalog.tool(&spec.tool_id).await.unwrap();
        assert_eq!(tool["state"], "suspended", "{tool}");
        assert_ne!(tool["pending"]["description"], tool["description"]);
    }
}

#[tokio::test]
async fn a_server_that_renames_its_tools_all_the_time_fills_no_catalog() {
    let catalog = Catalog::new("active").await;
    for listing in 0..3 {
        let tools: Vec<_> = (0..2_000)
            .map(|n| found(&format!("srv.t{listing}x{n}"), "v1"))
            .collect();
        catalog.announce("e1", &tools, 0).await;
    }
    catalog
        .announce("e1", &[found("other.t", "v1"), found("srv.t0x1", "v2")], 0)
        .await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM tool WHERE tool_id LIKE 'srv.%'")
        .fetch_one(&catalog.tools.shared.pool)
        .await
        .unwrap();
    assert_eq!(kept, 5_000);
    assert_eq!(catalog.tool("other.t").await.unwrap()["state"], "active");
    assert_eq!(
        catalog.tool("srv.t0x1").await.unwrap()["state"],
        "suspended",
        "what is known is followed"
    );
}
