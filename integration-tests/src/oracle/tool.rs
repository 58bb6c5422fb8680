//! The tool endpoints.

use super::Shared;
use super::record::Call;
use super::rule::{BAD, Rule, duration};
use crate::document::Document as _;
use crate::processes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A worker tells that it runs after one second; it dies after that, so that it is a run that was lost.
const POISON_DELAY: Duration = Duration::from_millis(1500);
/// Longer than any timeout used here.
const FOREVER: Duration = Duration::from_secs(600);

/// `POST /tool/{endpoint}`.
pub async fn call(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let arguments: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let item = arguments.said("/item").to_owned();
    let rule = shared.rule(&item);
    let caller = shared.caller(peer);
    let call = Call {
        endpoint,
        arguments: arguments.clone(),
        body,
        key: headers
            .get("idempotency-key")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        caller,
        started: shared.started.elapsed(),
        ended: None,
        hung_up: false,
        answer: None,
    };
    let under_way = UnderWay::begin(&shared, &item, call);
    let (status, text) = answer(&shared, &rule, &item, &arguments, under_way.number, peer).await;
    under_way.answered(text.clone());
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn answer(
    shared: &Shared,
    rule: &Rule,
    item: &str,
    arguments: &Value,
    earlier: usize,
    peer: SocketAddr,
) -> (StatusCode, Bytes) {
    let feedback = arguments.said("/feedback");
    match rule {
        Rule::Work(least, most) => {
            tokio::time::sleep(duration(shared.seed, item, *least, *most)).await;
            ok(&json!({"item": item, "text": format!("Findings about {item}: measured, compared and written down.")}))
        }
        Rule::Answer(value) => ok(value),
        Rule::FailFirst(times) if earlier < usize::try_from(*times).unwrap_or(usize::MAX) => {
            refused(StatusCode::SERVICE_UNAVAILABLE)
        }
        Rule::FailFirst(_) => ok(&json!({"item": item, "text": format!("{item} after trying again")})),
        Rule::Fail(status) => refused(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)),
        Rule::Hang => {
            tokio::time::sleep(FOREVER).await;
            refused(StatusCode::GATEWAY_TIMEOUT)
        }
        Rule::Garbage => (StatusCode::OK, Bytes::from_static(b"<html>please log in</html>")),
        Rule::BadUntilFeedback if !feedback.is_empty() => {
            ok(&json!({"item": item, "text": format!("A proper text about {item}, rewritten as asked.")}))
        }
        Rule::BadUntilFeedback | Rule::AlwaysBad => {
            ok(&json!({"item": item, "text": format!("{BAD} text for {item}")}))
        }
        Rule::Poison => {
            tokio::time::sleep(POISON_DELAY).await;
            kill_caller(shared.owner(peer));
            tokio::time::sleep(FOREVER).await;
            refused(StatusCode::GATEWAY_TIMEOUT)
        }
    }
}

fn ok(value: &Value) -> (StatusCode, Bytes) {
    (StatusCode::OK, value.to_string().into())
}

fn refused(status: StatusCode) -> (StatusCode, Bytes) {
    (status, json!({"error": status.as_str()}).to_string().into())
}

/// What an input does that makes its worker run out of memory, seen from the worker.
fn kill_caller(caller: anyhow::Result<u32>) {
    match caller.map(|pid| (pid, processes::name(pid))) {
        // Only ever an executor: a mistake here must not take the test itself down.
        Ok((pid, Some(name))) if name == "executor" => {
            let killed = i32::try_from(pid).map(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL));
            if !matches!(killed, Ok(Ok(()))) {
                eprintln!("oracle: executor {pid} could not be killed");
            }
        }
        Ok((pid, name)) => eprintln!("oracle: poison called by {pid} ({name:?}), left alone"),
        Err(error) => eprintln!("oracle: poison called by nobody: {error:#}"),
    }
}

/// A call that has begun; dropping it unanswered records that the caller hung up.
struct UnderWay {
    shared: Arc<Shared>,
    item: String,
    number: usize,
    answer: Option<Bytes>,
}

impl UnderWay {
    fn begin(shared: &Arc<Shared>, item: &str, call: Call) -> Self {
        let number = shared.read(|record| {
            let calls = record.calls.entry(item.to_owned()).or_default();
            calls.push(call);
            calls.len() - 1
        });
        Self {
            shared: Arc::clone(shared),
            item: item.to_owned(),
            number,
            answer: None,
        }
    }

    fn answered(mut self, answer: Bytes) {
        self.answer = Some(answer);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let (now, answer) = (self.shared.started.elapsed(), self.answer.take());
        self.shared.read(|record| {
            if let Some(call) = record
                .calls
                .get_mut(&self.item)
                .and_then(|calls| calls.get_mut(self.number))
            {
                call.ended = Some(now);
                call.hung_up = answer.is_none();
                call.answer = answer;
            }
        });
    }
}
