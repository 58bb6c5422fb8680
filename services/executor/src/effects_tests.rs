//! Waiting and giving up around the ledger.

use crate::effects::{Intent, Licensed, Question, Sender, Sent, Stop, perform};
use crate::failure::RunFailure;
use crate::test_ledger::TestLedger;
use async_trait::async_trait;
use bus::worker::{CallError, Licence};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use workflow::vocabulary::EffectClass;

#[derive(Default)]
struct Counting(AtomicU32);

#[async_trait]
impl Sender for Counting {
    async fn send(&self, licensed: &Licensed) -> Sent {
        self.0.fetch_add(1, Ordering::Relaxed);
        Sent::Confirmed(json!(licensed.request_json))
    }
}

fn intent(class: EffectClass) -> Intent {
    Intent {
        class,
        target: "somewhere".to_owned(),
        tool_id: String::new(),
        request_json: "\"bytes\"".to_owned(),
        send_within: Duration::from_secs(5),
        key_ttl: Duration::from_secs(60),
    }
}

async fn performed(ledger: &TestLedger) -> (Result<Value, Stop>, u32) {
    let sender = Counting::default();
    let outcome = perform(ledger, &intent(EffectClass::Once), &sender).await;
    (outcome, sender.0.into_inner())
}

fn code(outcome: Result<Value, Stop>) -> String {
    match outcome {
        Err(Stop::Failed(RunFailure { code, .. })) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_busy_ledger_is_waited_for() {
    let busy = std::iter::repeat_n(Ok(Licence::Busy), 1).collect();
    let (outcome, sent) = performed(&TestLedger::new().answering_first(busy)).await;
    assert_eq!((outcome, sent), (Ok(json!("\"bytes\"")), 1));

    let always = std::iter::repeat_n(Ok(Licence::Busy), 1000).collect();
    let ledger = TestLedger::with_deadline(Duration::from_secs(1)).answering_first(always);
    let (outcome, sent) = performed(&ledger).await;
    assert_eq!((code(outcome).as_str(), sent), ("effect_busy", 0));
}

#[tokio::test]
async fn an_absent_coordinator_costs_no_attempt() {
    let ledger = TestLedger::new().answering_first(vec![Err(CallError::Away)]);
    assert_eq!(performed(&ledger).await, (Err(Stop::Released), 0));
}

#[tokio::test]
async fn nothing_is_sent_without_a_licence() {
    let refused = |reason: &str| {
        Ok(Licence::Refused {
            reason: reason.to_owned(),
        })
    };
    for (answer, expected) in [
        (refused("cancelled"), Stop::Dropped),
        (refused("superseded"), Stop::Dropped),
    ] {
        let (outcome, sent) = performed(&TestLedger::new().answering_first(vec![answer])).await;
        assert_eq!((outcome, sent), (Err(expected), 0));
    }
    for (answer, expected) in [
        (refused("gate"), "effect_refused"),
        (refused("once_already_sent"), "effect_unknown"),
        (Ok(Licence::Unknown), "effect_unknown"),
    ] {
        let (outcome, sent) = performed(&TestLedger::new().answering_first(vec![answer])).await;
        assert_eq!((code(outcome).as_str(), sent), (expected, 0));
    }
}

#[tokio::test]
async fn a_licence_that_is_over_is_not_used() {
    let late = Licence::Send {
        frozen_request_json: "\"bytes\"".to_owned(),
        effect_key: "k".to_owned(),
        send_before: Instant::now(),
        sent_before: false,
    };
    let ledger = TestLedger::new().answering_first(vec![Ok(late)]);
    let sender = Counting::default();
    let outcome = perform(&ledger, &intent(EffectClass::Keyed), &sender).await;
    assert_eq!((code(outcome).as_str(), sender.0.into_inner()), ("effect_late", 0));
}

/// Asks first, and acts once it was asked twice.
struct Asking(AtomicU32);

#[async_trait]
impl Sender for Asking {
    async fn send(&self, _: &Licensed) -> Sent {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Sent::Asked(Question {
                message: "which one?".to_owned(),
                ..Question::default()
            }),
            _ => Sent::Confirmed(json!("done")),
        }
    }
}

#[tokio::test]
async fn a_receiver_that_asks_has_done_nothing_and_is_sent_to_anew() {
    for class in [EffectClass::Once, EffectClass::Keyed] {
        let (ledger, sender) = (TestLedger::new(), Asking(AtomicU32::new(0)));
        let asked = perform(&ledger, &intent(class), &sender).await;
        assert!(matches!(asked, Err(Stop::Asks(question)) if question.message == "which one?"));
        assert_eq!(ledger.states(), ["rejected"]);
        // The run was lost before it told: another one asks for the next row.
        assert_eq!(perform(&ledger, &intent(class), &sender).await, Ok(json!("done")));
        assert_eq!(ledger.states(), ["rejected", "confirmed"]);
    }
}
