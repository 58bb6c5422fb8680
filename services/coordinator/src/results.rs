//! Work results: from a lane's messages to inputs, and back to acknowledgements.

use crate::expectation;
use crate::work::account::Account;
use crate::work::body;
use crate::work::pace::Paces;
use crate::writer::Shared;
use crate::writer::inbox::{Ask, Envelope, Receipt};
use bus::Lane;
use bus::dead_letter::DeadLetter;
use bus::intake::{Delivery, Intake, ack_all};
use bus::names::StreamName;
use bus::topology::ConsumerSpec;
use contracts::work::{Awaiting, JobResult, Released, Usage, WorkResult, job_result};
use prost::Message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::warn;
use workflow::decide::LEASE;
use workflow::hash::Fingerprint;
use workflow::ids::{JobId, RunId, TaskId};
use workflow::input::{Assessment, Body, Cost, Failure, Input, Outcome, Postponed};
use workflow::judge::Judge;
use workflow::state::Money;
use workflow::time::Millis;
use workflow::vocabulary::{AskKind, WorkKind};

/// Messages of a lane in hand at once.
const CAPACITY: usize = 1024;
/// Messages in one go.
const FETCH: usize = 256;
/// Results in one message.
const MAX_RESULTS: usize = 64;
/// While the oldest unread result is older than this, no lease ends.
const STALE_MS: i64 = 2_000;

/// Reads a lane for ever.
pub async fn read(shared: Arc<Shared>, lane: Lane) {
    let (done, finished) = mpsc::unbounded_channel();
    let acks = tokio::spawn(acknowledge(finished));
    let mut intake = Intake::open(&shared.bus, ConsumerSpec::results(&shared.bus, lane), CAPACITY);
    let mut batch = Vec::new();
    loop {
        if intake.next_batch(&mut batch, FETCH).await == 0 {
            break;
        }
        for delivery in batch.drain(..) {
            take(&shared, delivery, &done).await;
        }
    }
    drop(done);
    if acks.await.is_err() {
        warn!("acknowledging results ended early; redelivery repeats what is done");
    }
}

/// Acknowledges what is committed, many at a time, beside the next commit.
async fn acknowledge(mut finished: mpsc::UnboundedReceiver<Delivery>) {
    let mut batch = Vec::new();
    while finished.recv_many(&mut batch, FETCH).await > 0 {
        ack_all(std::mem::take(&mut batch)).await;
    }
}

async fn take(shared: &Arc<Shared>, delivery: Delivery, done: &mpsc::UnboundedSender<Delivery>) {
    let (inputs, unreadable) = match decode(delivery.payload(), &shared.paces) {
        Ok(read) => read,
        Err(reason) => return bury(shared, delivery, reason).await,
    };
    // One that cannot be read is put away alone; the message stays until that is done.
    for (reason, result) in unreadable {
        if !bury_one(shared, &delivery, reason, result).await {
            return;
        }
    }
    if inputs.is_empty() {
        if let Err(error) = done.send(delivery) {
            drop(error);
        }
        return;
    }
    let receipt = Receipt::new(inputs.len(), delivery, done.clone());
    for Told {
        task,
        input,
        account,
        took,
    } in inputs
    {
        let envelope = Envelope {
            task,
            ask: Ask::Input(input),
            reply: None,
            receipt: Some(Arc::clone(&receipt)),
            account: account.map(Arc::new),
            took,
        };
        shared.inbox.send(envelope).await;
    }
}

/// A message nobody can read goes to the dead letters, and only then off the stream.
async fn bury(shared: &Arc<Shared>, delivery: Delivery, reason: &str) {
    warn!(reason, "a work result cannot be read");
    shared.metrics.quarantined();
    let letter = DeadLetter {
        origin: delivery.subject().to_owned(),
        reason: reason.to_owned(),
        message_id: format!("dead:{}:{}", delivery.subject(), delivery.stream_sequence()),
        payload: delivery.payload().clone(),
    };
    match shared.bus.bury(letter).await {
        Ok(()) => ack_all(vec![delivery]).await,
        // Delivered again after the ack wait.
        Err(error) => warn!(error = &error as &dyn std::error::Error, "a dead letter was not stored"),
    }
}

