//! Documents as tools, and their tools against a real server on loopback.

mod again;
mod hostile;

use super::{Expanded, UnusableDocument, expanded};
use crate::discovery::Discovery;
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use crate::tools::registry::Registry;
use crate::tools::{Call, Output};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use service::config::{ApiConfig, Config};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use workflow::vocabulary::EffectClass;

const PETSTORE: &str = include_str!("petstore.yaml");

fn api(more: Value) -> ApiConfig {
    let mut api = json!({"name": "pets", "base_url": "https://pets.example/v2", "openapi": "petstore.yaml"});
    api.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    serde_json::from_value(api).unwrap()
}

fn registry(api: ApiConfig) -> Registry {
    let config = Config {
        apis: vec![api],
        ..Config::default()
    };
    Registry::build(&config, &llm::open("offline").unwrap()).unwrap()
}

#[test]
fn every_operation_becomes_an_endpoint_and_what_cannot_be_sent_is_told() {
    let Expanded { api, refused, .. } = expanded(&api(json!({})), PETSTORE, None).unwrap();
    let names: Vec<(&str, &str, String)> = api
        .endpoints
        .iter()
        .map(|e| {
            (
                e.name.as_str(),
                e.effects().as_str(),
                format!("{} {}", e.method.as_str(), e.path),
            )
        })
        .collect();
    let expected = [
        ("deletePet", "once", "DELETE /pets/{{pet_id}}"),
        ("get_pets_pet_id", "read_only", "GET /pets/{{pet_id}}"),
        ("listPets", "read_only", "GET /pets"),
        ("pets_create", "once", "POST /pets"),
    ];
    assert_eq!(
        names,
        expected.map(|(name, effects, line)| (name, effects, line.to_owned()))
    );
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (refused[0].operation.as_str(), refused[0].code),
        ("uploadPhoto", "operation_unusable")
    );

    let list = &api.endpoints[2];
    assert_eq!(
        (list.description.as_str(), list.category.as_str()),
        ("Lists pets\nNewest first.", "pets_at_home")
    );
    let expected = json!({"type": "object", "additionalProperties": false, "required": ["limit"], "properties": {
        "tags": {"type": "array", "items": {"type": "string"}, "description": "Any of these."},
        "ids": {"type": "array", "items": {"type": "integer"}},
        "p_in": {"type": "string"},
        "limit": {"type": "integer", "exclusiveMinimum": 0},
        "X_Trace": {"type": "string"},
    }});
    assert_eq!(list.input_schema, expected);
    let pet = json!({"type": "object", "required": ["id", "name"], "properties": {
        "id": {"type": "integer"}, "name": {"type": "string", "minLength": 1},
        "nickname": {"type": ["string", "null"]}, "parent": {}}});
    assert_eq!(list.output_schema, json!({"type": "array", "items": pet}));
    let asked = &api.endpoints[3].input_schema["properties"]["body"];
    assert_eq!(asked["required"], json!(["name"]), "the server writes the id");
}

#[test]
fn the_operator_chooses_operations_and_overrides_what_the_document_says() {
    let chosen = json!({"operations": ["pets/create", "listPets"], "endpoints": [
        {"name": "pets_create", "effects": "keyed", "requires_approval": true},
        {"name": "listPets", "description": "Pets for sale", "query": {"for": "sale"}, "timeout_seconds": 5},
        {"name": "extra", "path": "/extra"}]});
    let Expanded { api, operations, .. } = expanded(&api(chosen), PETSTORE, None).unwrap();
    let [extra, list, create] = &api.endpoints[..] else {
        panic!("{:?}", api.endpoints)
    };
    assert_eq!((extra.path.as_str(), list.timeout_seconds), ("/extra", 5.0));
    assert_eq!((list.description.as_str(), list.query.len()), ("Pets for sale", 5));
    assert_eq!((create.effects().as_str(), create.requires_approval), ("keyed", true));
    assert!(create.input_schema.pointer("/properties/body").is_some());
    assert!(
        operations.contains("listPets") && !operations.contains("extra"),
        "that one is the operator's own"
    );

    let absent = super::tests::api(json!({"endpoints": [{"name": "nope"}]}));
    assert!(matches!(expanded(&absent, PETSTORE, None), Err(UnusableDocument::NoOperation(name)) if name == "nope"));
}

#[test]
fn a_document_does_not_say_whom_to_call_unless_the_operator_allowed_it() {
    let named = |hosts: Value| expanded(&api(json!({"base_url": null, "allow_hosts": hosts})), PETSTORE, None);
    let refused = named(json!([])).unwrap_err().to_string();
    assert!(
        refused.starts_with("host_not_allowed: its server https://eu.petstore.example"),
        "{refused}"
    );
    assert!(named(json!(["eu.petstore.example:8443"])).is_err());
    let allowed = named(json!(["eu.petstore.example"])).unwrap().api;
    assert_eq!(allowed.base_url, "https://eu.petstore.example/v2");
}

type Arrivals = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

async fn store() -> (String, Arrivals) {
    async fn arrive(
        State(seen): State<Arrivals>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: String,
    ) -> Response {
        let line = format!("{method} {uri}");
        let again = seen.lock().unwrap().iter().any(|(seen, ..)| *seen == line);
        seen.lock().unwrap().push((line, headers, body));
        match (method.as_str(), uri.path()) {
            ("DELETE", _) => StatusCode::NO_CONTENT.into_response(),
            // The second time the same words lead elsewhere.
            (_, "/openapi.json") if again => {
                let changed = include_str!("catalog.json").replace("/tree/", "/forest/");
                changed.into_response()
            }
            (_, "/openapi.json") => include_str!("catalog.json").into_response(),
            (_, "/v2/pets/odd") => r#"{"id": "not a number"}"#.into_response(),
            (_, "/v1/tree/a%20b") => r#"{"name": "a b", "children": [{"name": "c", "children": []}]}"#.into_response(),
            (_, "/v2/pets") if method == Method::GET => {
                r#"[{"id": 1, "name": "Rex", "nickname": null}]"#.into_response()
            }
            _ => (StatusCode::CREATED, r#"{"id": 2, "name": "Tom"}"#).into_response(),
        }
    }
    let seen = Arrivals::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().fallback(arrive).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, seen)
}

