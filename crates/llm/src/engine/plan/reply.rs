//! What a model proposes, and the plan document made of it.
//!
//! The schema keeps to what strict modes and grammars of small servers can do: objects, arrays, strings and
//! enumerations. Members stand in alphabetical order, because grammars force the order of the schema and
//! this is the order a schema is sent in: so a model says why before it says which tool, and names the tool
//! before it fills in what the tool takes.

use super::tools::plannable;
use crate::call::EngineError;
use crate::memory::{PatternDecision, PatternUse};
use crate::plan::literal;
use crate::port::{PlanAsk, PlanDraft};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Sizes of models; the first: the agent's own. May be left out.
const TIERS: [&str; 4] = ["", "small", "standard", "large"];

/// JSON Schema of a proposal.
pub fn schema(ask: &PlanAsk<'_>) -> Value {
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    let object = |properties: Value| {
        let required: Vec<&String> = properties
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
    };
    let tool_ids: Vec<&str> = plannable(ask.tools).map(|tool| tool.tool_id.as_str()).collect();
    let channels: Vec<&str> = std::iter::once("")
        .chain(ask.context.channels.iter().map(String::as_str))
        .collect();
    let check = json!({
        "type": "object",
        "properties": {
            "contains": text(), "max_length": {"type": "integer"}, "min_length": {"type": "integer"},
            "not_contains": text(), "pointer": text(),
        },
        "required": ["pointer"],
        "additionalProperties": false,
    });
    let mut step = object(json!({
        "channel": {"type": "string", "enum": channels},
        "depends_on": texts(),
        "key": text(),
        "reason": text(),
        "title": text(),
        "tool_id": {"type": "string", "enum": tool_ids},
        "tool_input": {"type": "object"},
        "verify": {"type": "array", "items": check},
    }));
    if let Some(properties) = step.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("tier".to_owned(), json!({"type": "string", "enum": TIERS}));
        let list = object(json!({"items": {"type": "object"}, "max_items": {"type": "integer"}}));
        properties.insert("for_each".to_owned(), list);
    }
    let intent = object(json!({
        "business_context": text(),
        "goal": text(),
        "preferences": {"type": "array", "items": object(json!({"name": text(), "value": text()}))},
        "requirements": texts(),
        "success_criteria": texts(),
    }));
    let mut members = json!({
        "intent": intent,
        "plan": object(json!({"steps": {"type": "array", "minItems": 1, "items": step}, "summary": text()})),
        "reasoning": text(),
    });
    let offered: Vec<&str> = ask
        .memory
        .patterns
        .iter()
        .map(|pattern| pattern.pattern_id.as_str())
        .collect();
    if let (false, Some(members)) = (offered.is_empty(), members.as_object_mut()) {
        let used = object(json!({
            "decision": {"type": "string", "enum": ["adopted", "adapted", "refused"]},
            "pattern_id": {"type": "string", "enum": offered},
            "reason": text(),
        }));
        members.insert("patterns".to_owned(), json!({"type": "array", "items": used}));
    }
    object(members)
}

