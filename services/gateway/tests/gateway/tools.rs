//! The catalog: what is passed on, and what is refused before it is.

use crate::fake::{Answer, Gateway, request};
use axum::body::Body;
use contracts::problem::Problem;
use contracts::v1::tool_service_client::ToolServiceClient;
use contracts::v1::{
    ApproveToolRequest, ChangeToolRequest, DiscoverToolsRequest, GetToolRequest, ListToolsRequest, RegisterToolRequest,
};
use http::Method;
use serde_json::{Value, json};

fn tool() -> Value {
    json!({
        "tool_id": "custom.rates", "description": "Tells exchange rates",
        "endpoint": {"url": "https://rates.example.com/{{base}}", "query": {"on": "{{day}}"}},
    })
}

async fn send(gateway: &Gateway, method: Method, path: &str, key: Option<&str>, body: &Value) -> Answer {
    let mut request = request(method, path).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    gateway.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_registered_tool_is_created_once_and_passed_on_with_every_default() {
    let gateway = Gateway::start().await;
    let created = send(&gateway, Method::POST, "/tools", Some("k"), &tool()).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("location"), Some("/api/orchestrator/tools/custom.rates"));
    let again = send(&gateway, Method::POST, "/tools", Some("k"), &tool()).await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotent-replayed")),
        (201, Some("true"))
    );
    let twin = gateway.post_json("/tools", &tool()).await;
    assert_eq!(twin.problem(), (409, "tool_exists".to_owned()));
    let kept = gateway.coordinator.catalog.registered.lock().unwrap()["custom.rates"].clone();
    assert_eq!(
        (&kept["timeout_seconds"], &kept["retry"]["max_attempts"]),
        (&json!(30.0), &json!(3))
    );
    assert_eq!(
        (&kept["endpoint"]["method"], &kept["category"]),
        (&json!("GET"), &json!("api"))
    );
}

