//! A plan while it is made.

use crate::brief::Brief;
use crate::text::phrases::{capitalised, shorten};
use serde_json::{Map, Value, json};

/// One step.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub key: String,
    pub title: String,
    pub tool_id: String,
    pub arguments: Map<String, Value>,
    pub depends_on: Vec<String>,
    pub reason: String,
    pub channel: Option<String>,
    pub acceptance: Vec<Value>,
}

/// Steps, dependencies first.
#[derive(Clone, Debug, Default)]
pub struct PlanGraph {
    pub nodes: Vec<Node>,
    /// Tools that looked asked for and could not be used, and why.
    pub left_out: Vec<(String, String)>,
}

impl PlanGraph {
    /// Adds a step under a key of its own; what its arguments refer to is what it depends on.
    pub fn add(&mut self, mut node: Node) -> String {
        let wanted = key(&node.key);
        let mut unique = wanted.clone();
        let mut n = 2;
        while self.nodes.iter().any(|other| other.key == unique) {
            unique = format!("{wanted}_{n}");
            n += 1;
        }
        node.key.clone_from(&unique);
        let arguments = Value::Object(node.arguments.clone());
        references(&arguments, &mut node.depends_on);
        self.nodes.push(node);
        unique
    }

    /// The plan document.
    pub fn document(&self, brief: &Brief) -> Value {
        let readers = brief
            .audience
            .as_deref()
            .map(|audience| format!(" for {audience}"))
            .unwrap_or_default();
        let channels = if brief.channels.is_empty() {
            String::new()
        } else {
            format!(", fitted to {}", brief.channels.join(", "))
        };
        let summary = shorten(
            &format!(
                "{} about {}{readers}{channels}",
                capitalised(brief.label.as_str()),
                brief.topic.text
            ),
            400,
        );
        json!({"summary": summary, "steps": self.nodes.iter().map(Node::document).collect::<Vec<_>>()})
    }
}

impl Node {
    fn document(&self) -> Value {
        let mut step = json!({
            "key": self.key,
            "title": shorten(&self.title, 180),
            "tool_id": self.tool_id,
            "arguments": self.arguments,
            "reason": shorten(&self.reason, 1800),
        });
        let optional = [
            (
                "depends_on",
                (!self.depends_on.is_empty()).then(|| json!(self.depends_on)),
            ),
            ("channel", self.channel.as_ref().map(|channel| json!(channel))),
            (
                "acceptance",
                (!self.acceptance.is_empty()).then(|| json!(self.acceptance)),
            ),
        ];
        if let Some(members) = step.as_object_mut() {
            members.extend(
                optional
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
        }
        step
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => match members.get("$step").and_then(Value::as_str) {
            Some(step) if !found.iter().any(|known| known == step) => found.push(step.to_owned()),
            Some(_) => {}
            None => members.values().for_each(|member| references(member, found)),
        },
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// A valid key from any text: a letter, then letters, digits, `_` or `-`.
fn key(text: &str) -> String {
    let safe: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(48)
        .collect();
    let safe = safe.trim_matches('_');
    if safe.starts_with(|c: char| c.is_ascii_alphabetic()) {
        safe.to_owned()
    } else {
        format!("step_{safe}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, PlanGraph};
    use serde_json::json;

    #[test]
    fn keys_are_valid_and_unique_and_references_become_dependencies() {
        let mut graph = PlanGraph::default();
        let arguments = json!({"x": {"$step": "shop_stock", "pointer": ""}, "y": [{"$step": "shop_stock"}]});
        assert_eq!(
            graph.add(Node {
                key: "shop.stock".to_owned(),
                ..Node::default()
            }),
            "shop_stock"
        );
        assert_eq!(
            graph.add(Node {
                key: "shop.stock".to_owned(),
                arguments: arguments.as_object().cloned().unwrap(),
                ..Node::default()
            }),
            "shop_stock_2"
        );
        assert_eq!(
            graph.add(Node {
                key: "9".to_owned(),
                ..Node::default()
            }),
            "step_9"
        );
        assert_eq!(graph.nodes[1].depends_on, ["shop_stock"]);
    }
}