/// Stores one result of a message as a dead letter; false: not now.
async fn bury_one(shared: &Arc<Shared>, delivery: &Delivery, reason: &'static str, result: JobResult) -> bool {
    warn!(reason, "a work result cannot be read");
    shared.metrics.quarantined();
    let payload = WorkResult { results: vec![result] }.encode_to_vec();
    let letter = DeadLetter {
        origin: delivery.subject().to_owned(),
        reason: reason.to_owned(),
        message_id: format!(
            "dead:{}:{}",
            delivery.subject(),
            workflow::hash::Fingerprint::of([payload.as_slice()])
        ),
        payload: payload.into(),
    };
    match shared.bus.bury(letter).await {
        Ok(()) => true,
        Err(error) => {
            warn!(error = &error as &dyn std::error::Error, "a dead letter was not stored");
            false
        }
    }
}

/// What can be read of a message, and what cannot, with the reason.
type Read = (Vec<Told>, Vec<(&'static str, JobResult)>);

/// An input, and what the run told beside it.
struct Told {
    task: TaskId,
    input: Input,
    account: Option<Account>,
    took: Option<Duration>,
}

/// The inputs of a message; how long its runs took is noted.
fn decode(payload: &[u8], paces: &Paces) -> Result<Read, &'static str> {
    let message = WorkResult::decode(payload).map_err(|_| "not a WorkResult")?;
    if message.results.len() > MAX_RESULTS {
        return Err("more than 64 results in one message");
    }
    let (mut inputs, mut unreadable) = (Vec::new(), Vec::new());
    for mut result in message.results {
        match names(&result) {
            Ok(names) => {
                let took = took(&result);
                note_pace(&result, took, paces);
                let account = Account::of(names.1, names.2, &mut result);
                inputs.extend(input(names, result).map(|(task, input)| Told {
                    task,
                    input,
                    account,
                    took,
                }));
            }
            Err(reason) => unreadable.push((reason, result)),
        }
    }
    Ok((inputs, unreadable))
}

/// Whose result it is.
type Names = (TaskId, JobId, RunId);

fn names(result: &JobResult) -> Result<Names, &'static str> {
    let task = result.task_id.parse().map_err(|_| "the task id is no UUID")?;
    let job = result.job_id.parse().map_err(|_| "the job id is no UUID")?;
    let run = result.run_id.parse().map_err(|_| "the run id is no UUID")?;
    let has_outcome = result.outcome.is_some();
    has_outcome.then_some((task, job, run)).ok_or("no outcome")
}

/// None where its worker's clock went backwards.
fn took(result: &JobResult) -> Option<Duration> {
    let took = result.finished_unix_ms.saturating_sub(result.started_unix_ms);
    u64::try_from(took).ok().map(Duration::from_millis)
}

/// Times are the workers' word. A wrong one makes messages smaller, or has jobs wait for each other's end
/// before their message is acknowledged.
fn note_pace(result: &JobResult, took: Option<Duration>, paces: &Paces) {
    let took = took.unwrap_or(Duration::MAX);
    let kind = match &result.outcome {
        Some(job_result::Outcome::Planned(_)) => WorkKind::Plan,
        Some(job_result::Outcome::Assessed(_)) => WorkKind::Assess,
        Some(job_result::Outcome::Deliverable(_)) => WorkKind::Format,
        Some(job_result::Outcome::Published(_)) => WorkKind::Publish,
        // Of which kind it was is not told.
        Some(job_result::Outcome::Failure(_)) if !Paces::is_quick(took) => return paces.doubt(),
        _ => return,
    };
    paces.note(kind, took);
}

