//! A receiver of gate events that is down at first, an executor that is killed while it posts, and a coordinator that is
//! killed after: nothing is lost, and every signature holds.

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use integration_tests::document::Document as _;
use integration_tests::eventually::eventually;
use integration_tests::plans::null_step;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A lease of a killed executor's post ends after the receiver's time and ten seconds.
const LIMIT: Duration = Duration::from_secs(60);
const KEY: &[u8] = b"a key that only we two know";
const TASKS: usize = 6;

const CONFIGURATION: &str = r#"
[policy]
auto_approve = true
[[webhooks]]
name = "inbox"
url = "URL"
secrets = ["whsec_SECRET"]
events = ["gate.*"]
timeout_seconds = 2
"#;

#[derive(Clone, Debug)]
struct Arrival {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// What the receiver does with a post.
#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Down,
    /// Takes it and never answers.
    Hangs,
    Well,
}

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<(Mood, Vec<Arrival>)>>);

impl Receiver {
    fn read<T>(&self, look: impl FnOnce(&mut (Mood, Vec<Arrival>)) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn feel(&self, mood: Mood) {
        self.read(|state| state.0 = mood);
    }

    fn arrived(&self) -> Vec<Arrival> {
        self.read(|state| state.1.clone())
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let arrival = Arrival {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    };
    let mood = receiver.read(|(mood, arrivals)| {
        if *mood != Mood::Down {
            arrivals.push(arrival);
        }
        *mood
    });
    match mood {
        Mood::Down => StatusCode::SERVICE_UNAVAILABLE,
        Mood::Hangs => std::future::pending().await,
        Mood::Well => StatusCode::NO_CONTENT,
    }
}

/// RFC 2104, so that the signature is checked by something else than what made it.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let pad = |byte: u8| block.map(|b| b ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

fn verify(arrival: &Arrival) -> Result<Value> {
    let signed = format!("{}.{}.{}", arrival.id, arrival.timestamp, arrival.body);
    let expected = format!("v1,{}", STANDARD.encode(hmac(KEY, signed.as_bytes())));
    ensure!(arrival.signature == expected, "{arrival:?}");
    let event: Value = serde_json::from_str(&arrival.body)?;
    ensure!(event["id"] == arrival.id.as_str(), "{arrival:?}");
    Ok(event)
}

async fn metrics(system: &System) -> Result<String> {
    let dev = system.dev()?;
    let mut services = dev.services.iter();
    let coordinator = services.find(|service| service.name.starts_with("coordinator"));
    let url = coordinator
        .and_then(|service| service.health_url.clone())
        .context("no coordinator")?;
    let url = format!("{}/metrics", url.trim_end_matches("/readyz").trim_end_matches("/livez"));
    Ok(reqwest::get(url).await?.text().await?)
}

#[tokio::test]
async fn every_gate_is_told_to_a_webhook_whatever_dies() -> Result<()> {
    let receiver = Receiver::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/inbox", listener.local_addr()?);
    let app = Router::new()
        .route("/inbox", post(receive))
        .with_state(receiver.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let configuration = CONFIGURATION
        .replace("URL", &url)
        .replace("SECRET", &STANDARD.encode(KEY));
    let system = System::start(Options::new("webhooks", configuration)).await?;
    let rest = Rest::new(&system.dev()?.rest_url)?;

    let plan = json!({"steps": [null_step("only", &json!({"text": "what is to be published"}), &[])]});
    let request = json!({"request": "Ask before it goes out", "plan": plan, "quality_threshold": 0.0});
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(rest.submit(&request).await?);
    }
    for task in &tasks {
        rest.until(task, &["awaiting_approval"], LIMIT).await?;
    }
    receiver.feel(Mood::Hangs);
    eventually("the executor posts", LIMIT, || async {
        ensure!(!receiver.arrived().is_empty(), "nothing came");
        Ok(())
    })
    .await?;
    system.kill("executor-1")?;
    // Decided before anybody heard that it waits: both are told.
    let decided = tasks.first().context("no task")?;
    rest.decide(decided, &json!({"approved": false})).await?.expect(200)?;
    receiver.feel(Mood::Well);
    system.kill("coordinator-1")?;
    let mut expected = BTreeSet::new();
    for task in &tasks {
        let gates = eventually("the history", LIMIT, || rest.history(task)).await?;
        let gates = gates.iter().filter(|event| event.said("/type").contains(".gate."));
        expected.extend(gates.map(Value::to_string));
    }
    ensure!(expected.len() == TASKS + 1, "{} events of gates", expected.len());
    eventually("all are told", LIMIT, || async {
        let events = receiver.arrived().iter().map(verify).collect::<Result<Vec<Value>>>()?;
        let told: BTreeSet<String> = events.iter().map(Value::to_string).collect();
        ensure!(told == expected, "{} of {} are told", told.len(), expected.len());
        let metrics = metrics(&system).await?;
        ensure!(
            metrics.contains("orchestrator_webhook_waiting{webhook=\"inbox\"} 0"),
            "some wait still"
        );
        Ok(())
    })
    .await?;
    serving.abort();
    Ok(())
}
