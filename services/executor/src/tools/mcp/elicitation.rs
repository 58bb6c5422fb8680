//! Questions of servers of earlier revisions: they come on their own while a call is open.
//!
//! The call is taken back and the run ends with the question. When the call is made again the server asks again,
//! and the answer is there. That is for calls that only read: of others nobody knows how far they had come, so that
//! their questions are declined.

use crate::effects::{Question, QuestionRequest};
use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction, RequestId};
use rmcp::service::InboundStreamOrigin;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use workflow::hash::Fingerprint;

/// Calls that only read and are open over one connection.
#[derive(Clone, Default)]
pub struct OpenCalls(Arc<Mutex<HashMap<RequestId, OpenCall>>>);

/// One of them.
pub struct OpenCall {
    /// What was answered in earlier runs, by question.
    pub answers: Map<String, Value>,
    /// Told what nobody has answered yet.
    pub asked: mpsc::UnboundedSender<Question>,
}

impl OpenCalls {
    pub fn open(&self, id: &RequestId, call: OpenCall) {
        self.lock().insert(id.clone(), call);
    }

    pub fn close(&self, id: &RequestId) {
        self.lock().remove(id);
    }

    /// What a server is told that asks. Where it does not say for which call, there must be only one.
    pub fn ask(&self, request: ElicitRequestParams, origin: Option<&InboundStreamOrigin>) -> ElicitResult {
        let open = self.lock();
        let call = match origin {
            Some(InboundStreamOrigin::OutboundRequest(id)) => open.get(id),
            _ if open.len() == 1 => open.values().next(),
            _ => None,
        };
        let (Some(call), Some(question)) = (call, question(request)) else {
            return ElicitResult::new(ElicitationAction::Decline);
        };
        match call.answers.get(&question.key) {
            Some(Value::Null) => ElicitResult::new(ElicitationAction::Decline),
            Some(content) => ElicitResult::new(ElicitationAction::Accept).with_content(content.clone()),
            None => {
                let state = Value::Object(call.answers.clone()).to_string();
                let told = call.asked.send(Question {
                    message: question.message.clone(),
                    requests: vec![question],
                    request_state: Some(state),
                });
                drop(told);
                ElicitResult::new(ElicitationAction::Cancel)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RequestId, OpenCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same question has the same key in every run.
fn question(request: ElicitRequestParams) -> Option<QuestionRequest> {
    let ElicitRequestParams::FormElicitationParams {
        message,
        requested_schema,
        ..
    } = request
    else {
        return None;
    };
    let schema = json!(requested_schema);
    let key = Fingerprint::of([message.as_bytes(), schema.to_string().as_bytes()]).to_string();
    Some(QuestionRequest { key, message, schema })
}

/// All answers so far: those of earlier runs, which the question carried, and those to its last question.
pub fn answers(state: Option<&str>, responses: Option<&Value>) -> Map<String, Value> {
    let earlier = state.and_then(|state| serde_json::from_str::<Map<String, Value>>(state).ok());
    let mut answers = earlier.unwrap_or_default();
    let last = responses.and_then(Value::as_object).cloned();
    answers.extend(last.unwrap_or_default());
    answers
}
