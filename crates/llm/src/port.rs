//! The port: what planner, executor and assessor ask of an engine.

use crate::call::{Answer, EngineError, Failed, Usage};
use crate::catalog::ToolCard;
use crate::chat::Tier;
use crate::memory::{Memory, PatternUse};
use crate::{Null, Offline};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model, as the workers see it. Dropping a future gives the call up.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What results say made them.
    fn name(&self) -> Cow<'_, str>;

    /// Its judgement depends on the texts; false spares the caller reading them.
    fn reads_texts(&self) -> bool {
        true
    }

    /// Its plans depend on what was learned; false spares the caller asking for it.
    fn uses_memory(&self) -> bool {
        true
    }

    /// Most tools it is shown for one plan; of a larger catalog those that fit the request.
    fn tools_at_once(&self) -> usize {
        usize::MAX
    }

    /// Whatever it does costs nothing.
    fn is_free(&self) -> bool {
        false
    }

    /// It can do what this agent is there for; an agent it cannot run is not offered.
    fn runs(&self, agent: &Agent) -> bool;

    /// Makes intent and plan from a request.
    ///
    /// # Errors
    /// When no plan can be made of the tools given, or no model answers.
    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed>;

    /// Runs one agent; the value is its output.
    ///
    /// # Errors
    /// Unknown agents, arguments that cannot be used, no model that answers.
    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed>;

    /// Scores texts.
    ///
    /// # Errors
    /// When no judgement could be had.
    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed>;
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
    /// Tools of the active catalog; nothing else may be used.
    pub tools: &'a [ToolCard],
    /// What was learned from earlier tasks; empty where nothing fits, or nobody could be asked.
    pub memory: &'a Memory,
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
    /// What became of each pattern that was offered.
    pub patterns: Vec<PatternUse>,
}

/// An agent, as data: a prompt with schemas.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// How planners see it.
    pub card: ToolCard,
    /// Instructions: a template over the arguments, and `request`, `preferences`, `business_metrics`, `feedback`.
    pub prompt: String,
    /// Size of the model that runs it.
    pub tier: Tier,
    /// Tools it may call by itself, read-only ones alone; none: it calls no tools.
    pub tools: Vec<String>,
    /// Most calls of tools in one run.
    pub max_tool_calls: u32,
}

/// The tools an agent may call while it works. Every call is in the trace.
#[async_trait]
pub trait ToolBox: Send + Sync {
    /// What there is, for the model.
    fn cards(&self) -> Vec<ToolCard>;

    /// Calls one.
    ///
    /// # Errors
    /// Why there is no output, in words for the model.
    async fn call(&self, tool_id: &str, arguments: Map<String, Value>) -> Result<ToolOutput, String>;
}

/// What a call of a tool gave.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// Its output.
    pub value: Value,
    /// What it cost.
    pub usage: Usage,
}

/// Nothing to call.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTools;

#[async_trait]
impl ToolBox for NoTools {
    fn cards(&self) -> Vec<ToolCard> {
        Vec::new()
    }

    async fn call(&self, tool_id: &str, _arguments: Map<String, Value>) -> Result<ToolOutput, String> {
        Err(format!("there is no tool {tool_id:?}"))
    }
}

/// A run of an agent.
#[derive(Clone, Copy)]
pub struct WriteAsk<'a> {
    /// The agent.
    pub agent: &'a Agent,
    /// What it may call.
    pub tools: &'a dyn ToolBox,
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
    /// Every output, in plan order: the way of a fault back to where it came from.
    pub made: &'a [Made],
}

/// A step's output as data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The step.
    pub step_key: String,
    /// Its output as JSON text.
    pub content: String,
    /// Keys of the steps it was made from.
    pub upstream: Vec<String>,
    /// Another run could give another output.
    pub repairable: bool,
}

/// The dimensions and the scores wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Criteria {
    /// Overall score wanted, 0-1.
    pub threshold: f64,
    /// An overall score this near it is judged again.
    pub dead_band: f64,
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
