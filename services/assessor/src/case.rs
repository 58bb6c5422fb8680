//! What one assessment is about, read from its work item.

use crate::acceptance::{self, FailedCheck, Sources};
use bus::worker::json_of;
use contracts::work::AssessSpec;
use llm::{Context, Criteria, JudgedText, Made};
use serde_json::Value;
use std::collections::BTreeSet;
use workflow::plan::{Plan, PlanStep, Slots};

/// Everything a judgement needs.
#[derive(Debug)]
pub struct Case {
    pub context: Context,
    pub criteria: Criteria,
    pub texts: Vec<JudgedText>,
    pub made: Vec<Made>,
    pub failed_checks: Vec<FailedCheck>,
}

impl Case {
    /// Reads a work item.
    ///
    /// # Errors
    /// When a part is not what the coordinator writes.
    pub fn read(submission: &str, spec: &AssessSpec) -> Result<Self, serde_json::Error> {
        let plan: Plan = serde_json::from_str(&spec.plan_json)?;
        let context: Context = serde_json::from_str(submission)?;
        let outputs = outputs(&plan, spec)?;
        let by_key = outputs
            .iter()
            .map(|(step, output)| (step.key.as_str(), output))
            .collect();
        let sources = Sources {
            outputs: &by_key,
            submission,
        };
        let failed_checks = outputs
            .iter()
            .flat_map(|(step, output)| acceptance::failed(&step.key, &step.acceptance, output, sources))
            .collect();
        Ok(Self {
            criteria: serde_json::from_str(&spec.quality_json)?,
            texts: texts(&plan, &outputs),
            made: outputs.iter().map(|(step, output)| made(step, output)).collect(),
            failed_checks,
            context,
        })
    }

    /// Whether an engine that reads no texts needs nothing of the item but its criteria.
    pub fn has_no_checks(spec: &AssessSpec) -> bool {
        // The word may stand elsewhere too; then the item is read whole, which is only slower.
        !spec.plan_json.contains("\"acceptance\"")
    }
}

/// Every output with its step, in plan order.
fn outputs<'a>(plan: &'a Plan, spec: &AssessSpec) -> Result<Vec<(&'a PlanStep, Value)>, serde_json::Error> {
    let mut found = Vec::with_capacity(spec.outputs.len());
    for step in &plan.steps {
        if let Some(input) = spec.outputs.iter().find(|input| input.step_key == step.key) {
            found.push((step, serde_json::from_str(json_of(input.output.as_ref()))?));
        }
    }
    Ok(found)
}

/// The text of every output that has one. Where nothing that reaches users has text, the values as they
/// are written stand in for it, so that even plain data is measured by what it takes up of the request.
fn texts(plan: &Plan, outputs: &[(&PlanStep, Value)]) -> Vec<JudgedText> {
    let judged = |(step, output): &(&PlanStep, Value)| Some(self::judged(plan, step, llm::text_of(output)?));
    let mut texts: Vec<JudgedText> = outputs.iter().filter_map(judged).collect();
    let gathered: Vec<String> = texts
        .iter()
        .filter_map(|text| Some(gatherer(plan, &text.step_key)?.key.clone()))
        .collect();
    // The texts of its items stand for what is gathered of them.
    texts.retain(|text| !gathered.contains(&text.step_key));
    if texts.iter().any(|text| text.visible) {
        return texts;
    }
    let data = outputs
        .iter()
        .map(|(step, output)| self::judged(plan, step, output.to_string()));
    data.collect()
}

fn judged(plan: &Plan, step: &PlanStep, text: String) -> JudgedText {
    let shown = gatherer(plan, &step.key).unwrap_or(step);
    JudgedText {
        step_key: step.key.clone(),
        tool_id: step.tool_id.clone(),
        channel: shown.channel.clone().unwrap_or_default(),
        text,
        visible: is_visible(plan, shown),
        repairable: is_repairable(step),
        upstream: references(step).into_iter().map(str::to_owned).collect(),
    }
}

fn made(step: &PlanStep, output: &Value) -> Made {
    Made {
        step_key: step.key.clone(),
        content: output.to_string(),
        upstream: references(step).into_iter().map(str::to_owned).collect(),
        repairable: is_repairable(step),
    }
}

/// Deliverables are made of steps tagged with a channel, of those nobody consumes, and, for channels
/// without a step of their own, of those that only tagged steps consume.
fn is_visible(plan: &Plan, step: &PlanStep) -> bool {
    let mut consumers = plan
        .steps
        .iter()
        .filter(|other| references(other).contains(step.key.as_str()));
    step.channel.is_some() || consumers.all(|consumer| consumer.channel.is_some())
}

/// Where the step is of an item of a list (`posts/1`): the one that gathers it (`posts`).
fn gatherer<'a>(plan: &'a Plan, key: &str) -> Option<&'a PlanStep> {
    let (gatherer, place) = key.split_once('/')?;
    place.parse::<u16>().ok()?;
    plan.steps.iter().find(|step| step.key == gatherer)
}

/// `null` returns its arguments: another run gives the same, unless feedback is one of them.
fn is_repairable(step: &PlanStep) -> bool {
    step.tool_id != "null" || Slots::of(&step.arguments).take_feedback()
}

/// Keys of the steps whose output a step takes.
fn references(step: &PlanStep) -> BTreeSet<&str> {
    let slots = Slots::of(&step.arguments);
    let well_formed = slots.references.into_iter().filter_map(|(_, reference)| reference.ok());
    well_formed.map(|reference| reference.step).collect()
}
