//! What arguments and conditions may read: the submission, other steps' outputs and feedback.

use crate::failure::RunFailure;
use crate::template::{Place, render, to_template};
use contracts::work::ItemOf;
use minijinja::value::Value as TemplateValue;
use serde_json::Value;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use workflow::plan::ITEMS;

/// Outputs by step key.
pub type Outputs = BTreeMap<String, Value>;

/// The item a step is of.
struct Item<'a> {
    /// Key of the step that made the list.
    list: &'a str,
    value: &'a Value,
}

/// What a step may read.
pub struct Scope<'a> {
    submission_json: &'a str,
    /// Read when first asked for: most steps never do.
    submission: OnceCell<Value>,
    outputs: &'a Outputs,
    feedback: &'a [String],
    /// Where a step runs once an item: its item.
    item: Option<Item<'a>>,
    /// Built for the first template only: most arguments are literal.
    context: OnceCell<TemplateValue>,
}

impl<'a> Scope<'a> {
    /// A scope over a submission, the JSON text `{request, business_metrics, preferences, …}`.
    pub fn new(submission_json: &'a str, outputs: &'a Outputs, feedback: &'a [String]) -> Self {
        Self {
            submission_json,
            submission: OnceCell::new(),
            outputs,
            feedback,
            item: None,
            context: OnceCell::new(),
        }
    }

    /// The same for a step of one item of a list.
    pub fn of_item(mut self, item: Option<&ItemOf>) -> Self {
        let found = |item: &ItemOf| {
            let (list, output) = self.outputs.get_key_value(&item.list)?;
            let value = output.get(ITEMS)?.get(usize::try_from(item.place).ok()?)?;
            Some(Item { list, value })
        };
        self.item = item.and_then(found);
        self
    }

    /// The value at `pointer` in a step's output, or in the submission.
    pub fn value(&self, step: Option<&str>, pointer: &str) -> Option<&Value> {
        let root = match step {
            Some(key) => self.outputs.get(key)?,
            None => self.submission(),
        };
        root.pointer(pointer)
    }

    fn submission(&self) -> &Value {
        // The coordinator wrote it; a broken one reads as empty and every look-up in it fails by name.
        let read = || serde_json::from_str(self.submission_json).unwrap_or_default();
        self.submission.get_or_init(read)
    }

    /// The step ended with an output this one was given.
    pub fn has_output(&self, step: &str) -> bool {
        self.outputs.contains_key(step)
    }

    /// All feedback, oldest first.
    pub fn feedback(&self) -> &'a [String] {
        self.feedback
    }

    /// Renders a string template.
    pub(crate) fn render(&self, text: &str) -> Result<String, RunFailure> {
        let context = self.context.get_or_init(|| self.template_context());
        render(text, context, Place::Text).map_err(|error| RunFailure::permanent("plan_template", error.to_string()))
    }

    fn template_context(&self) -> TemplateValue {
        let member = |name: &str| {
            let absent = || TemplateValue::from_pairs(std::iter::empty::<(&str, TemplateValue)>());
            self.submission().get(name).map_or_else(absent, to_template)
        };
        let metrics = member("business_metrics");
        let request = self.submission().get("request").and_then(Value::as_str);
        // Of a list its item alone is taken: the others may change meanwhile.
        let list = self.item.as_ref().map(|item| item.list);
        let steps = self.outputs.iter().filter(|(key, _)| Some(key.as_str()) != list);
        let steps = TemplateValue::from_pairs(steps.map(|(key, output)| (key.as_str(), to_template(output))));
        let known = [
            ("request", TemplateValue::from(request.unwrap_or_default())),
            ("preferences", member("preferences")),
            ("business_metrics", metrics.clone()),
            ("metrics", metrics),
            ("feedback", TemplateValue::from(self.feedback.join("\n"))),
            ("steps", steps),
        ];
        let item = self.item.as_ref().map(|item| ("item", to_template(item.value)));
        TemplateValue::from_pairs(known.into_iter().chain(item))
    }
}
