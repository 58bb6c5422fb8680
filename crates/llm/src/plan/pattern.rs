//! Following a pattern: which of those offered fits, what it changes of the plan, what the plan took of it.

use super::graph::PlanGraph;
use super::matching::{Matcher, stems};
use super::revision::Revision;
use super::roles::{Role, cast};
use crate::brief::Brief;
use crate::memory::{KnownPattern, PatternDecision, PatternUse};
use crate::port::{Context, PlanAsk};
use crate::text::phrases::listed;
use serde_json::Value;
use std::collections::BTreeMap;

/// Parts a plan may have or not; the others the request itself asks for.
const OPTIONAL: [Role; 4] = [Role::Research, Role::Keywords, Role::Outline, Role::Edit];
/// Share of common steps from which on a plan follows a pattern, and from which on in part.
const ADOPTED: f64 = 0.8;
const ADAPTED: f64 = 0.4;

/// A pattern that fits the request, and the tools of its steps.
pub struct Fitting<'a> {
    pub pattern: &'a KnownPattern,
    tools: Vec<&'a str>,
}

/// Why a pattern is of no use here, or the pattern.
pub fn fitting<'a>(
    pattern: &'a KnownPattern,
    ask: &PlanAsk<'_>,
    brief: &Brief,
    revision: &Revision,
) -> Result<Fitting<'a>, String> {
    let steps = pattern
        .plan
        .get("steps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let tools: Vec<&str> = steps.filter_map(|step| step.get("tool_id")?.as_str()).collect();
    if tools.is_empty() {
        return Err("it has no steps".to_owned());
    }
    let usable = |id: &str| ask.tools.iter().any(|tool| tool.tool_id == id) && !revision.banned.contains(id);
    if let Some(lacking) = tools.iter().find(|id| !usable(id)) {
        return Err(format!("its tool {lacking} cannot be used here"));
    }
    let was = Brief::of(&Context {
        request: pattern.intent.clone(),
        channels: ask.context.channels.clone(),
        ..Context::default()
    });
    // A part is of use in plans of other kinds, too.
    if !pattern.fragment && was.kind.shape != brief.kind.shape {
        return Err(format!(
            "it made another kind of text ({}, not {})",
            was.label.as_str(),
            brief.label.as_str()
        ));
    }
    Ok(Fitting { pattern, tools })
}

impl Fitting<'_> {
    /// What building on the pattern means: its tools are preferred, and optional parts that a whole plan did without are
    /// left out.
    /// What people said of this task goes before.
    pub fn steer(&self, brief: &Brief, matcher: &Matcher<'_>, revision: &Revision) -> Revision {
        let mut steered = revision.clone();
        let request = stems(&brief.request);
        for tool in matcher
            .tools()
            .filter(|tool| self.tools.contains(&tool.tool_id.as_str()))
        {
            let usual = Role::ALL
                .iter()
                .filter_map(|role| cast(*role, matcher, revision))
                .any(|(own, _)| own.tool_id == tool.tool_id);
            // A step with outside effects is never planned because an earlier task had one, and any other only
            // where this request speaks of what it does.
            let spoken_of = matcher.asked_for(&request, tool).1 > 0;
            if tool.effects == "read_only" && (usual || spoken_of) {
                steered.forced.insert(tool.tool_id.clone());
            }
        }
        for role in OPTIONAL.into_iter().filter(|_| !self.pattern.fragment) {
            let plays = cast(role, matcher, &steered).map(|(tool, _)| tool.tool_id.as_str());
            if plays.is_some_and(|tool| !self.tools.contains(&tool)) && !revision.added.contains(&role) {
                steered.dropped.insert(role);
            }
        }
        steered
    }

    /// What the plan that came out took of the pattern.
    pub fn taken(&self, graph: &PlanGraph) -> PatternUse {
        let planned = counted(graph.nodes.iter().map(|node| node.tool_id.as_str()));
        let known = counted(self.tools.iter().copied());
        let common: usize = known
            .iter()
            .map(|(tool, n)| planned.get(tool).map_or(0, |m| (*n).min(*m)))
            .sum();
        let share = if self.pattern.fragment {
            common as f64 / self.tools.len().max(1) as f64
        } else {
            2.0 * common as f64 / (self.tools.len() + graph.nodes.len()).max(1) as f64
        };
        let left_out = beyond(&known, &planned);
        let added = beyond(&planned, &known);
        let mut reason = match common {
            0 => "the plan has none of its steps".to_owned(),
            _ => format!("{common} of its {} steps are taken over", self.tools.len()),
        };
        if !left_out.is_empty() {
            reason.push_str(&format!(", without {}", listed(&left_out)));
        }
        if !added.is_empty() && !self.pattern.fragment {
            reason.push_str(&format!(", with {} as the request needs", listed(&added)));
        }
        PatternUse {
            pattern_id: self.pattern.pattern_id.clone(),
            decision: match share {
                share if share >= ADOPTED => PatternDecision::Adopted,
                share if share >= ADAPTED => PatternDecision::Adapted,
                _ => PatternDecision::Refused,
            },
            reason,
        }
    }
}

/// As the user reads it who approves the plan.
pub fn cited(pattern: &KnownPattern, used: &PatternUse) -> String {
    let tasks = if pattern.evidence == 1 { "task" } else { "tasks" };
    format!(
        "It follows the pattern {} (“{}”), learned from {} approved {tasks}: {}.",
        pattern.pattern_id, pattern.intent, pattern.evidence, used.reason
    )
}

/// Not used, and why.
pub fn refused(pattern: &KnownPattern, reason: impl Into<String>) -> PatternUse {
    PatternUse {
        pattern_id: pattern.pattern_id.clone(),
        decision: PatternDecision::Refused,
        reason: reason.into(),
    }
}

fn counted<'t>(tools: impl Iterator<Item = &'t str>) -> BTreeMap<&'t str, usize> {
    let mut counts = BTreeMap::new();
    for tool in tools {
        *counts.entry(tool).or_default() += 1;
    }
    counts
}

/// Tools of which `one` has more than `other`.
fn beyond(one: &BTreeMap<&str, usize>, other: &BTreeMap<&str, usize>) -> Vec<String> {
    let more = one.iter().filter(|(tool, n)| other.get(*tool).is_none_or(|m| m < n));
    more.map(|(tool, _)| (*tool).to_owned()).collect()
}
