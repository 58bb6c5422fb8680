//! Secrets in what comes back: a server may echo what it was sent.

use crate::effects::{Question, QuestionRequest, Stop};
use crate::failure::RunFailure;
use crate::template::percent_encode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Shorter secrets stand in innocent text, too.
const MIN_BYTES: usize = 8;
/// Secrets are renewed; those of long ago are no secrets any more.
const MAX_KNOWN: usize = 64;
const HIDDEN: &str = "***";

/// Knows the secrets of a tool and hides them. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    /// As they would stand in text, in JSON and in a URL; the oldest first.
    known: Arc<Mutex<VecDeque<String>>>,
}

impl Redactor {
    /// Hides `secret` from now on.
    pub fn learn(&self, secret: &str) {
        if secret.len() < MIN_BYTES {
            return;
        }
        let json = Value::from(secret).to_string();
        let within_json = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let within_json = within_json.unwrap_or_default().to_owned();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for form in [secret.to_owned(), within_json, percent_encode(secret)] {
            if !known.contains(&form) {
                known.push_back(form);
            }
        }
        while known.len() > MAX_KNOWN {
            known.pop_front();
        }
    }

    /// The text without secrets.
    pub fn text(&self, text: String) -> String {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(text, |text, secret| {
            if text.contains(secret) {
                text.replace(secret, HIDDEN)
            } else {
                text
            }
        })
    }

    /// A body without secrets; in JSON whatever way they are escaped.
    pub fn body(&self, body: String) -> String {
        if self.knows_nothing() {
            return body;
        }
        match serde_json::from_str::<Value>(&body) {
            // Written anew, every character stands in its one usual form.
            Ok(document) if body.contains('\\') => self.text(document.to_string()),
            _ => self.text(body),
        }
    }

    /// The failure without secrets.
    pub fn failure(&self, failure: RunFailure) -> RunFailure {
        RunFailure {
            message: self.text(failure.message),
            ..failure
        }
    }

    /// The end of a run without secrets.
    pub fn stop(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Failed(failure) => Stop::Failed(self.failure(failure)),
            Stop::Asks(question) => Stop::Asks(self.question(question)),
            other => other,
        }
    }

    /// The question without secrets. Its state is nobody's to read, and goes back as it came.
    pub fn question(&self, question: Question) -> Question {
        let request = |asked: QuestionRequest| QuestionRequest {
            key: self.text(asked.key),
            message: self.text(asked.message),
            schema: self.value(asked.schema),
        };
        Question {
            message: self.text(question.message),
            requests: question.requests.into_iter().map(request).collect(),
            request_state: question.request_state,
        }
    }

    /// A message without secrets.
    ///
    /// # Errors
    /// When nothing of its kind is left of it.
    pub fn message<T: Serialize + DeserializeOwned>(&self, message: T) -> serde_json::Result<T> {
        if self.knows_nothing() {
            return Ok(message);
        }
        serde_json::from_value(self.value(serde_json::to_value(message)?))
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Number(number) => {
                let text = number.to_string();
                let hidden = self.text(text.clone());
                if hidden == text {
                    Value::Number(number)
                } else {
                    Value::String(hidden)
                }
            }
            Value::Array(elements) => elements.into_iter().map(|element| self.value(element)).collect(),
            Value::Object(members) => {
                let members = members.into_iter();
                members
                    .map(|(name, member)| (self.text(name), self.value(member)))
                    .collect()
            }
            Value::Null | Value::Bool(_) => value,
        }
    }

    fn knows_nothing(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_hidden_however_it_is_written_and_a_short_one_is_not() {
        let redactor = Redactor::default();
        redactor.learn("pass/\"word\"");
        redactor.learn("short");
        for (text, expected) in [
            ("it is pass/\"word\"!", "it is ***!"),
            (r#"{"echo":"pass/\"word\""}"#, r#"{"echo":"***"}"#),
            ("?key=pass%2F%22word%22&a=short", "?key=***&a=short"),
        ] {
            assert_eq!(redactor.text(text.to_owned()), expected);
        }
        assert_eq!(
            redactor.body(r#"{"echo": "p\u0061ss\/\u0022word\""}"#.to_owned()),
            r#"{"echo":"***"}"#
        );
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_stands_in_a_message() {
        let redactor = Redactor::default();
        redactor.learn("12345678");
        let message = json!({"12345678": [12_345_678, {"a": "is 12345678"}], "n": 1});
        assert_eq!(
            redactor.message(message).unwrap(),
            json!({"***": ["***", {"a": "is ***"}], "n": 1})
        );
    }

    #[test]
    fn what_is_known_is_bounded() {
        let redactor = Redactor::default();
        (0..1000).for_each(|n| redactor.learn(&format!("token number {n}")));
        assert!(redactor.known.lock().unwrap().len() <= MAX_KNOWN);
        assert_eq!(redactor.text("token number 999".to_owned()), HIDDEN);
    }
}
