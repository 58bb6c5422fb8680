//! Why the plan is what it is, in prose.

use super::graph::PlanGraph;
use super::revision::Revision;
use crate::brief::Brief;
use crate::text::phrases::{distinct, listed, with_article};

/// A few sentences for people who approve the plan.
pub fn reasoning(brief: &Brief, graph: &PlanGraph, catalog: usize, revision: &Revision) -> String {
    let kind = if brief.kind_named {
        format!("The request asks for {}", with_article(&brief.label))
    } else {
        format!(
            "The request names no kind of text, so {} is planned",
            with_article(&brief.label)
        )
    };
    let mut said = vec![format!("{kind} about {}.", brief.topic.text)];
    let used = distinct(graph.nodes.iter().map(|node| node.tool_id.clone()));
    said.push(format!(
        "Of {catalog} active tools these fit by their descriptions and input schemas: {}.",
        listed(&used)
    ));
    let first = graph
        .nodes
        .iter()
        .filter(|node| node.depends_on.is_empty())
        .map(|node| node.key.clone())
        .collect::<Vec<_>>();
    if first.len() > 1 {
        said.push(format!(
            "{} depend on nothing and run at the same time.",
            listed(&first)
        ));
    }
    let tagged = distinct(graph.nodes.iter().filter_map(|node| node.channel.clone()));
    if !tagged.is_empty() {
        said.push(format!("There is a version for each of {}.", listed(&tagged)));
    }
    for (tool, why) in &graph.left_out {
        said.push(format!("{tool} was left out: it {why}."));
    }
    if !revision.banned.is_empty() {
        said.push(format!(
            "After feedback without {}.",
            listed(&revision.banned.iter().cloned().collect::<Vec<_>>())
        ));
    }
    said.push("Planned by the offline engine.".to_owned());
    said.join(" ")
}
