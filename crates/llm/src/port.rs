//! The port: what planner, executor and assessor ask of an engine.

use crate::catalog::ToolCard;
use crate::{Null, Offline};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model, as the workers see it. Async, so that remote providers fit beside the embedded ones.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What results say made them.
    fn name(&self) -> &'static str;

    /// Its judgement depends on the texts; false spares the caller reading them.
    fn reads_texts(&self) -> bool {
        true
    }

    /// Makes intent and plan from a request.
    ///
    /// # Errors
    /// When no plan can be made of the tools given.
    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, EngineError>;

    /// Runs one agent tool; the value is its output.
    ///
    /// # Errors
    /// Unknown agents and arguments that cannot be used.
    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, EngineError>;

    /// Scores texts.
    ///
    /// # Errors
    /// When no judgement could be had.
    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, EngineError>;
}

/// An engine of that kind.
///
/// # Errors
/// Kinds this build does not have.
pub fn open(kind: &str) -> Result<Arc<dyn Engine>, EngineError> {
    match kind {
        "offline" => Ok(Arc::new(Offline)),
        "null" => Ok(Arc::new(Null)),
        other => Err(EngineError::UnknownKind(other.to_owned())),
    }
}

/// A value and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// What it cost.
    pub usage: Usage,
}

/// What an answer cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Micro-USD; none: the price is unknown.
    pub usd_micros: Option<i64>,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Calls to a provider.
    pub calls: i64,
    /// Model, or the engine's name.
    pub model: String,
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
}

impl EngineError {
    /// Stable code for a failed run.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind(_) => "llm_unknown_kind",
            Self::UnknownAgent(_) => "tool_unknown",
            Self::BadArguments(_) => "tool_bad_arguments",
            Self::NoTool(_) => "no_matching_tool",
        }
    }

    /// The same ask may go well another time.
    pub fn retryable(&self) -> bool {
        match self {
            // Executors announce their tools when they start, maybe after the first request.
            Self::NoTool(_) => true,
            Self::UnknownKind(_) | Self::UnknownAgent(_) | Self::BadArguments(_) => false,
        }
    }
}

/// The submission, as far as an engine may read it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The user's own words.
    pub request: String,
    /// Name to number.
    pub business_metrics: BTreeMap<String, f64>,
    /// Free map: tone, audience and the like.
    pub preferences: Map<String, Value>,
    /// Where results go.
    pub channels: Vec<String>,
}

/// An ask for a plan.
#[derive(Clone, Copy, Debug)]
pub struct PlanAsk<'a> {
    /// The submission.
    pub context: &'a Context,
    /// The active catalog; nothing else may be used.
    pub tools: &'a [ToolCard],
    /// What people said of earlier plans and why plans were refused, oldest first.
    pub feedback: &'a [String],
}

/// An intent and a plan, not validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanDraft {
    /// JSON `{goal, requirements, business_context, preferences, success_criteria}`.
    pub intent_json: Cow<'static, str>,
    /// The plan document.
    pub plan_json: Cow<'static, str>,
    /// Why this plan, in prose.
    pub reasoning: Cow<'static, str>,
}

/// A call of an agent tool.
#[derive(Clone, Copy, Debug)]
pub struct WriteAsk<'a> {
    /// The tool's id.
    pub agent: &'a str,
    /// With references and templates resolved.
    pub arguments: &'a Map<String, Value>,
    /// The submission; fills what the arguments leave open.
    pub context: &'a Context,
    /// What was wrong with earlier rounds, oldest first.
    pub feedback: &'a [String],
}

/// An ask for scores.
#[derive(Clone, Copy, Debug)]
pub struct JudgeAsk<'a> {
    /// The submission.
    pub context: &'a Context,
    /// What to score and what is good enough.
    pub criteria: &'a Criteria,
    /// Every text there is, in plan order.
    pub texts: &'a [JudgedText],
}

/// The dimensions and the scores wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Criteria {
    /// Overall score wanted, 0-1.
    pub threshold: f64,
    /// By name.
    pub dimensions: BTreeMap<String, Criterion>,
}

/// One dimension.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Criterion {
    /// Share in the overall score.
    pub weight: f64,
    /// Least score, 0-1.
    pub floor: f64,
}

impl Default for Criterion {
    fn default() -> Self {
        Self {
            weight: 1.0,
            floor: 0.0,
        }
    }
}

/// A step's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedText {
    /// The step.
    pub step_key: String,
    /// Its tool.
    pub tool_id: String,
    /// The channel it is for, or empty.
    pub channel: String,
    /// What it says.
    pub text: String,
    /// Reaches the user: tagged with a channel, or consumed by no other step.
    pub visible: bool,
    /// Another run could give another text.
    pub repairable: bool,
    /// Keys of the steps it was made from.
    pub upstream: Vec<String>,
}

/// Scores and who is to blame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// By name; a dimension that could not be judged is absent.
    pub dimensions: BTreeMap<String, Finding>,
    /// Step key to what it should do better; empty when everything is good enough.
    pub blamed: BTreeMap<String, String>,
}

/// One dimension's score.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// 0-1.
    pub score: f64,
    /// Figures and quotes from the text.
    pub evidence: String,
    /// What to do; empty when there is nothing to better.
    pub feedback: String,
}
