//! Articles: Markdown with one title, of every output in plan order.

use super::pretty;
use serde_json::Value;

/// An article of `outputs`.
pub fn compose(title: &str, outputs: &[&Value]) -> String {
    let mut blocks: Vec<String> = outputs.iter().map(|output| block(output)).collect();
    blocks.retain(|block| !block.is_empty());
    let titled = blocks.first().is_some_and(|first| first.starts_with("# "));
    if !titled && !title.is_empty() {
        blocks.insert(0, format!("# {title}"));
    }
    let mut article = blocks.join("\n\n");
    article.push('\n');
    article
}

fn block(output: &Value) -> String {
    match llm::text_of(output) {
        Some(text) => text.trim().to_owned(),
        None if output.is_null() => String::new(),
        None => format!("```json\n{}\n```", pretty(output)),
    }
}