fn input((task, job, run): Names, result: JobResult) -> Option<(TaskId, Input)> {
    let dispatch = result.dispatch;
    let cost = result.usage.map(cost).unwrap_or_default();
    let outcome = result.outcome?;
    let succeeded = |outcome| Input::JobSucceeded {
        job,
        dispatch,
        run,
        cost: cost.clone(),
        outcome,
    };
    let failed = |failure| Input::JobFailed {
        job,
        dispatch,
        run,
        cost: cost.clone(),
        failure,
    };
    let input = match outcome {
        job_result::Outcome::Planned(planned) => match planned_outcome(&planned) {
            Some(outcome) => succeeded(outcome),
            None => failed(protocol("the plan is not JSON")),
        },
        job_result::Outcome::Output(payload) => match body::from_payload(Some(payload)) {
            Some(body) => succeeded(Outcome::Output(body)),
            None => failed(protocol("the output is not JSON")),
        },
        job_result::Outcome::Listed(listed) => match (body::from_payload(listed.output), hashes(&listed.item_hashes)) {
            (Some(output), Some(items)) => succeeded(Outcome::Listed { output, items }),
            _ => failed(protocol("the list is not JSON, or lacks the hashes of its items")),
        },
        job_result::Outcome::Skipped(skipped) => succeeded(Outcome::Skipped {
            reason: cut(&skipped.reason, 500),
        }),
        job_result::Outcome::Assessed(assessed) => match assessment(&assessed.assessment_json) {
            Some(assessment) => succeeded(Outcome::Assessed {
                assessment,
                document: Body::new(assessed.assessment_json),
            }),
            None => failed(protocol("the assessment is not JSON")),
        },
        job_result::Outcome::Deliverable(payload) => match body::from_payload(Some(payload)) {
            Some(body) => succeeded(Outcome::Deliverable(body)),
            None => failed(protocol("the deliverable is not JSON")),
        },
        job_result::Outcome::Published(published) => succeeded(Outcome::Published {
            location: published.location,
        }),
        job_result::Outcome::Failure(failure) => failed(Failure {
            code: cut(&failure.code, 100),
            message: cut(&failure.message, 2000),
            retryable: failure.retryable,
            retry_after: (failure.retry_after_seconds > 0.0)
                .then(|| Millis::from_secs_f64(failure.retry_after_seconds.min(86_400.0))),
            effect_unknown: failure.effect_unknown,
        }),
        job_result::Outcome::Awaiting(awaiting) => match asked(awaiting) {
            Some(outcome) => succeeded(outcome),
            None => failed(protocol("the question is not {arguments} in JSON, or of no known kind")),
        },
        job_result::Outcome::Released(released) => Input::JobReleased {
            job,
            dispatch,
            run,
            cost: cost.clone(),
            postponed: postponed(&released),
        },
    };
    Some((task, input))
}

/// None: one of them is no hash.
fn hashes(texts: &[String]) -> Option<Vec<Fingerprint>> {
    texts.iter().map(|text| Fingerprint::parse(text)).collect()
}

/// A question that can be shown and answered. Of a large one only its hash is known here.
fn asked(awaiting: Awaiting) -> Option<Outcome> {
    #[derive(serde::Deserialize)]
    struct Call {
        #[serde(rename = "arguments")]
        _arguments: serde_json::Map<String, Value>,
    }
    let kind = AskKind::parse(&awaiting.kind)?;
    let question = body::from_payload(awaiting.question)?;
    if body::as_blob(&question.text).is_none() {
        serde_json::from_str::<Call>(&question.text).ok()?;
    }
    Some(Outcome::Awaiting { kind, question })
}

fn postponed(released: &Released) -> Option<Postponed> {
    (!released.code.is_empty()).then(|| Postponed {
        code: cut(&released.code, 100),
        message: cut(&released.message, 2000),
        pause: Millis::from_secs_f64(released.retry_after_seconds.clamp(0.0, 3600.0)),
        needs: released.needs.map_or_else(Money::default, |needs| Money {
            usd_micros: needs.usd_micros,
            tokens: needs.tokens,
            calls: needs.calls,
        }),
    })
}

