//! Limits of size. Checked first and in one pass, so that nothing dearer ever sees an oversized plan.

use super::faults::Faults;
use crate::plan::model::{Plan, PlanStep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of text and structure in the whole document.
// Arguments and plan travel inside a message of at most 512 KiB.
const MAX_DOCUMENT_BYTES: usize = 256 << 10;
/// Bytes of one template; they are rendered with fuel, but read in full.
const MAX_TEMPLATE_BYTES: usize = 64 << 10;
/// Levels of arrays and objects in one value.
const MAX_NESTING: usize = 64;
const MAX_SUMMARY_CHARS: usize = 2000;
const MAX_TITLE_CHARS: usize = 200;
const MAX_REASON_CHARS: usize = 2000;
const MAX_DEPENDS_ON: usize = 200;
const MAX_CHECKS: usize = 32;

/// Limits every plan keeps.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlanLimits {
    /// Most steps.
    pub max_steps: usize,
    /// Most steps that depend on one step.
    pub max_fan_out: usize,
    /// Longest chain of steps.
    pub max_depth: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self {
            max_steps: 200,
            max_fan_out: 200,
            max_depth: 100,
        }
    }
}

pub(super) fn check(plan: &Plan, limits: &PlanLimits, faults: &mut Faults) {
    if plan.steps.is_empty() {
        faults.push("plan_empty", "/steps".to_owned(), "a plan has at least one step");
        return;
    }
    // Steps are numbered with 16 bits.
    let most = limits.max_steps.min(usize::from(u16::MAX));
    if plan.steps.len() > most {
        let detail = format!("{} steps, at most {most} are allowed", plan.steps.len());
        faults.push("plan_limits", "/steps".to_owned(), detail);
        return;
    }
    let mut meter = Meter::default();
    let summary = plan.summary.as_deref().unwrap_or_default();
    meter.text(summary, MAX_SUMMARY_CHARS, || "/summary".to_owned(), faults);
    for (index, step) in plan.steps.iter().enumerate() {
        meter.step(index, step, faults);
        if faults.is_full() {
            return;
        }
        if meter.bytes > MAX_DOCUMENT_BYTES {
            let detail = format!("the document is larger than {MAX_DOCUMENT_BYTES} bytes, each item of a list counted");
            faults.push("plan_limits", String::new(), detail);
            return;
        }
    }
}

/// Adds up what the document holds; about its size as JSON.
#[derive(Default)]
struct Meter {
    bytes: usize,
}

impl Meter {
    /// As often as its items may be: each becomes a step with all that is written here.
    fn step(&mut self, index: usize, step: &PlanStep, faults: &mut Faults) {
        let before = self.bytes;
        self.once(index, step, faults);
        let items = step.for_each.as_ref().map_or(0, |each| usize::from(each.max_items));
        self.bytes = self.bytes.saturating_add((self.bytes - before).saturating_mul(items));
    }

    fn once(&mut self, index: usize, step: &PlanStep, faults: &mut Faults) {
        let at = |member: &str| format!("/steps/{index}/{member}");
        let (title, reason) = (step.title.as_deref(), step.reason.as_deref());
        self.bytes = self.bytes.saturating_add(step.key.len() + step.tool_id.len());
        self.text(title.unwrap_or_default(), MAX_TITLE_CHARS, || at("title"), faults);
        self.text(reason.unwrap_or_default(), MAX_REASON_CHARS, || at("reason"), faults);
        if step.depends_on.len() > MAX_DEPENDS_ON {
            let detail = format!("at most {MAX_DEPENDS_ON} dependencies are allowed");
            faults.push("plan_limits", at("depends_on"), detail);
        }
        if step.acceptance.len() > MAX_CHECKS {
            let detail = format!("at most {MAX_CHECKS} checks are allowed");
            faults.push("plan_limits", at("acceptance"), detail);
        }
        for key in &step.depends_on {
            self.bytes = self.bytes.saturating_add(key.len() + 3);
        }
        for (name, value) in &step.arguments {
            self.bytes = self.bytes.saturating_add(name.len() + 3);
            self.value(value, || at("arguments"), faults);
        }
        if let Some(for_each) = &step.for_each {
            self.value(&for_each.items, || at("for_each/items"), faults);
        }
        if let Some(when) = &step.when {
            let names = when.pointer.len() + when.step.as_ref().map_or(0, String::len);
            self.bytes = self.bytes.saturating_add(names);
            if let Some(equals) = &when.equals {
                self.value(equals, || at("when/equals"), faults);
            }
        }
        for check in &step.acceptance {
            let same = check.same_as.as_ref();
            let texts = [
                Some(&check.pointer),
                check.contains.as_ref(),
                check.not_contains.as_ref(),
                same.map(|of| &of.step),
                same.map(|of| &of.pointer),
                check.ascending_by.as_ref(),
                check.descending_by.as_ref(),
            ];
            let sources = [&check.numbers_from, &check.links_from].into_iter().flatten().flatten();
            let texts = texts
                .into_iter()
                .flatten()
                .chain(sources)
                .map(String::len)
                .sum::<usize>();
            self.bytes = self.bytes.saturating_add(texts);
            for value in [&check.equals, &check.schema].into_iter().flatten() {
                self.value(value, || at("acceptance"), faults);
            }
        }
        for code in step.retry.iter().flat_map(|retry| &retry.non_retryable) {
            self.bytes = self.bytes.saturating_add(code.len());
        }
    }

    fn text(&mut self, text: &str, most: usize, at: impl Fn() -> String, faults: &mut Faults) {
        self.bytes = self.bytes.saturating_add(text.len());
        // A text within the limit in bytes is within it in characters; others need not be counted to the end.
        if text.len() > most && text.chars().nth(most).is_some() {
            faults.push("plan_limits", at(), format!("at most {most} characters are allowed"));
        }
        if text.contains('\0') {
            faults.push("plan_limits", at(), "a text cannot hold the character NUL");
        }
    }

    fn value(&mut self, value: &Value, at: impl Fn() -> String, faults: &mut Faults) {
        if let Err(detail) = self.weigh(value, MAX_NESTING) {
            faults.push("plan_limits", at(), detail);
        }
    }

    fn weigh(&mut self, value: &Value, levels: usize) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(2);
        if self.bytes > MAX_DOCUMENT_BYTES {
            // Told once, by the caller's caller.
            return Ok(());
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.bytes = self.bytes.saturating_add(4),
            Value::String(text) => {
                self.bytes = self.bytes.saturating_add(text.len());
                if text.contains('\0') {
                    return Err("a text cannot hold the character NUL".to_owned());
                }
                if text.len() > MAX_TEMPLATE_BYTES && crate::plan::slots::is_template(text) {
                    return Err(format!("a template has at most {MAX_TEMPLATE_BYTES} bytes"));
                }
            }
            Value::Array(_) | Value::Object(_) if levels == 0 => {
                return Err(format!("values are nested at most {MAX_NESTING} levels deep"));
            }
            Value::Array(items) => {
                for item in items {
                    self.weigh(item, levels - 1)?;
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.bytes = self.bytes.saturating_add(name.len() + 3);
                    self.weigh(member, levels - 1)?;
                }
            }
        }
        Ok(())
    }
}
