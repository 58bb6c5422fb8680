//! Whose a tool is: what executors announce is everybody's, what a caller registered is its tenant's alone.

use super::{Catalog, definitions, found, read, stock, told};
use crate::grpc::tasks::tests::world::{code, planned};
use contracts::coordinator::ListCatalogRequest;
use serde_json::{Value, json};
use workflow::tool::{ToolSource, ToolSpecification};

fn not_found() -> (u16, String) {
    (404, "tool_not_found".to_owned())
}

/// Registered by `a`.
async fn with_a_tool() -> Catalog {
    let catalog = Catalog::new("active").await;
    catalog.register("", &stock("Tells the stock")).await.unwrap();
    catalog
}

#[tokio::test]
async fn of_another_tenants_tool_nothing_is_seen_and_nothing_changed() {
    let mut catalog = with_a_tool().await;
    let theirs = catalog.of("b");
    assert_eq!(code(theirs.tool("custom.stock").await), not_found());
    assert_eq!(code(theirs.change(&stock("mine")).await), not_found());
    assert_eq!(code(theirs.approve("custom.stock", "").await), not_found());
    assert_eq!(code(theirs.suspend("custom.stock").await), not_found());
    assert_eq!(code(theirs.remove("custom.stock").await), not_found());
    let ours = catalog.of("a").tool("custom.stock").await.unwrap();
    assert_eq!(
        (&ours["state"], &ours["description"]),
        (&json!("active"), &json!("Tells the stock"))
    );
    assert_eq!(definitions(&catalog).await, ["custom.stock"], "executors serve all");
    let answer = read(&catalog, "custom.stock").await;
    assert!(
        answer.in_force.is_empty() && answer.active.is_empty(),
        "agents and channels are every tenant's"
    );
}

#[tokio::test]
async fn lists_and_planners_have_what_is_everybodys_and_what_is_the_tenants_own() {
    let mut catalog = with_a_tool().await;
    catalog.announce("e1", &[found("srv.now", "Tells the time")], 0).await;
    let api = || ListCatalogRequest {
        source: "api".to_owned(),
        ..ListCatalogRequest::default()
    };
    let q = || ListCatalogRequest {
        q: "tells".to_owned(),
        ..ListCatalogRequest::default()
    };
    for (tenant, of_apis, telling, offered) in [
        (
            "a",
            &["custom.stock"][..],
            &["custom.stock", "srv.now"][..],
            &["null", "post", "send", "srv.now", "custom.stock"][..],
        ),
        ("b", &[], &["srv.now"], &["null", "post", "send", "srv.now"]),
    ] {
        let catalog = catalog.of(tenant);
        assert_eq!(catalog.list(api()).await, of_apis, "{tenant}");
        assert_eq!(catalog.list(q()).await, telling, "{tenant}");
        assert_eq!(catalog.offered().await, offered, "{tenant}");
        assert!(catalog.tool("srv.now").await.is_ok());
    }
}

#[tokio::test]
async fn a_plan_with_another_tenants_tool_is_refused_like_one_with_a_tool_that_nobody_has() {
    let mut catalog = with_a_tool().await;
    assert_eq!(catalog.refused("custom.stock").await, None);
    let theirs = catalog.of("b");
    let refusal = async |id: &str| {
        let plan = json!({ "steps": [{ "key": "a", "tool_id": id, "arguments": {} }] });
        let submitted = theirs
            .world
            .submit_with("", json!({ "request": "x", "plan": plan }))
            .await;
        let problem = submitted.unwrap_err();
        (problem.status, problem.code, problem.detail.replace(id, "?"))
    };
    let refused = refusal("custom.stock").await;
    assert_eq!((refused.0, refused.1.as_str()), (422, "plan_tool"));
    assert_eq!(refused, refusal("custom.nobodys").await);
    catalog.of("b").world.submit(planned("with what is everybody's")).await;
}

#[tokio::test]
async fn what_the_operator_configures_takes_its_id_back_and_the_tenant_is_told() {
    let mut catalog = with_a_tool().await;
    let own = |description: &str| ToolSpecification {
        source: ToolSource::Api,
        ..found("custom.stock", description)
    };
    catalog.announce("e1", &[own("The operator's")], 0).await;
    catalog.announce("e1", &[own("The operator's")], 0).await;
    assert_eq!(
        definitions(&catalog).await,
        [""; 0],
        "executors serve the tenant's no longer"
    );
    for tenant in ["a", "b"] {
        let tool = catalog.of(tenant).tool("custom.stock").await.unwrap();
        assert_eq!(
            (&tool["state"], &tool["origin"]),
            (&json!("active"), &json!("announced"))
        );
        assert_eq!(tool["description"], "The operator's");
        assert_eq!(tool.get("endpoint"), None);
    }
    assert_eq!(
        code(catalog.of("a").change(&stock("mine")).await),
        (409, "tool_not_registered".to_owned())
    );
    assert_eq!(
        catalog.told("custom.stock").await,
        told(&["discovered", "changed", "discovered"])
    );
    let tenants: Vec<String> = sqlx::query_scalar(
        "SELECT body::json ->> 'tenant' FROM event WHERE subject LIKE '%.events.tool.%' ORDER BY sequence",
    )
    .fetch_all(&catalog.tools.shared.pool)
    .await
    .unwrap();
    assert_eq!(tenants, ["a", "a", "default"]);
}

#[tokio::test]
async fn an_id_is_one_tools_over_all_tenants_and_nobody_hears_whose() {
    let mut catalog = with_a_tool().await;
    let taken = catalog.of("b").register("k", &stock("mine")).await.unwrap_err();
    assert_eq!((taken.status, taken.code.as_str()), (409, "tool_exists"));
    catalog.of("a").remove("custom.stock").await.unwrap();
    let taken = catalog.of("b").register("k", &stock("mine")).await.unwrap_err();
    assert_eq!(taken.code, "tool_exists", "what was removed is still its tenant's");
    let mut own = stock("mine");
    own["tool_id"] = json!("custom.mine");
    let registered = |answer: (Value, bool)| answer.0["tool_id"].clone();
    assert_eq!(registered(catalog.register("k", &own).await.unwrap()), "custom.mine");
    let again = catalog.of("a").register("k", &stock("Tells the stock")).await.unwrap();
    assert_eq!(registered(again), "custom.stock", "each tenant has keys of its own");
}
