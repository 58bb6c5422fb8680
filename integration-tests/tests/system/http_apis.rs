//! Tools of an OpenAPI document in a task, and calls whose worker is killed while they are under way.

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use integration_tests::plans::unattended;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A lost worker is noticed after its lease, and its calls' licences end before.
const LIMIT: Duration = Duration::from_secs(100);
const SECRET: &str = "the-secret-of-the-shop";

const DOCUMENT: &str = r"
openapi: 3.0.3
info: { title: Shop, version: '1' }
servers: [{ url: 'https://somewhere.else.example' }]
paths:
  /stock/{item}:
    get:
      operationId: stock
      summary: Tells what is in stock
      parameters: [{ name: item, in: path, required: true, schema: { type: string } }]
      responses:
        200: { description: It, content: { application/json: { schema: { $ref: '#/components/schemas/Stock' } } } }
  /orders:
    post:
      operationId: order
      requestBody: &body { required: true, content: { application/json: { schema: { type: object } } } }
      responses: { '201': { description: Done } }
  /reservations:
    post:
      operationId: reserve
      requestBody: *body
      responses: { '201': { description: Done } }
components:
  schemas:
    Stock: { type: object, required: [token], properties: { token: { type: string } } }
";

const CONFIGURATION: &str = r#"
[[apis]]
name = "shop"
base_url = "BASE"
openapi = "shop.yaml"
auth = { kind = "bearer", token = "SECRET" }
[[apis.endpoints]]
name = "order"
effects = "keyed"
timeout_seconds = 10
[[apis.endpoints]]
name = "reserve"
effects = "queryable"
timeout_seconds = 10
lookup = { path = "/reservations", query = { key = "{{effect_key}}" }, done = { pointer = "/0" }, answer_pointer = "/0" }
"#;

/// What arrived, in order. The first of each POST does its work and is never answered.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Vec<Arrival>>>);

#[derive(Clone, PartialEq, Debug)]
struct Arrival {
    line: String,
    key: String,
    authorization: String,
    body: String,
}

impl Shop {
    fn arrivals(&self, line: &str) -> Vec<Arrival> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter(|arrival| arrival.line.starts_with(line))
            .cloned()
            .collect()
    }
}

async fn arrive(State(shop): State<Shop>, method: Method, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let arrival = Arrival {
        line: format!("{method} {uri}"),
        key: header("idempotency-key"),
        authorization: header("authorization"),
        body: body.clone(),
    };
    shop.0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(arrival.clone());
    let of_its_kind = shop.arrivals(&format!("{method} {}", uri.path())).len();
    match (method.as_str(), uri.path()) {
        ("POST", _) if of_its_kind == 1 => std::future::pending().await,
        ("POST", _) => json!({"done": body, "echo": arrival.authorization})
            .to_string()
            .into_response(),
        (_, "/v1/reservations") => {
            let kept = shop.arrivals("POST /v1/reservations");
            let kept = kept.iter().filter(|kept| {
                uri.query()
                    .is_some_and(|q| q == format!("key={}", kept.key.replace(':', "%3A")))
            });
            let kept: Vec<Value> = kept.map(|kept| json!({"reserved": kept.body})).collect();
            json!(kept).to_string().into_response()
        }
        (_, path) => json!({"token": format!("token of {path}"), "echo": arrival.authorization})
            .to_string()
            .into_response(),
    }
}

#[test]
fn calls_of_a_killed_worker_end_once_with_the_same_key_and_bytes() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shop = Shop::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}/v1", listener.local_addr()?);
        let app = Router::new().fallback(arrive).with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let config = CONFIGURATION.replace("BASE", &base).replace("SECRET", SECRET);
        let system = System::prepare(Options::new("http-apis", config))?;
        fs::write(system.state().join("shop.yaml"), DOCUMENT)?;
        system.launch().await?;
        let outcome = run(&system, &shop).await;
        if outcome.is_err() {
            system.keep_state();
        }
        system.stop()?;
        outcome
    })
}

async fn run(system: &System, shop: &Shop) -> Result<()> {
    let rest = Rest::new(&system.dev()?.rest_url)?;
    let token = json!({"$step": "stock", "pointer": "/token"});
    let plan = json!({"steps": [
        {"key": "stock", "tool_id": "shop.stock", "arguments": {"item": "green tea"}},
        {"key": "order", "tool_id": "shop.order", "arguments": {"body": {"for": token}}},
        {"key": "reserve", "tool_id": "shop.reserve", "arguments": {"body": {"for": token}}},
    ]});
    let task = rest.submit(&unattended("Order green tea", plan, &[])).await?;
    let both = || async {
        let open = ["POST /v1/orders", "POST /v1/reservations"].map(|line| shop.arrivals(line).len());
        ensure!(open == [1, 1], "{open:?}");
        Ok(())
    };
    eventually("both calls are under way", LIMIT, both).await?;
    system.kill("executor-1")?;
    let status = rest.until(&task, &["completed"], LIMIT).await?;

    let orders = shop.arrivals("POST /v1/orders");
    let [first, second] = &orders[..] else {
        anyhow::bail!("{orders:?}")
    };
    ensure!(first == second && !first.key.is_empty(), "{orders:?}");
    ensure!(
        first.body == r#"{"for":"token of /v1/stock/green%20tea"}"#,
        "{}",
        first.body
    );
    ensure!(
        first.authorization == format!("Bearer {SECRET}"),
        "{}",
        first.authorization
    );
    ensure!(
        shop.arrivals("POST /v1/reservations").len() == 1,
        "it was reserved twice"
    );
    ensure!(
        shop.arrivals("GET /v1/reservations").len() == 1,
        "it was not looked up once"
    );

    let reserved = step(&status, "reserve")?.text("/output/reserved")?;
    ensure!(reserved == first.body, "{}", shortened(&status));
    ensure!(
        step(&status, "order")?.text("/output/echo")? == "Bearer ***",
        "{}",
        shortened(&status)
    );
    let trace = rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
    let told = format!("{status}{trace}");
    ensure!(!told.contains(SECRET), "the secret is told");
    told.contains("token of /v1/stock/green%20tea")
        .then_some(())
        .context("the trace shows no output")
}