#[tokio::test]
async fn the_verbs_of_a_tool_reach_the_catalog() {
    let gateway = Gateway::start().await;
    gateway.post_json("/tools", &tool()).await;
    let changed = send(&gateway, Method::PUT, "/tools/custom.rates", None, &tool()).await;
    assert_eq!(changed.status, 200);
    let mut other = tool();
    other["tool_id"] = json!("custom.other");
    let moved = send(&gateway, Method::PUT, "/tools/custom.rates", None, &other).await;
    assert_eq!(
        (moved.problem().1.as_str(), moved.pointers()),
        ("validation", vec!["/tool_id".to_owned()])
    );
    let mut theirs = tool();
    theirs.as_object_mut().unwrap().remove("tool_id");
    let theirs = send(&gateway, Method::PUT, "/tools/shop.stock", None, &theirs).await;
    assert_eq!(theirs.problem(), (409, "tool_not_registered".to_owned()));
    let approved = gateway
        .post_json("/tools/shop.stock/approve", &json!({"version_hash": "00ff"}))
        .await;
    assert_eq!(approved.json()["state"], "active");
    assert_eq!(gateway.post("/tools/shop.stock/approve", "").await.status, 200);
    {
        let approvals = gateway.coordinator.catalog.approvals.lock().unwrap();
        let hashes: Vec<&str> = approvals.iter().map(|a| a.version_hash.as_str()).collect();
        assert_eq!(hashes, ["00ff", ""]);
    }
    assert_eq!(
        gateway.post("/tools/shop.stock/suspend", "").await.json()["state"],
        "suspended"
    );
    let suspended = gateway
        .post_json("/tools/shop.stock/suspend", &json!({"why": "x"}))
        .await;
    assert_eq!(suspended.problem(), (422, "unknown_field".to_owned()));
    assert_eq!(
        gateway.call(Method::DELETE, "/tools/shop.stock").await.json()["state"],
        "removed"
    );
    assert_eq!(
        gateway.call(Method::DELETE, "/tools/none.there").await.problem(),
        (404, "tool_not_found".to_owned())
    );
    assert_eq!(gateway.post("/tools/discover", "").await.json()["tools"], 4);
    let seen = gateway.get("/tools/discover").await;
    assert_eq!(seen.problem(), (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn a_tool_that_cannot_be_one_is_refused_at_every_place() {
    let gateway = Gateway::start().await;
    let endpoint = |endpoint: Value| ("endpoint", endpoint);
    for ((member, value), pointer) in [
        (("tool_id", json!("rates")), "/tool_id"),
        (("tool_id", json!("a.b.c")), "/tool_id"),
        (("tool_id", json!("a.*")), "/tool_id"),
        (("tool_id", json!(".b")), "/tool_id"),
        (("name", json!("a\u{202e}b")), "/name"),
        (("description", json!("")), "/description"),
        (("input_schema", json!("string")), "/input_schema"),
        (("effects", json!("queryable")), "/effects"),
        (("timeout_seconds", json!(0)), "/timeout_seconds"),
        (("retry", json!({"max_attempts": 21})), "/retry/max_attempts"),
        (("estimated_cost", json!(-1)), "/estimated_cost"),
        (endpoint(json!({})), "/endpoint/url"),
        (
            endpoint(json!({"url": "https://a.example/", "api": "b"})),
            "/endpoint/url",
        ),
        (endpoint(json!({"url": "https://{{host}}/"})), "/endpoint/url"),
        (
            endpoint(json!({"url": "https://a.example@b.example/"})),
            "/endpoint/url",
        ),
        (
            endpoint(json!({"url": "https://a.example/x/%2E%2e/y"})),
            "/endpoint/url",
        ),
        (endpoint(json!({"api": "b"})), "/endpoint/path"),
        (endpoint(json!({"api": "b", "path": "/../admin"})), "/endpoint/path"),
        (
            endpoint(json!({"url": "https://a.example", "method": "TRACE"})),
            "/endpoint/method",
        ),
        (
            endpoint(json!({"url": "https://a.example", "headers": {"Authorization": "x"}})),
            "/endpoint/headers/Authorization",
        ),
        (
            endpoint(json!({"url": "https://a.example", "headers": {"host": "b"}})),
            "/endpoint/headers/host",
        ),
        (
            endpoint(json!({"url": "https://a.example", "headers": {"x-a": "b\r\nc: d"}})),
            "/endpoint/headers/x-a",
        ),
        (
            endpoint(json!({"url": "https://a.example", "output_pointer": "x"})),
            "/endpoint/output_pointer",
        ),
    ] {
        let mut document = tool();
        document[member] = value;
        let answer = gateway.post_json("/tools", &document).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{document}");
        assert_eq!(answer.pointers(), [pointer], "{document}");
    }
    let mut long = tool();
    long["input_schema"] = json!({"description": "x".repeat(65_536)});
    assert_eq!(gateway.post_json("/tools", &long).await.pointers(), [""]);
    let mut unknown = tool();
    unknown["endpoint"]["token"] = json!("secret");
    let unknown = gateway.post_json("/tools", &unknown).await;
    assert_eq!(unknown.problem(), (422, "unknown_field".to_owned()));
    assert!(gateway.coordinator.catalog.registered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_search_is_passed_on_as_it_was_asked() {
    let gateway = Gateway::start().await;
    gateway
        .get("/tools?q=exchange%20rate&category=api&source=mcp&state=suspended&available=false&limit=3")
        .await;
    {
        let lists = gateway.coordinator.catalog.lists.lock().unwrap();
        let asked = &lists[0];
        assert_eq!((asked.q.as_str(), asked.category.as_str()), ("exchange rate", "api"));
        assert_eq!((asked.source.as_str(), asked.state.as_str()), ("mcp", "suspended"));
        assert_eq!((asked.available, asked.limit), (Some(false), 3));
    }
    for bad in ["source=ftp", "state=gone", "available=maybe", "limit=0"] {
        let answer = gateway.get(&format!("/tools?{bad}")).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn the_same_verbs_are_offered_over_grpc() {
    let gateway = Gateway::start().await;
    let mut client = ToolServiceClient::connect(gateway.listen_grpc().await).await.unwrap();
    let ask = ListToolsRequest {
        cursor: "more".to_owned(),
        ..ListToolsRequest::default()
    };
    let page = client.list_tools(ask).await.unwrap().into_inner();
    assert_eq!(
        (page.tools[0].tool_id.as_str(), page.next_cursor.as_str()),
        ("shop.stock", "")
    );
    assert_eq!(page.tools[0].pending_version_hash, "00ff");
    let mut ask = tonic::Request::new(RegisterToolRequest {
        document_json: tool().to_string(),
    });
    ask.metadata_mut().insert("idempotency-key", "k".parse().unwrap());
    let registered = client.register_tool(ask).await.unwrap().into_inner();
    assert_eq!(
        (registered.tool_id.as_str(), registered.replayed),
        ("custom.rates", false)
    );
    let ask = RegisterToolRequest {
        document_json: tool().to_string(),
    };
    let twin = client.register_tool(ask).await.unwrap_err();
    assert_eq!(twin.code(), tonic::Code::FailedPrecondition);
    assert_eq!(Problem::from_status(&twin).code, "tool_exists");
    let ask = ChangeToolRequest {
        tool_id: "custom.rates".to_owned(),
        document_json: "{\"a\":1,\"a\":2}".to_owned(),
    };
    let doubled = client.change_tool(ask).await.unwrap_err();
    assert_eq!(Problem::from_status(&doubled).code, "duplicate_key");
    let ask = ApproveToolRequest {
        tool_id: "shop.stock".to_owned(),
        version_hash: "00ff".to_owned(),
    };
    assert_eq!(client.approve_tool(ask).await.unwrap().into_inner().state, "active");
    let found = client
        .discover_tools(DiscoverToolsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((found.discovered, found.suspended, found.complete), (1, 3, true));
    let ask = GetToolRequest {
        tool_id: "none.there".to_owned(),
    };
    let missing = client.get_tool(ask).await.unwrap_err();
    assert_eq!(missing.code(), tonic::Code::NotFound);
}
