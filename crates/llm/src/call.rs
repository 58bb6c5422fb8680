//! What was called to answer, what it cost, and why there was no answer.

use crate::grant::Spend;
use serde_json::Value;
use std::time::Duration;

/// A value, what it cost and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// What all calls cost together.
    pub usage: Usage,
    /// In the order made.
    pub calls: Vec<Call>,
}

/// No value, and what the attempt cost all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// Why.
    pub error: EngineError,
    /// What all calls cost together.
    pub usage: Usage,
    /// In the order made.
    pub calls: Vec<Call>,
}

/// What calls cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Micro-USD; none: the price is unknown.
    pub usd_micros: Option<i64>,
    /// Micro-USD that are known to be part of an unknown price; else 0.
    pub known_usd_micros: i64,
    /// Prompt tokens, those read from a cache included.
    pub input_tokens: i64,
    /// Completion tokens, reasoning included.
    pub output_tokens: i64,
    /// Of the prompt tokens, those read from a cache.
    pub cached_tokens: i64,
    /// Of the completion tokens, those spent on reasoning.
    pub reasoning_tokens: i64,
    /// Calls to a provider.
    pub calls: i64,
    /// Model, or the engine's name.
    pub model: String,
}

/// One call, for the trace of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// What was called.
    pub kind: CallKind,
    /// What it was for: `plan`, `judge`, an agent's or a tool's id, a decision's name.
    pub name: String,
    /// Provider by its configured name; empty for tools.
    pub provider: String,
    /// The model asked; empty for tools.
    pub model: String,
    /// Template and version of the prompt, as `plan@1`.
    pub prompt: String,
    /// How long it took.
    pub duration: Duration,
    /// What it cost.
    pub usage: Usage,
    /// Stable code of the failure; empty: it went well.
    pub error: String,
    /// For people: why it failed, what was decided and why.
    pub detail: String,
    /// A tool's arguments; a model's messages only where recording content is switched on.
    pub input: Option<Value>,
    /// A tool's output; a model's answer only where recording content is switched on.
    pub output: Option<Value>,
}

/// Kind of a [`Call`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallKind {
    /// A model.
    #[default]
    Model,
    /// A tool, by an agent.
    Tool,
    /// No call: a choice between models or of tools, or to ask once more.
    Decision,
}

/// Why an engine gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The configured kind does not exist.
    #[error("there is no engine of kind {0:?}; known: offline, null")]
    UnknownKind(String),
    /// The tool is not an agent of this engine.
    #[error("{0:?} is not an agent of this engine")]
    UnknownAgent(String),
    /// The arguments cannot be used.
    #[error("{0}")]
    BadArguments(String),
    /// The catalog has no tool that could produce anything.
    #[error("no active tool fits the request: {0}")]
    NoTool(String),
    /// No provider answers, or all are busy: nothing is wrong with what was asked.
    #[error("no model answers: {detail}")]
    Away {
        /// Who, and what is the matter.
        detail: String,
        /// When asking again may help.
        retry_after: Duration,
    },
    /// The provider refuses the call: credential, model, size.
    #[error("the model provider refuses the call: {0}")]
    Rejected(String),
    /// What the model said cannot be used, asked twice.
    #[error("the model's answer cannot be used: {0}")]
    BadOutput(String),
    /// The time of the work that asks was over.
    #[error("out of time: {0}")]
    OutOfTime(String),
    /// The next call may take more than the work may spend.
    #[error("a call of {model} may take more than is left of the grant")]
    OverGrant {
        /// Provider and model.
        model: String,
        /// What the work needs in all, with what it has spent.
        needs: Spend,
    },
    /// The model does not want to.
    #[error("the model refuses: {0}")]
    Refused(String),
    /// Another model answered than was asked.
    #[error("another model answered than was asked: {0}")]
    OtherModel(String),
    /// A rollout chose the model, and turned it back before it was asked.
    #[error("{0} was turned back before it was asked")]
    TurnedBack(String),
}