/// What a model proposes.
#[derive(Debug, Deserialize)]
pub struct Proposal {
    intent: Intent,
    plan: Plan,
    reasoning: String,
    #[serde(default)]
    patterns: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Intent {
    business_context: String,
    goal: String,
    preferences: Vec<Preference>,
    requirements: Vec<String>,
    success_criteria: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Preference {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Plan {
    steps: Vec<Step>,
    summary: String,
}

#[derive(Debug, Deserialize)]
struct Step {
    channel: String,
    depends_on: Vec<String>,
    #[serde(default)]
    for_each: Option<Value>,
    key: String,
    reason: String,
    #[serde(default)]
    tier: String,
    title: String,
    tool_id: String,
    tool_input: Map<String, Value>,
    verify: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Said {
    decision: Decision,
    pattern_id: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Adopted,
    Adapted,
    Refused,
}

impl Proposal {
    /// Reads what satisfied the schema.
    ///
    /// # Errors
    /// It did not.
    pub fn read(value: Value) -> Result<Self, EngineError> {
        serde_json::from_value(value).map_err(|error| EngineError::BadOutput(format!("the plan: {error}")))
    }

    /// Intent and plan document; the plan is not validated here.
    pub fn draft(self, ask: &PlanAsk<'_>) -> PlanDraft {
        let patterns = self.pattern_uses(ask);
        let steps: Vec<Value> = self.plan.steps.iter().map(|step| step.document(ask)).collect();
        let plan = json!({"summary": self.plan.summary, "steps": steps});
        PlanDraft {
            intent_json: self.intent.document(ask).to_string().into(),
            plan_json: plan.to_string().into(),
            reasoning: self.reasons().into(),
            patterns,
        }
    }

    /// Why the plan as a whole, then why each step.
    fn reasons(&self) -> String {
        let steps = self.plan.steps.iter().filter(|step| !step.reason.trim().is_empty());
        let lines = steps.map(|step| format!("{}: {}", step.key, step.reason.trim()));
        std::iter::once(self.reasoning.trim().to_owned())
            .filter(|text| !text.is_empty())
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// One for each pattern that was offered, whatever the model says of others.
    fn pattern_uses(&self, ask: &PlanAsk<'_>) -> Vec<PatternUse> {
        let offered = ask.memory.patterns.iter();
        let uses = offered.map(|pattern| {
            let said = self.patterns.iter().find(|said| said.pattern_id == pattern.pattern_id);
            PatternUse {
                pattern_id: pattern.pattern_id.clone(),
                decision: match said.map(|said| said.decision) {
                    Some(Decision::Adopted) => PatternDecision::Adopted,
                    Some(Decision::Adapted) => PatternDecision::Adapted,
                    Some(Decision::Refused) | None => PatternDecision::Refused,
                },
                reason: said.map_or_else(
                    || "the planner says nothing of it".to_owned(),
                    |said| said.reason.clone(),
                ),
            }
        });
        uses.collect()
    }
}

impl Intent {
    /// What the user stated goes before what the model understood.
    fn document(&self, ask: &PlanAsk<'_>) -> Value {
        let mut preferences = ask.context.preferences.clone();
        for understood in &self.preferences {
            let value = || Value::String(understood.value.clone());
            preferences.entry(understood.name.clone()).or_insert_with(value);
        }
        json!({
            "goal": self.goal,
            "requirements": self.requirements,
            "business_context": self.business_context,
            "preferences": preferences,
            "success_criteria": self.success_criteria,
        })
    }
}

impl Step {
    /// As the plan schema has it; what is empty is left out.
    fn document(&self, ask: &PlanAsk<'_>) -> Value {
        let mut document = Map::new();
        let mut add = |name: &str, value: Value, empty: bool| {
            if !empty {
                document.insert(name.to_owned(), value);
            }
        };
        add("key", json!(self.key), false);
        add("title", json!(self.title), self.title.is_empty());
        add("tool_id", json!(self.tool_id), false);
        let arguments = self
            .tool_input
            .iter()
            .map(|(name, value)| (name.clone(), untemplated(value)));
        add("arguments", Value::Object(arguments.collect()), false);
        add("depends_on", json!(self.depends_on), self.depends_on.is_empty());
        add("for_each", json!(self.for_each), self.for_each.is_none());
        add("reason", json!(self.reason), self.reason.is_empty());
        add("channel", json!(self.channel), self.channel.is_empty());
        add("acceptance", json!(self.verify), self.verify.is_empty());
        // Only agents ask models.
        let mut tools = ask.tools.iter();
        let is_agent = tools.any(|tool| tool.tool_id == self.tool_id && tool.source == "builtin");
        add("tier", json!(self.tier), self.tier.is_empty() || !is_agent);
        Value::Object(document)
    }
}

/// Models are not told of templates, so what looks like one is text that they copied; only the two that
/// learned plans bring along are kept.
fn untemplated(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let bare: String = text.split_whitespace().collect();
            match bare.as_str() {
                "{{request}}" | "{{feedback}}" => value.clone(),
                _ => Value::String(literal(text)),
            }
        }
        Value::Array(items) => items.iter().map(untemplated).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), untemplated(member)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}