/// Texts of workers are kept within bounds, and without what a column cannot hold.
fn cut(text: &str, characters: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(characters).collect()
}

fn protocol(message: &str) -> Failure {
    Failure {
        code: "worker_protocol".to_owned(),
        message: message.to_owned(),
        retryable: true,
        ..Failure::default()
    }
}

/// A run that used nothing costs nothing; nobody need know which model it did not use.
fn cost(usage: Usage) -> Cost {
    let used = usage.calls != 0 || usage.input_tokens != 0 || usage.output_tokens != 0;
    if !used && usage.usd_micros.unwrap_or(usage.known_usd_micros) == 0 {
        return Cost::default();
    }
    Cost {
        usd_micros: usage.usd_micros,
        known_usd_micros: usage.known_usd_micros,
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        calls: usage.calls,
        model: usage.model,
    }
}

fn planned_outcome(planned: &contracts::work::PlanOutcome) -> Option<Outcome> {
    let plan: Value = serde_json::from_str(&planned.plan_json).ok()?;
    let intent: Value = serde_json::from_str(&planned.intent_json).unwrap_or(Value::Null);
    let mut document = json!({
        "intent": intent,
        "reasoning": planned.reasoning,
        "patterns_used": planned.patterns_used,
        "memory": planned.memory,
        "engine": planned.engine,
    });
    if let Value::Object(document) = &mut document {
        document.extend(expectation::members(planned));
    }
    Some(Outcome::Planned {
        plan,
        document: Body::new(document.to_string()),
        forecast: expectation::told(planned),
    })
}

/// The parts of an assessment that decide. What is not a number between 0 and 1 is no score.
fn assessment(text: &str) -> Option<Assessment> {
    let document: Value = serde_json::from_str(text).ok()?;
    let members = |name: &str| document.get(name).and_then(Value::as_object).into_iter().flatten();
    let scores = members("dimensions")
        .filter_map(|(name, d)| Some((name.clone(), d.get("score")?.as_f64()?)))
        .filter(|(_, score)| (0.0..=1.0).contains(score));
    let blamed = members("blamed").map(|(key, feedback)| (key.clone(), text_of(feedback)));
    let mut failed: BTreeMap<String, String> = BTreeMap::new();
    for (key, check) in failed_checks(&document) {
        let line = format!(
            "check at {:?} failed: {}",
            check.get("pointer").and_then(Value::as_str).unwrap_or(""),
            check.get("detail").map(text_of).unwrap_or_default()
        );
        let all = failed.entry(key.to_owned()).or_default();
        if !all.is_empty() {
            all.push('\n');
        }
        all.push_str(&line);
    }
    Some(Assessment {
        scores: scores.collect(),
        blamed: blamed.collect(),
        failed_checks: failed,
        judge: judge(&document),
    })
}

/// The checks an assessment says have failed, each with the key of its step; what names none is none.
pub fn failed_checks(assessment: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let checks = assessment.get("failed_checks").and_then(Value::as_array);
    checks
        .into_iter()
        .flatten()
        .filter_map(|check| Some((check.get("step_key")?.as_str()?, check)))
}

/// Whose it is, as the assessor says.
fn judge(document: &Value) -> Judge {
    let names = |member: &str| {
        let names = document.get("judge").and_then(|judge| judge.get(member));
        names
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    };
    Judge::named(names("models"), names("prompts"))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Lets leases end only where everybody has had time to be heard: one lease after start and after
/// each reconnect, and not while results lie unread.
pub async fn guard_leases(shared: Arc<Shared>) {
    let (mut generation, mut outages) = (u64::MAX, 0);
    let mut quiet_until = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let connection = *shared.bus.watch_connection().borrow();
        let database = shared.outages.load(Ordering::Relaxed);
        if !connection.up || connection.generation != generation || database != outages {
            (generation, outages) = (connection.generation, database);
            quiet_until = Instant::now() + Duration::from_millis(u64::try_from(LEASE.0).unwrap_or(15_000));
        }
        let unread = connection.up && oldest_unread_is_stale(&shared).await;
        let may_end = connection.up && !unread && Instant::now() >= quiet_until;
        shared.leases_end.store(may_end, Ordering::Relaxed);
    }
}

