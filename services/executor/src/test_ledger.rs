//! A ledger for tests, with the rules of the coordinator's: see `workflow::decide`.

use crate::effects::EffectPort;
use async_trait::async_trait;
use bus::worker::{CallError, EffectEnd, EffectRequest, Licence};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use workflow::vocabulary::EffectClass;

/// One row.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// sent, confirmed, rejected or unknown.
    pub state: &'static str,
    /// As frozen.
    pub request_json: String,
    /// As recorded.
    pub response_json: String,
}

/// Rows by ordinal.
pub struct TestLedger {
    rows: Mutex<BTreeMap<u32, Row>>,
    /// Answers before the rules apply: an absent coordinator, a busy run.
    scripted: Mutex<Vec<Result<Licence, CallError>>>,
    deadline: Instant,
}

impl TestLedger {
    pub fn new() -> Self {
        Self::with_deadline(Duration::from_secs(20))
    }

    pub fn with_deadline(after: Duration) -> Self {
        Self {
            rows: Mutex::default(),
            scripted: Mutex::default(),
            deadline: Instant::now() + after,
        }
    }

    pub fn answering_first(self, answers: Vec<Result<Licence, CallError>>) -> Self {
        *self.scripted.lock().unwrap() = answers.into_iter().rev().collect();
        self
    }

    pub fn row(&self, ordinal: u32) -> Row {
        self.rows.lock().unwrap()[&ordinal].clone()
    }

    pub fn states(&self) -> Vec<&'static str> {
        self.rows.lock().unwrap().values().map(|row| row.state).collect()
    }
}

#[async_trait]
impl EffectPort for TestLedger {
    async fn begin(&self, effect: &EffectRequest) -> Result<Licence, CallError> {
        if let Some(answer) = self.scripted.lock().unwrap().pop() {
            return answer;
        }
        let mut rows = self.rows.lock().unwrap();
        let licence = |frozen: &str, sent_before: bool| Licence::Send {
            frozen_request_json: frozen.to_owned(),
            effect_key: format!("job:{}", effect.ordinal),
            send_before: Instant::now() + effect.send_within,
            sent_before,
        };
        let Some(row) = rows.get_mut(&effect.ordinal) else {
            let row = Row {
                state: "sent",
                request_json: effect.request_json.clone(),
                response_json: String::new(),
            };
            rows.insert(effect.ordinal, row);
            return Ok(licence(&effect.request_json, false));
        };
        let response_json = row.response_json.clone();
        Ok(match (row.state, effect.class) {
            ("confirmed", _) => Licence::Confirmed { response_json },
            ("rejected", _) => Licence::Rejected { response_json },
            ("sent", EffectClass::Keyed | EffectClass::Queryable) => licence(&row.request_json, true),
            _ => {
                row.state = "unknown";
                Licence::Unknown
            }
        })
    }

    async fn end(&self, effect: &EffectRequest, end: EffectEnd, response_json: String) -> Result<(), CallError> {
        let mut rows = self.rows.lock().unwrap();
        let row = rows.get_mut(&effect.ordinal).unwrap();
        row.state = match end {
            EffectEnd::Confirmed => "confirmed",
            EffectEnd::Rejected => "rejected",
            EffectEnd::Unknown => "unknown",
        };
        row.response_json = response_json;
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }
}