impl CallKind {
    /// As messages and documents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Decision => "decision",
        }
    }
}

impl Usage {
    /// Of an embedded engine: known to cost nothing.
    pub(crate) fn free(model: &str) -> Self {
        Self {
            usd_micros: Some(0),
            model: model.to_owned(),
            ..Self::default()
        }
    }

    /// Both together. A sum with an unknown price is unknown; the model is the last that answered.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let (first, second) = (self.is_nothing(), other.is_nothing());
        let usd_micros = match (first, second) {
            (true, _) => other.usd_micros,
            (_, true) => self.usd_micros,
            _ => self.usd_micros.zip(other.usd_micros).map(|(a, b)| a.saturating_add(b)),
        };
        Self {
            usd_micros,
            known_usd_micros: match usd_micros {
                Some(_) => 0,
                None => self.known().saturating_add(other.known()),
            },
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            calls: self.calls.saturating_add(other.calls),
            model: if other.model.is_empty() {
                &self.model
            } else {
                &other.model
            }
            .clone(),
        }
    }

    /// Micro-USD that were spent for sure.
    fn known(&self) -> i64 {
        self.usd_micros.unwrap_or(self.known_usd_micros)
    }

    /// Nobody was asked.
    fn is_nothing(&self) -> bool {
        self.calls == 0 && self.input_tokens == 0 && self.output_tokens == 0 && self.known() == 0
    }
}

impl<T> Answer<T> {
    /// Of an embedded engine.
    pub(crate) fn free(value: T, engine: &str) -> Self {
        Self {
            value,
            usage: Usage::free(engine),
            calls: Vec::new(),
        }
    }
}

impl From<EngineError> for Failed {
    /// Nothing was called.
    fn from(error: EngineError) -> Self {
        Self {
            error,
            usage: Usage::default(),
            calls: Vec::new(),
        }
    }
}

impl EngineError {
    /// Stable code for a failed run.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind(_) => "llm_unknown_kind",
            Self::UnknownAgent(_) => "tool_unknown",
            Self::BadArguments(_) => "tool_bad_arguments",
            Self::NoTool(_) => "no_matching_tool",
            Self::Away { .. } => "llm_unavailable",
            Self::Rejected(_) => "llm_rejected",
            Self::BadOutput(_) => "llm_bad_output",
            Self::OutOfTime(_) => "llm_out_of_time",
            Self::OverGrant { .. } => "grant_too_small",
            Self::Refused(_) => "llm_refused",
            Self::OtherModel(_) => "llm_other_model",
            Self::TurnedBack(_) => "llm_turned_back",
        }
    }

    /// The same ask may go well another time.
    pub fn retryable(&self) -> bool {
        match self {
            // Executors announce their tools when they start, maybe after the first request.
            Self::NoTool(_)
            | Self::Away { .. }
            | Self::BadOutput(_)
            | Self::OutOfTime(_)
            | Self::OverGrant { .. }
            | Self::Refused(_)
            | Self::OtherModel(_)
            | Self::TurnedBack(_) => true,
            Self::UnknownKind(_) | Self::UnknownAgent(_) | Self::BadArguments(_) | Self::Rejected(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn a_sum_is_known_only_where_every_price_is() {
        let known = Usage {
            usd_micros: Some(5),
            calls: 1,
            ..Usage::default()
        };
        let unknown = Usage {
            calls: 1,
            ..Usage::default()
        };
        assert_eq!(known.plus(&known).usd_micros, Some(10));
        assert_eq!(known.plus(&unknown).usd_micros, None);
        assert_eq!(unknown.plus(&known).usd_micros, None);
        let both = known.plus(&unknown).plus(&known);
        assert_eq!(
            (both.usd_micros, both.known_usd_micros),
            (None, 10),
            "what is known of it"
        );
        assert_eq!(known.plus(&known).known_usd_micros, 0);
        assert_eq!(Usage::default().plus(&known).usd_micros, Some(5));
        assert_eq!(known.plus(&Usage::default()).usd_micros, Some(5));
    }
}
