//! How well tools fit words: shared stems, weighted by how rare they are in the catalog.

use crate::catalog::ToolCard;
use crate::text::tokens::content_stems;
use std::collections::{BTreeMap, BTreeSet};

/// Stems that any tool may have and that say nothing about it.
const EMPTY_STEMS: [&str; 22] = [
    "tool", "api", "get", "data", "return", "list", "endpoint", "agent", "call", "give", "result", "us", "valu",
    "value", "input", "output", "json", "object", "http", "fetch", "user", "service",
];

/// A catalog, indexed.
pub struct Matcher<'a> {
    tools: Vec<(&'a ToolCard, BTreeSet<String>)>,
    rarity: BTreeMap<String, f64>,
}

impl<'a> Matcher<'a> {
    pub fn new(tools: &'a [ToolCard]) -> Self {
        let tools: Vec<(&ToolCard, BTreeSet<String>)> = tools.iter().map(|tool| (tool, words_of(tool))).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for stem in tools.iter().flat_map(|(_, stems)| stems) {
            *counts.entry(stem.clone()).or_insert(0) += 1;
        }
        let all = tools.len() as f64;
        let rarity = counts
            .into_iter()
            .map(|(stem, n)| (stem, (1.0 + all / n as f64).ln()))
            .collect();
        Self { tools, rarity }
    }

    /// The tools in catalog order.
    pub fn tools(&self) -> impl Iterator<Item = &'a ToolCard> {
        self.tools.iter().map(|(tool, _)| *tool)
    }

    /// Share of `query`'s weight that the tool's words have, 0-1.
    pub fn fit(&self, query: &BTreeSet<String>, tool: &ToolCard) -> f64 {
        share(query, self.stems(tool), |stem| self.weight(stem))
    }

    /// Share of the tool's own words that the request has, 0-1, and how many they are.
    pub fn asked_for(&self, request: &BTreeSet<String>, tool: &ToolCard) -> (f64, usize) {
        let own: BTreeSet<String> = self
            .stems(tool)
            .iter()
            .filter(|stem| !EMPTY_STEMS.contains(&stem.as_str()))
            .cloned()
            .collect();
        let shared = own.intersection(request).count();
        (share(&own, request, |stem| self.weight(stem)), shared)
    }

    fn stems(&self, tool: &ToolCard) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.tools
            .iter()
            .find(|(known, _)| known.tool_id == tool.tool_id)
            .map_or(&NONE, |(_, stems)| stems)
    }

    /// Words no tool has count like the rarest.
    fn weight(&self, stem: &str) -> f64 {
        self.rarity
            .get(stem)
            .copied()
            .unwrap_or((1.0 + self.tools.len() as f64).ln())
    }
}

fn share(wanted: &BTreeSet<String>, there: &BTreeSet<String>, weight: impl Fn(&str) -> f64) -> f64 {
    let total: f64 = wanted.iter().map(|stem| weight(stem)).sum();
    let found: f64 = wanted.intersection(there).map(|stem| weight(stem)).sum();
    if total > 0.0 { found / total } else { 0.0 }
}

/// The stems of a text as a set.
pub fn stems(text: &str) -> BTreeSet<String> {
    content_stems(text).into_iter().collect()
}

fn words_of(tool: &ToolCard) -> BTreeSet<String> {
    let id = tool.tool_id.replace(['.', '_', '-'], " ");
    stems(&format!("{id} {} {} {}", tool.name, tool.description, tool.category))
}

#[cfg(test)]
mod tests {
    use super::{Matcher, stems};
    use crate::catalog::agent_tools;

    #[test]
    fn the_fitting_tool_scores_highest() {
        let tools = agent_tools();
        let matcher = Matcher::new(&tools);
        for (query, expected) in [
            ("adapt text social media channel short post hashtags", "social_agent"),
            ("search keywords meta description", "seo_agent"),
            ("summarize given text", "summary_agent"),
        ] {
            let query = stems(query);
            let best = matcher
                .tools()
                .max_by(|a, b| matcher.fit(&query, a).total_cmp(&matcher.fit(&query, b)))
                .unwrap();
            assert_eq!(best.tool_id, expected);
        }
    }
}
