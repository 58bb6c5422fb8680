//! Outside effects of a run: asked for, sent once licensed, and recorded (design, section 4, I4).
//!
//! | how sending ended        | keyed, queryable              | once                                          |
//! |--------------------------|-------------------------------|-----------------------------------------------|
//! | receiver acted           | confirmed                     | confirmed                                     |
//! | receiver said no         | rejected                      | rejected                                      |
//! | nobody knows             | left `sent`, another attempt  | unknown, a human decides                      |
//! | certainly nothing happened | left `sent`, another attempt | rejected as not done, another attempt asks for the next ordinal |
//!
//! A keyed effect stays `sent` even when this sending certainly did nothing, because an earlier one may
//! have arrived; its key makes the next sending harmless. What is `queryable` is looked up before it is sent
//! again: there, it is confirmed; missing, it is sent; unclear, nothing is sent. A `once` effect is licensed a
//! single time, so "not done" is final for its ledger row, and the next attempt is a new row and never a resend.
//! So it is with a receiver that asks something instead of acting: what it is told goes out as a new effect.

use crate::failure::RunFailure;
use async_trait::async_trait;
use bus::worker::{CallError, EffectEnd, EffectRequest, JobContext, Licence};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use workflow::vocabulary::EffectClass;

/// A job has at most as many attempts as a retry policy allows.
const MAX_ORDINALS: u32 = 20;
/// Between two questions while another run may be sending.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// The ledger, as a run sees it.
#[async_trait]
pub trait EffectPort: Send + Sync {
    /// Asks to send.
    async fn begin(&self, effect: &EffectRequest) -> Result<Licence, CallError>;
    /// Records how it ended.
    async fn end(&self, effect: &EffectRequest, end: EffectEnd, response_json: String) -> Result<(), CallError>;
    /// When the run's time is over.
    fn deadline(&self) -> Instant;
}

#[async_trait]
impl EffectPort for JobContext {
    async fn begin(&self, effect: &EffectRequest) -> Result<Licence, CallError> {
        self.begin_effect(effect).await
    }

    async fn end(&self, effect: &EffectRequest, end: EffectEnd, response_json: String) -> Result<(), CallError> {
        self.end_effect(effect, end, response_json).await
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// What a run wants to send.
#[derive(Clone, Debug)]
pub struct Intent {
    /// What repeating it does.
    pub class: EffectClass,
    /// Who receives it, for people.
    pub target: String,
    /// The tool that a channel publishes with; empty: none, or the step's own.
    pub tool_id: String,
    /// Frozen by the first run that asks.
    pub request_json: String,
    /// Longest time for sending.
    pub send_within: Duration,
    /// How long the receiver remembers a key.
    pub key_ttl: Duration,
}

/// A licence to send.
#[derive(Clone, Debug)]
pub struct Licensed {
    /// What to send, whatever this run would have sent.
    pub request_json: String,
    /// Stable for the effect.
    pub key: String,
    /// Sending must be over by then.
    pub send_before: Instant,
    /// An earlier run may have sent it.
    pub sent_before: bool,
}

/// What a look-up found.
#[derive(Debug)]
pub enum Looked {
    /// It happened; what stands in for the receiver's answer.
    Found(Value),
    /// It did not happen.
    Missing,
    /// Nobody knows.
    Unclear(RunFailure),
}

/// How sending ended.
#[derive(Debug)]
pub enum Sent {
    /// The receiver acted; its answer.
    Confirmed(Value),
    /// The receiver said no, and will again.
    Refused(RunFailure),
    /// The receiver certainly did nothing.
    NotDone(RunFailure),
    /// Nobody knows.
    Unclear(RunFailure),
    /// The receiver asked something instead of acting.
    Asked(Question),
}

/// Sends what is licensed.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Sends the frozen request, once.
    async fn send(&self, licensed: &Licensed) -> Sent;

    /// Looks whether an earlier sending did its work; asked of what is `queryable` alone.
    async fn look_up(&self, _: &Licensed) -> Looked {
        let message = "there is no way to look it up";
        Looked::Unclear(RunFailure::permanent("effect_lookup", message))
    }
}

/// Why a run has no result.
#[derive(Clone, PartialEq, Debug)]
pub enum Stop {
    /// The model had no answer.
    Engine(Box<llm::Failed>),
    /// It failed.
    Failed(RunFailure),
    /// The tool wants to know something of a human; what it is told comes with the step's next run.
    Asks(Question),
    /// It could not be tried; costs no attempt.
    Released,
    /// Nobody wants it any more.
    Dropped,
}

/// What a tool wants to know before it goes on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Question {
    /// For people: why it asks.
    pub message: String,
    /// What is asked, each answered apart.
    pub requests: Vec<QuestionRequest>,
    /// The tool's own, given back with the answers; at most 64 KiB, never shown.
    pub request_state: Option<String>,
}

