//! What an agent was given, read together.

use super::pick::Picker;
use super::summary::{source_sentences, telling};
use crate::brief::Brief;
use crate::brief::fixes::{self, Fixes};
use crate::brief::preferences::list;
use crate::output::text_of;
use crate::port::{Context, WriteAsk};
use crate::text::phrases::distinct;
use serde_json::{Map, Value};

/// One agent's work.
pub struct Assignment<'a> {
    pub arguments: &'a Map<String, Value>,
    /// The request, with arguments and feedback taken in.
    pub brief: Brief,
    /// What feedback asks for.
    pub fixes: Fixes,
    pub picker: Picker,
}

impl<'a> Assignment<'a> {
    pub fn new(ask: &WriteAsk<'a>) -> Self {
        let arguments = ask.arguments;
        let context = overlaid(ask.context, arguments);
        let mut brief = Brief::of(&context);
        brief.take_preferences(arguments);
        brief.facts = distinct(brief.facts.drain(..).chain(foreign_findings(arguments)));
        let own = arguments.get("feedback").map(list).unwrap_or_default();
        let fixes = fixes::read(&distinct(ask.feedback.iter().cloned().chain(own)));
        brief.apply(&fixes);
        let picker = Picker::new(&[&brief.request, &brief.topic.text, &brief.variation]);
        Self {
            arguments,
            brief,
            fixes,
            picker,
        }
    }

    /// The argument's text, whatever its shape; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        self.arguments.get(name).and_then(text_of).unwrap_or_default()
    }

    /// The argument's items: of an array, or of an output's member `member`.
    pub fn items(&self, name: &str, member: &str) -> Vec<String> {
        let Some(value) = self.arguments.get(name) else {
            return Vec::new();
        };
        list(value.get(member).unwrap_or(value))
    }

    /// The text to work on: the argument `text`, else the material of the request.
    pub fn source_text(&self) -> String {
        let given = self.text("text");
        if given.is_empty() {
            self.brief.facts.join(" ")
        } else {
            given
        }
    }

    /// The channel to write for, lower-case.
    pub fn channel(&self) -> String {
        self.text("channel").to_lowercase()
    }
}

/// What tools other than these agents found: their sentences are material.
fn foreign_findings(arguments: &Map<String, Value>) -> Vec<String> {
    let foreign = ["research", "sources"]
        .iter()
        .filter_map(|name| arguments.get(*name))
        .filter(|value| value.get("engine").is_none() && !value.is_array());
    let told = foreign
        .filter_map(text_of)
        .flat_map(|text| telling(&source_sentences(&text), "", 8));
    told.collect()
}

/// The submission with the arguments `request` and `business_metrics` in place of its own.
fn overlaid(context: &Context, arguments: &Map<String, Value>) -> Context {
    let mut own = context.clone();
    let request = arguments.get("request").and_then(Value::as_str).map(str::trim);
    if let Some(request) = request.filter(|request| !request.is_empty()) {
        own.request = request.to_owned();
    }
    if let Some(metrics) = arguments.get("business_metrics").and_then(Value::as_object) {
        let numbers = metrics
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
        own.business_metrics = numbers.collect();
    }
    own
}
