//! The offline planner: matches the request against tool descriptions and fills arguments by schema.

mod arguments;
mod extras;
mod graph;
mod literal;
mod matching;
mod pattern;
mod reasoning;
mod revision;
mod roles;
mod shape;
mod values;

use crate::brief::{Brief, fixes, intent::intent};
use crate::call::EngineError;
use crate::memory::{KnownPreference, PatternUse};
use crate::port::{PlanAsk, PlanDraft};
use graph::PlanGraph;
pub(crate) use literal::literal;
use matching::Matcher;
use revision::Revision;
use serde_json::Value;
use std::borrow::Cow;

/// A plan for the request, over the tools given and no others.
pub fn plan(ask: &PlanAsk<'_>) -> Result<PlanDraft, EngineError> {
    let matcher = Matcher::new(ask.tools);
    let mut revision = Revision::default();
    // Every earlier plan is made again, because a fault names its steps by place.
    for (i, text) in ask.feedback.iter().enumerate() {
        let earlier = built(ask, &matcher, &revision, ask.feedback.get(..i).unwrap_or(&[])).ok();
        revision.take(text, earlier.as_ref().map(|earlier| &earlier.graph), ask.tools);
    }
    let built = built(ask, &matcher, &revision, ask.feedback)?;
    let (brief, graph) = (&built.brief, &built.graph);
    let mut reasoning = reasoning::reasoning(brief, graph, ask.tools.len(), &revision);
    let used = ask
        .memory
        .patterns
        .iter()
        .zip(&built.patterns)
        .find(|(_, used)| used.decision.is_used());
    if let Some((pattern, used)) = used {
        reasoning.push(' ');
        reasoning.push_str(&pattern::cited(pattern, used));
    }
    let known = ask.memory.preferences.iter();
    let heeded: Vec<String> = known
        .filter(|known| built.remembered.contains(&known.name))
        .map(KnownPreference::in_words)
        .collect();
    if !heeded.is_empty() {
        reasoning.push_str(&format!(" Remembered and planned by: {}.", heeded.join("; ")));
    }
    Ok(PlanDraft {
        intent_json: Cow::Owned(understood(ask, &built).to_string()),
        plan_json: Cow::Owned(graph.document(brief).to_string()),
        reasoning: Cow::Owned(reasoning),
        patterns: built.patterns,
    })
}

/// The intent, with the remembered preferences that are planned by.
fn understood(ask: &PlanAsk<'_>, built: &Built) -> Value {
    let mut intent = intent(&built.brief, ask.context);
    if let Some(preferences) = intent.get_mut("preferences").and_then(Value::as_object_mut) {
        for known in &ask.memory.preferences {
            if built.remembered.contains(&known.name) {
                preferences
                    .entry(known.name.clone())
                    .or_insert_with(|| known.value.clone());
            }
        }
    }
    intent
}

struct Built {
    brief: Brief,
    graph: PlanGraph,
    /// What became of each pattern offered, in their order.
    patterns: Vec<PatternUse>,
    /// Names of remembered preferences that the request left room for.
    remembered: Vec<String>,
}

fn built(ask: &PlanAsk<'_>, matcher: &Matcher<'_>, revision: &Revision, said: &[String]) -> Result<Built, EngineError> {
    let mut brief = Brief::of(ask.context);
    let remembered = brief.remember(&ask.memory.preferences);
    brief.settle();
    let people: Vec<String> = said.iter().filter(|text| !revision::is_fault(text)).cloned().collect();
    brief.apply(&fixes::read(&people));
    let mut followed: Option<PlanGraph> = None;
    let mut patterns = Vec::new();
    for pattern in &ask.memory.patterns {
        if followed.is_some() {
            patterns.push(pattern::refused(pattern, "the plan follows another pattern"));
            continue;
        }
        let fitting = match pattern::fitting(pattern, ask, &brief, revision) {
            Ok(fitting) if !revision.minimal => fitting,
            Ok(_) => {
                patterns.push(pattern::refused(pattern, "the plan had to be cut to what is needed"));
                continue;
            }
            Err(reason) => {
                patterns.push(pattern::refused(pattern, reason));
                continue;
            }
        };
        let steered = fitting.steer(&brief, matcher, revision);
        match shape::build(ask, &brief, matcher, &steered, &people) {
            Ok(graph) => {
                let used = fitting.taken(&graph);
                followed = used.decision.is_used().then_some(graph);
                patterns.push(used);
            }
            Err(error) => patterns.push(pattern::refused(pattern, error.to_string())),
        }
    }
    let graph = match followed {
        Some(graph) => graph,
        None => shape::build(ask, &brief, matcher, revision, &people)?,
    };
    Ok(Built {
        brief,
        graph,
        patterns,
        remembered,
    })
}

#[cfg(test)]
mod pattern_tests;
#[cfg(test)]
mod tests;
