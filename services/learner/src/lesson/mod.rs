//! What an ended task teaches: whether it went well, and by which plan.

mod facts;
mod foreseen;
mod parts;
mod template;
#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use foreseen::Foreseen;
pub use parts::{Part, Sign, part_form};
pub use template::{MAX_SLOTS, MAX_STEPS, REFERENCE};

use crate::record::json;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use template::Template;
use uuid::Uuid;
use workflow::hash::Fingerprint;
use workflow::plan::{Plan, signature};

/// The tool that does nothing, and the engine that plans nothing else.
const NULL: &str = "null";
/// A longer template is nothing to show to a planner.
pub const MAX_TEMPLATE_BYTES: usize = 64 << 10;
/// A longer intent is cut.
pub const MAX_INTENT_CHARS: usize = 1000;
/// As much is searched at most.
pub const MAX_SUBJECT_CHARS: usize = 8000;

/// What an ended task teaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Hash of tenant, form of the plan and channels: what goes together.
    pub form: Uuid,
    /// Approved, and of verified quality.
    pub succeeded: bool,
    /// The plan that was executed.
    pub plan: Plan,
    /// What of it other plans may have, too.
    pub parts: Vec<Part>,
    /// What it was good for, in words.
    pub intent: String,
    /// What it is searched by.
    pub subject: String,
    /// How to do it again; none: that is more than a planner can be shown. It counts all the same.
    pub exemplar: Option<Exemplar>,
}

/// A plan to be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// What it was good for, in words.
    pub intent: String,
    /// What it is searched by.
    pub subject: String,
    /// JSON plan, slots in place of values.
    pub template: String,
    /// JSON of its slots.
    pub slots: String,
    /// Tools it needs.
    pub tools: Vec<String>,
}

/// The lesson of a raw record; none where there is no plan worth learning from. `least` is the overall quality
/// from which a success teaches.
pub fn lesson(tenant: &str, raw: &str, least: f64) -> Option<Lesson> {
    let raw: Value = serde_json::from_str(raw).ok()?;
    if raw.get("engine").and_then(Value::as_str) == Some(NULL) || !facts::tells(&raw) {
        return None;
    }
    let plan = Plan::deserialize(raw.get("plan")?).ok()?;
    // No plan that was executed has more; to compare them takes time.
    if plan.steps.len() > MAX_STEPS || plan.steps.iter().all(|step| step.tool_id == NULL) {
        return None;
    }
    let goal = [text(&raw, "/intent/goal"), text(&raw, "/submission/request")];
    let goal = goal.into_iter().find(|text| !text.trim().is_empty())?;
    let (intent, subject) = (
        storable(goal, MAX_INTENT_CHARS),
        storable(&subject(goal, &raw, &plan), MAX_SUBJECT_CHARS),
    );
    Some(Lesson {
        form: form(tenant, &plan, json::texts(&raw, "/submission/channels")),
        succeeded: facts::succeeded(&raw, least),
        exemplar: exemplar(&plan, &intent, &subject),
        parts: parts::parts(tenant, &plan, goal, &json::author(&raw)),
        intent,
        subject,
        plan,
    })
}

/// How to do a plan, or a part of one, again; none where that is more than a planner can be shown.
fn exemplar(plan: &Plan, intent: &str, subject: &str) -> Option<Exemplar> {
    let template = Template::of(plan)?;
    let document = template.plan.to_string();
    (document.len() <= MAX_TEMPLATE_BYTES).then(|| Exemplar {
        intent: intent.to_owned(),
        subject: subject.to_owned(),
        template: document,
        slots: template.slots_json(),
        tools: tools(plan),
    })
}

/// Whether a raw record is of a task that came to a bad end before there was a plan. Those of the null model teach nothing.
pub fn is_planless(raw: &str) -> bool {
    let raw: Value = serde_json::from_str(raw).unwrap_or_default();
    matches!(text(&raw, "/task/status"), "failed" | "cancelled")
        && facts::tells(&raw)
        && raw.get("plan").is_none_or(Value::is_null)
        && raw.get("engine").and_then(Value::as_str) != Some(NULL)
}

/// Of the one task alone, so that the order in which tasks end never decides what goes together. What is wanted
/// counts by what does it and where it goes, not by the words of the goal: a model says the same in other words each
/// time.
pub fn form(tenant: &str, plan: &Plan, channels: Vec<String>) -> Uuid {
    let signature = signature(plan).to_bytes();
    let channels: BTreeSet<String> = channels.into_iter().collect();
    let own = [tenant.as_bytes(), signature.as_slice()].into_iter();
    let parts = own.chain(channels.iter().map(String::as_bytes));
    Uuid::from_bytes(Fingerprint::of(parts).to_bytes())
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A later request may say any of this: what was wanted, what was made, with what, for where.
fn subject(goal: &str, raw: &Value, plan: &Plan) -> String {
    let mut parts = vec![goal.to_owned(), text(raw, "/submission/request").to_owned()];
    parts.extend(plan.summary.clone());
    parts.extend(json::texts(raw, "/submission/channels"));
    parts.extend(tools(plan).iter().map(|tool| tool.replace(['.', '_'], " ")));
    parts.join("\n")
}

/// Tools a plan needs, by name.
pub fn tools(plan: &Plan) -> Vec<String> {
    let ids = plan.steps.iter().map(|step| storable(&step.tool_id, usize::MAX));
    let mut tools: Vec<String> = ids.collect();
    tools.sort_unstable();
    tools.dedup();
    tools
}

/// The database holds no NUL.
fn storable(text: &str, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}