/// One thing that is asked.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct QuestionRequest {
    /// Names the answer.
    pub key: String,
    /// For people.
    pub message: String,
    /// JSON Schema of the answer.
    pub schema: Value,
}

impl From<RunFailure> for Stop {
    fn from(failure: RunFailure) -> Self {
        Self::Failed(failure)
    }
}

/// Performs one outside effect, or learns how it ended earlier; the value is the receiver's answer.
///
/// # Errors
/// [`Stop`].
pub async fn perform(port: &dyn EffectPort, intent: &Intent, sender: &dyn Sender) -> Result<Value, Stop> {
    for ordinal in 0..MAX_ORDINALS {
        let effect = request(port, intent, ordinal);
        match begin(port, &effect).await? {
            Licence::Send {
                frozen_request_json,
                effect_key,
                send_before,
                sent_before,
            } => {
                let licensed = Licensed {
                    request_json: frozen_request_json,
                    key: effect_key,
                    send_before,
                    sent_before,
                };
                return send(port, &effect, &licensed, sender).await;
            }
            Licence::Confirmed { response_json } => return Ok(recorded(&response_json)),
            Licence::Rejected { response_json } => match refusal(&recorded(&response_json)) {
                Some(failure) => return Err(failure.into()),
                None => continue,
            },
            Licence::Unknown => return Err(unknown(&effect.target).into()),
            Licence::Busy => return Err(busy(&effect.target).into()),
            Licence::Refused { reason } => return Err(refused(&reason, &effect.target)),
        }
    }
    Err(RunFailure::permanent("effect_attempts", format!("{} could not be reached", intent.target)).into())
}

fn request(port: &dyn EffectPort, intent: &Intent, ordinal: u32) -> EffectRequest {
    let left = worker::give_up_at(port.deadline()).saturating_duration_since(Instant::now());
    EffectRequest {
        ordinal,
        class: intent.class,
        target: intent.target.clone(),
        tool_id: intent.tool_id.clone(),
        request_json: intent.request_json.clone(),
        send_within: intent.send_within.min(left),
        key_ttl: intent.key_ttl,
    }
}

/// Waits while the coordinator is away or another run may be sending.
async fn begin(port: &dyn EffectPort, effect: &EffectRequest) -> Result<Licence, Stop> {
    let give_up = worker::give_up_at(port.deadline());
    loop {
        match timeout_at(give_up, port.begin(effect)).await {
            // Nothing was sent: the job goes back as it is.
            Err(_) | Ok(Err(CallError::Away | CallError::Interrupted)) => return Err(Stop::Released),
            Ok(Err(CallError::Refused { code, message })) => {
                let message = format!("the coordinator refused the effect: {code}: {message}");
                return Err(RunFailure::permanent("effect_refused", message).into());
            }
            Ok(Ok(Licence::Busy)) if Instant::now() + BUSY_PAUSE < give_up => sleep(BUSY_PAUSE).await,
            Ok(Ok(licence)) => return Ok(licence),
        }
    }
}