async fn call(registry: &Registry, tool_id: &str, arguments: Value, ledger: &TestLedger) -> Result<Value, String> {
    let served = registry.get(tool_id).map_err(|failure| failure.code)?;
    let arguments = served
        .checked(arguments.as_object().unwrap().clone())
        .map_err(|failure| failure.code)?;
    let call = Call {
        tier: None,
        arguments,
        submission_json: "{}",
        feedback: &[],
        responses: None,
        request_state: None,
        run: ledger,
    };
    match served.tool.call(call).await {
        Ok(Output { json, .. }) => Ok(serde_json::from_str(&json).unwrap()),
        Err(Stop::Failed(failure)) => Err(failure.code),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn operations_are_called_as_the_document_says_and_their_answers_checked() {
    let (address, seen) = store().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tools/openapi/tests/petstore.yaml");
    let registry = registry(api(json!({"base_url": format!("http://{address}/v2"), "openapi": file,
        "auth": {"kind": "header", "name": "X-Api-Key", "value": "the-api-key"}})));
    let ledger = TestLedger::new();
    let asked = json!({"tags": ["a b", "c"], "ids": [1, 2], "limit": 3, "X_Trace": "t1"});
    let pets = call(&registry, "pets.listPets", asked, &ledger).await;
    assert_eq!(pets, Ok(json!([{"id": 1, "name": "Rex", "nickname": null}])));
    let (line, headers, _) = seen.lock().unwrap().remove(0);
    assert_eq!(line, "GET /v2/pets?ids=1%2C2&limit=3&tags=a+b&tags=c");
    assert_eq!(
        (&headers["x-trace"], &headers["x-api-key"]),
        (&"t1".parse().unwrap(), &"the-api-key".parse().unwrap())
    );

    let created = call(&registry, "pets.pets_create", json!({"body": {"name": "Tom"}}), &ledger).await;
    assert_eq!(created, Ok(json!({"id": 2, "name": "Tom"})));
    let (line, headers, body) = seen.lock().unwrap().remove(0);
    assert_eq!((line.as_str(), body.as_str()), ("POST /v2/pets", r#"{"name":"Tom"}"#));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(ledger.states(), ["confirmed"]);

    let gone = call(
        &registry,
        "pets.deletePet",
        json!({"pet_id": "x/../y"}),
        &TestLedger::new(),
    )
    .await;
    assert_eq!(gone, Ok(Value::Null));
    assert_eq!(seen.lock().unwrap().remove(0).0, "DELETE /v2/pets/x%2F..%2Fy");

    for (tool, arguments, code) in [
        ("pets.get_pets_pet_id", json!({"pet_id": "odd"}), "tool_bad_response"),
        ("pets.get_pets_pet_id", json!({"pet_id": ""}), "tool_bad_arguments"),
        ("pets.listPets", json!({"limit": 0}), "tool_bad_arguments"),
        (
            "pets.listPets",
            json!({"limit": 1, "url": "http://169.254.169.254"}),
            "tool_bad_arguments",
        ),
        ("pets.pets_create", json!({}), "tool_bad_arguments"),
        ("pets.uploadPhoto", json!({}), "tool_unknown"),
    ] {
        assert_eq!(
            call(&registry, tool, arguments, &TestLedger::new()).await,
            Err(code.to_owned()),
            "{tool}"
        );
    }
}

#[tokio::test]
async fn a_document_of_a_server_is_fetched_and_its_tools_served() {
    let (address, seen) = store().await;
    let source = format!("http://{address}/openapi.json");
    let config = json!({"name": "catalog", "base_url": null, "openapi": source, "allow_hosts": [address]});
    let api = api(config);
    let registry = registry(api.clone());
    assert!(registry.get("catalog.tree").is_err());
    let (discovery, stop) = (Discovery::default(), CancellationToken::new());
    let mut changes = registry.changes();
    let source = discovery.join("api catalog");
    let loading = super::keep_loading(api, "default".to_owned(), registry.clone(), source, stop.clone());
    let loading = tokio::spawn(loading);
    changes
        .wait_for(|tools| tools.contains_key("catalog.tree"))
        .await
        .unwrap();
    let spec = registry.get("catalog.tree").unwrap().spec().clone();
    assert_eq!(spec.effects, EffectClass::ReadOnly);
    assert!(registry.for_agents("catalog.tree").is_some(), "it is the operator's");
    let tree = call(&registry, "catalog.tree", json!({"name": "a b"}), &TestLedger::new()).await;
    assert_eq!(tree.unwrap()["children"][0]["name"], "c");
    let lines: Vec<String> = seen.lock().unwrap().iter().map(|(line, ..)| line.clone()).collect();
    assert_eq!(lines, ["GET /openapi.json", "GET /v1/tree/a%20b"]);

    discovery.ask(1);
    discovery.settled(1).await;
    let changed = registry.get("catalog.tree").unwrap();
    assert!(spec.foreign && changed.spec().foreign);
    assert_eq!(changed.spec().description, spec.description);
    let planned = spec.version_hash().to_string();
    assert_eq!(changed.check_version(&planned).unwrap_err().code, "tool_changed");
    stop.cancel();
    loading.await.unwrap();
}
