//! What other tools answered, quoted.

use crate::output::text_of;
use crate::text::markdown::{Block, blocks};
use crate::text::phrases::{capitalised, shorten};
use crate::text::sentences::sentences;
use crate::text::tokens::word_count;
use serde_json::Value;

/// One tool's output as prose or as a list of its values.
pub(super) fn quoted_output(name: &str, output: &Value) -> Vec<Block> {
    let said = Block::Paragraph(format!("According to `{name}`:"));
    let long = text_of(output).filter(|text| word_count(text) > 12);
    if let Some(text) = long {
        let first: Vec<String> = blocks(&text)
            .iter()
            .filter_map(|block| {
                if let Block::Paragraph(p) = block {
                    Some(p.clone())
                } else {
                    None
                }
            })
            .flat_map(|p| sentences(&p))
            .take(4)
            .collect();
        return vec![said, Block::Paragraph(first.join(" "))];
    }
    let mut lines = Vec::new();
    flatten("", output, &mut lines);
    if lines.is_empty() {
        Vec::new()
    } else {
        vec![said, Block::List(false, lines)]
    }
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    const MOST: usize = 12;
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| flatten(&format!("{path} {}", name.replace('_', " ")), member, lines)),
        Value::Array(items) => items.iter().take(5).for_each(|item| flatten(path, item, lines)),
        Value::Null => {}
        _ if lines.len() >= MOST => {}
        Value::String(text) => lines.push(labelled(path, &shorten(text, 160))),
        other => lines.push(labelled(path, &other.to_string())),
    }
}

fn labelled(path: &str, value: &str) -> String {
    let name = path.trim();
    if name.is_empty() {
        value.to_owned()
    } else {
        format!("{}: {value}", capitalised(name))
    }
}