async fn send(
    port: &dyn EffectPort,
    effect: &EffectRequest,
    licensed: &Licensed,
    sender: &dyn Sender,
) -> Result<Value, Stop> {
    let sent = sent(effect.class, licensed, sender).await;
    let repeatable = matches!(effect.class, EffectClass::Keyed | EffectClass::Queryable);
    match sent {
        Sent::Confirmed(response) => {
            record(port, effect, EffectEnd::Confirmed, &response).await;
            Ok(response)
        }
        Sent::Refused(failure) => {
            let response = json!({"code": failure.code, "message": failure.message});
            record(port, effect, EffectEnd::Rejected, &response).await;
            Err(failure.into())
        }
        Sent::NotDone(failure) if repeatable => Err(failure.into()),
        Sent::NotDone(failure) => {
            let response = json!({"not_done": true, "code": failure.code, "message": failure.message});
            record(port, effect, EffectEnd::Rejected, &response).await;
            Err(failure.into())
        }
        Sent::Asked(question) => {
            let response = json!({"not_done": true, "code": "asked", "message": question.message});
            record(port, effect, EffectEnd::Rejected, &response).await;
            Err(Stop::Asks(question))
        }
        Sent::Unclear(failure) if repeatable => Err(RunFailure {
            retryable: true,
            ..failure
        }
        .into()),
        Sent::Unclear(failure) => {
            let response = json!({"code": failure.code, "message": failure.message});
            record(port, effect, EffectEnd::Unknown, &response).await;
            Err(RunFailure::effect_unknown(failure.to_string()).into())
        }
    }
}

async fn sent(class: EffectClass, licensed: &Licensed, sender: &dyn Sender) -> Sent {
    if class == EffectClass::Queryable && licensed.sent_before {
        match sender.look_up(licensed).await {
            Looked::Found(answer) => return Sent::Confirmed(answer),
            Looked::Unclear(failure) => return Sent::Unclear(failure),
            Looked::Missing => {}
        }
    }
    if licensed.send_before > Instant::now() {
        sender.send(licensed).await
    } else {
        let message = "the licence to send was over when it came";
        Sent::NotDone(RunFailure::transient("effect_late", message))
    }
}

async fn record(port: &dyn EffectPort, effect: &EffectRequest, end: EffectEnd, response: &Value) {
    if let Err(error) = port.end(effect, end, response.to_string()).await {
        // The result tells as much; the ledger row ends as unknown at worst.
        tracing::warn!(%error, target = effect.target, ?end, "the end of an effect could not be recorded");
    }
}

fn recorded(response_json: &str) -> Value {
    serde_json::from_str(response_json).unwrap_or_default()
}

/// What the receiver said; none: it was never asked.
fn refusal(response: &Value) -> Option<RunFailure> {
    if response.get("not_done").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let text = |name: &str| response.get(name).and_then(Value::as_str);
    let code = text("code").unwrap_or("tool_rejected");
    let message = text("message").unwrap_or("the receiver refused it earlier");
    Some(RunFailure::permanent(code, message))
}

fn unknown(target: &str) -> RunFailure {
    RunFailure::effect_unknown(format!("nobody knows whether an earlier sending reached {target}"))
}

fn busy(target: &str) -> RunFailure {
    RunFailure::transient("effect_busy", format!("another run may still be sending to {target}"))
}

fn refused(reason: &str, target: &str) -> Stop {
    match reason {
        "gate" | "budget" => RunFailure::permanent(
            "effect_refused",
            format!("sending to {target} is held back by its {reason}"),
        )
        .into(),
        "once_already_sent" => unknown(target).into(),
        "tool_suspended" | "tool_removed" => {
            let message = format!("the tool was taken out of use before anything was sent to {target}");
            RunFailure::permanent(reason, message).into()
        }
        // superseded, cancelled, finished: the run is over.
        _ => Stop::Dropped,
    }
}
