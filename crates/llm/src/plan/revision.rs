//! What feedback on earlier plans changes: tools and parts ruled out, tools asked for.

use super::graph::PlanGraph;
use super::roles::Role;
use crate::brief::scan::{find_phrase, places};
use crate::catalog::ToolCard;
use serde_json::Value;
use std::collections::BTreeSet;

/// Changes to the plan's shape.
#[derive(Clone, Debug, Default)]
pub struct Revision {
    /// Tools not to be used.
    pub banned: BTreeSet<String>,
    /// Tools to be used.
    pub forced: BTreeSet<String>,
    /// Parts to leave out.
    pub dropped: BTreeSet<Role>,
    /// Parts to have.
    pub added: BTreeSet<Role>,
    /// Arguments not to be given, by tool.
    pub withheld: BTreeSet<(String, String)>,
    /// No acceptance checks.
    pub unchecked: bool,
    /// No step is tagged with these channels.
    pub untagged: BTreeSet<String>,
    /// Only what cannot be left out.
    pub minimal: bool,
}

const WITHOUT: [&str; 10] = [
    "without",
    "skip",
    "no",
    "remove",
    "drop",
    "leave out",
    "omit",
    "don't use",
    "do not use",
    "instead of",
];
const WITH: [&str; 7] = ["add", "include", "use", "also", "with", "want", "need"];

/// Whether the text is a machine's reason for refusing a plan.
pub fn is_fault(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| word.starts_with("plan_") && word.len() > 5)
}

impl Revision {
    /// Takes in one piece of feedback on `earlier`, the plan it is about.
    pub fn take(&mut self, text: &str, earlier: Option<&PlanGraph>, tools: &[ToolCard]) {
        if is_fault(text) {
            self.take_faults(text, earlier);
        } else {
            self.take_words(text, tools);
        }
    }

    fn take_words(&mut self, text: &str, tools: &[ToolCard]) {
        for role in Role::ALL {
            for (start, _) in role.called().iter().flat_map(|name| places(text, name)) {
                match said_before(text, start) {
                    Some(true) => self.added.insert(role),
                    Some(false) => self.dropped.insert(role),
                    None => false,
                };
            }
        }
        for tool in tools {
            if let Some((start, _)) = find_phrase(text, &tool.tool_id) {
                if said_before(text, start) == Some(false) {
                    self.banned.insert(tool.tool_id.clone());
                } else {
                    self.forced.insert(tool.tool_id.clone());
                    self.banned.remove(&tool.tool_id);
                }
            }
        }
        let added: Vec<Role> = self.added.iter().copied().collect();
        self.dropped
            .retain(|role| !added.contains(role) || *role == Role::Draft);
        // A plan without a draft has nothing to judge.
        self.dropped.remove(&Role::Draft);
    }

    fn take_faults(&mut self, text: &str, earlier: Option<&PlanGraph>) {
        let faults = faults(text);
        for (code, pointer) in &faults {
            let mut path = pointer.trim_start_matches('/').split('/');
            let (steps, place, member) = (
                path.next(),
                path.next().and_then(|n| n.parse::<usize>().ok()),
                path.next(),
            );
            let node = earlier
                .zip(place)
                .and_then(|(graph, place)| graph.nodes.get(place))
                .filter(|_| steps == Some("steps"));
            match (code.as_str(), node) {
                ("plan_tool", Some(node)) => {
                    self.banned.insert(node.tool_id.clone());
                }
                ("plan_arguments" | "plan_ref", Some(node)) => match (member, path.next()) {
                    (Some("arguments"), Some(argument)) => {
                        self.withheld.insert((node.tool_id.clone(), argument.to_owned()));
                    }
                    _ => {
                        self.banned.insert(node.tool_id.clone());
                    }
                },
                ("plan_channel", Some(node)) => self.untagged.extend(node.channel.clone()),
                ("plan_acceptance", _) => self.unchecked = true,
                _ => self.minimal = true,
            }
        }
        if faults.is_empty() {
            self.minimal = true;
        }
    }
}

/// Whether the words before byte `start` ask for what stands there (true) or against it (false).
fn said_before(text: &str, start: usize) -> Option<bool> {
    let before: Vec<&str> = text.get(..start)?.split_whitespace().rev().take(4).collect();
    let mut before = before;
    before.reverse();
    let near = before.join(" ").to_lowercase();
    if WITHOUT.iter().any(|word| find_phrase(&near, word).is_some()) {
        return Some(false);
    }
    WITH.iter()
        .any(|word| find_phrase(&near, word).is_some())
        .then_some(true)
}

/// Code and pointer of every fault: from JSON, or from lines such as `plan_tool /steps/3/tool_id: …`.
fn faults(text: &str) -> Vec<(String, String)> {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let items = match &value {
            Value::Array(items) => items.clone(),
            Value::Object(members) => members
                .get("faults")
                .or_else(|| members.get("errors"))
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_else(|| vec![value.clone()]),
            _ => Vec::new(),
        };
        let member = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        return items
            .iter()
            .map(|item| (member(item, "code"), member(item, "pointer")))
            .collect();
    }
    let mut found = Vec::new();
    let mut code = String::new();
    for piece in text.split_whitespace() {
        let bare = piece.trim_matches(|c: char| [':', ',', ';', '(', ')', '[', ']', '"', '.'].contains(&c));
        if bare.starts_with("plan_") {
            if !code.is_empty() {
                found.push((std::mem::take(&mut code), String::new()));
            }
            code = bare.to_owned();
        } else if bare.starts_with("/steps") && !code.is_empty() {
            found.push((std::mem::take(&mut code), bare.to_owned()));
        }
    }
    if !code.is_empty() {
        found.push((code, String::new()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Revision, faults, is_fault};
    use crate::catalog::agent_tools;
    use crate::plan::graph::{Node, PlanGraph};
    use crate::plan::roles::Role;

    #[test]
    fn faults_are_read_from_json_and_from_lines() {
        let expected = [("plan_tool".to_owned(), "/steps/1/tool_id".to_owned())];
        assert_eq!(
            faults(r#"[{"code":"plan_tool","pointer":"/steps/1/tool_id","detail":"x"}]"#),
            expected
        );
        assert_eq!(faults("plan_tool /steps/1/tool_id: unknown tool"), expected);
        assert!(is_fault("plan_tool: x") && !is_fault("a better plan please"));
    }

    #[test]
    fn a_refused_tool_is_not_used_again_and_people_can_leave_parts_out() {
        let mut graph = PlanGraph::default();
        graph.add(Node {
            key: "a".to_owned(),
            tool_id: "seo_agent".to_owned(),
            ..Node::default()
        });
        let mut revision = Revision::default();
        revision.take("plan_tool /steps/0/tool_id: suspended", Some(&graph), &[]);
        assert!(revision.banned.contains("seo_agent"));
        revision.take("Please skip the research and add a summary.", None, &agent_tools());
        assert!(revision.dropped.contains(&Role::Research) && revision.added.contains(&Role::Summary));
        revision.take("use seo_agent after all", None, &agent_tools());
        assert!(revision.forced.contains("seo_agent") && !revision.banned.contains("seo_agent"));
    }
}
