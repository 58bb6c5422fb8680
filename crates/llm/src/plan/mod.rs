//! The offline planner: matches the request against tool descriptions and fills arguments by schema.

mod arguments;
mod extras;
mod graph;
mod literal;
mod matching;
mod reasoning;
mod revision;
mod roles;
mod shape;
mod values;

use crate::brief::{Brief, fixes, intent::intent};
use crate::call::EngineError;
use crate::port::{PlanAsk, PlanDraft};
use graph::PlanGraph;
pub(crate) use literal::literal;
use matching::Matcher;
use revision::Revision;
use std::borrow::Cow;

/// A plan for the request, over the tools given and no others.
pub fn plan(ask: &PlanAsk<'_>) -> Result<PlanDraft, EngineError> {
    let matcher = Matcher::new(ask.tools);
    let mut revision = Revision::default();
    // Every earlier plan is made again, because a fault names its steps by place.
    for (i, text) in ask.feedback.iter().enumerate() {
        let earlier = built(ask, &matcher, &revision, ask.feedback.get(..i).unwrap_or(&[])).ok();
        revision.take(text, earlier.as_ref().map(|(_, graph)| graph), ask.tools);
    }
    let (brief, graph) = built(ask, &matcher, &revision, ask.feedback)?;
    Ok(PlanDraft {
        intent_json: Cow::Owned(intent(&brief, ask.context).to_string()),
        plan_json: Cow::Owned(graph.document(&brief).to_string()),
        reasoning: Cow::Owned(reasoning::reasoning(&brief, &graph, ask.tools.len(), &revision)),
        patterns: Vec::new(),
    })
}

fn built(
    ask: &PlanAsk<'_>,
    matcher: &Matcher<'_>,
    revision: &Revision,
    said: &[String],
) -> Result<(Brief, PlanGraph), EngineError> {
    let mut brief = Brief::of(ask.context);
    let people: Vec<String> = said.iter().filter(|text| !revision::is_fault(text)).cloned().collect();
    brief.apply(&fixes::read(&people));
    let graph = shape::build(ask, &brief, matcher, revision, &people)?;
    Ok((brief, graph))
}

#[cfg(test)]
mod tests;
