//! What was asked so far, and what it cost.

use crate::call::{Answer, Call, EngineError, Failed, Usage};

/// Adds up the exchanges of one piece of work.
#[derive(Debug, Default)]
pub struct Trail {
    usage: Usage,
    calls: Vec<Call>,
}

impl Trail {
    /// Takes in an exchange and gives its value, or why there is none.
    pub fn take<T>(&mut self, asked: Result<Answer<T>, Failed>) -> Result<T, EngineError> {
        let (value, usage, calls) = match asked {
            Ok(answer) => (Ok(answer.value), answer.usage, answer.calls),
            Err(failed) => (Err(failed.error), failed.usage, failed.calls),
        };
        self.usage = self.usage.plus(&usage);
        self.calls.extend(calls);
        value
    }

    /// Takes in another's.
    pub fn join(&mut self, other: Self) {
        self.usage = self.usage.plus(&other.usage);
        self.calls.extend(other.calls);
    }

    /// Takes in what is no exchange.
    pub fn note(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// The model that answered last; none: nobody did.
    pub fn model(&self) -> Option<&str> {
        Some(self.usage.model.as_str()).filter(|model| !model.is_empty())
    }

    /// The end of the work, with everything it cost.
    #[expect(
        clippy::result_large_err,
        reason = "the port's own result, made once a piece of work"
    )]
    pub fn end<T>(self, result: Result<T, EngineError>) -> Result<Answer<T>, Failed> {
        let Self { usage, calls } = self;
        match result {
            Ok(value) => Ok(Answer { value, usage, calls }),
            Err(error) => Err(Failed { error, usage, calls }),
        }
    }
}