/// Whether some lane holds a result that is older than 2 s and was not read.
async fn oldest_unread_is_stale(shared: &Shared) -> bool {
    let name = shared.bus.names().stream(StreamName::Results);
    // Results are deleted when they are acknowledged, so the first message is the oldest unread.
    match shared.bus.jetstream().get_stream(name).await {
        Ok(stream) => {
            let state = &stream.cached_info().state;
            let age = service::clock::now_ms() - state.first_timestamp.timestamp_millis();
            state.messages > 0 && age > STALE_MS
        }
        // Nobody knows: better no lease ends.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_is_no_number_between_0_and_1_is_no_score() {
        let text = r#"{"dimensions":{"a":{"score":0.5},"b":{"score":"high"},"c":{"score":7},"d":{}},
            "blamed":{"draft":"longer"},"failed_checks":[{"step_key":"x","pointer":"/t","detail":"too short"}]}"#;
        let assessment = assessment(text).unwrap();
        assert_eq!(assessment.scores, BTreeMap::from([("a".to_owned(), 0.5)]));
        assert_eq!(
            assessment.blamed,
            BTreeMap::from([("draft".to_owned(), "longer".to_owned())])
        );
        assert!(assessment.failed_checks.contains_key("x"));
    }

    #[test]
    fn a_message_that_is_no_result_or_names_no_ids_is_refused() {
        let paces = Paces::default();
        assert!(decode(b"\xff\xff\xff", &paces).is_err());
        let nameless = WorkResult {
            results: vec![JobResult::default()],
        };
        let (inputs, unreadable) = decode(&nameless.encode_to_vec(), &paces).unwrap();
        assert!(inputs.is_empty());
        assert_eq!(unreadable, [("the task id is no UUID", JobResult::default())]);
    }

    #[test]
    fn no_text_of_a_failure_keeps_what_a_column_cannot_hold() {
        let failure = contracts::work::Failure {
            code: "tool\0_failed".to_owned(),
            message: "bad \0 byte".to_owned(),
            ..Default::default()
        };
        let result = JobResult {
            outcome: Some(job_result::Outcome::Failure(failure)),
            ..JobResult::default()
        };
        let nil = uuid::Uuid::nil();
        let (_, input) = input((TaskId(nil), JobId(nil), RunId(nil)), result).unwrap();
        let Input::JobFailed { failure, .. } = input else {
            panic!("{input:?}");
        };
        assert_eq!(
            (failure.code.as_str(), failure.message.as_str()),
            ("tool_failed", "bad  byte")
        );
    }

    #[test]
    fn short_runs_make_a_kind_short_and_a_clock_that_ran_back_does_not() {
        let ran = |started, finished| {
            let result = JobResult {
                task_id: uuid::Uuid::nil().to_string(),
                job_id: uuid::Uuid::nil().to_string(),
                run_id: uuid::Uuid::nil().to_string(),
                started_unix_ms: started,
                finished_unix_ms: finished,
                outcome: Some(job_result::Outcome::Published(Default::default())),
                ..JobResult::default()
            };
            WorkResult {
                results: vec![result; 64],
            }
            .encode_to_vec()
        };
        let paces = Paces::default();
        decode(&ran(1000, 1005), &paces).unwrap();
        assert!(paces.is_short(WorkKind::Publish));
        decode(&ran(1000, 999), &paces).unwrap();
        assert!(!paces.is_short(WorkKind::Publish));
    }
}
