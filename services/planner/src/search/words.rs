//! How well tools fit the words of a request: BM25 over what they say of themselves.

use llm::{PlanAsk, ToolCard};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How soon more of the same word says nothing new, and how much long descriptions are held back: the usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// A word in an id or a name says more than one in a description.
const NAME_WEIGHT: usize = 3;

/// Words of what is asked.
pub(super) fn query(ask: &PlanAsk<'_>) -> BTreeSet<String> {
    let context = ask.context;
    let preferences = context.preferences.values().filter_map(Value::as_str);
    let texts = [context.request.as_str()].into_iter().chain(preferences);
    let texts = texts.chain(context.channels.iter().map(String::as_str));
    texts
        .chain(ask.feedback.iter().map(String::as_str))
        .flat_map(words)
        .collect()
}

/// Indices of the tools that share a word with the query, the best first; equals in catalog order.
pub(super) fn ranked(tools: &[ToolCard], query: &BTreeSet<String>) -> Vec<usize> {
    let documents: Vec<BTreeMap<String, usize>> = tools.iter().map(document).collect();
    let lengths: Vec<f64> = documents
        .iter()
        .map(|words| words.values().sum::<usize>() as f64)
        .collect();
    let all = documents.len() as f64;
    let average = lengths.iter().sum::<f64>() / all.max(1.0);
    let rarity = |word: &String| {
        let with = documents.iter().filter(|words| words.contains_key(word)).count() as f64;
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    };
    let rarities: Vec<(&String, f64)> = query.iter().map(|word| (word, rarity(word))).collect();
    let score = |(words, length): (&BTreeMap<String, usize>, &f64)| -> f64 {
        let held_back = K1 * (1.0 - B + B * length / average.max(1.0));
        let of_word = |(word, rarity): &(&String, f64)| {
            let count = words.get(*word).copied().unwrap_or_default() as f64;
            rarity * count * (K1 + 1.0) / (count + held_back)
        };
        rarities.iter().map(of_word).sum()
    };
    let scores: Vec<f64> = documents.iter().zip(&lengths).map(score).collect();
    let mut ranked: Vec<(usize, f64)> = (0..).zip(scores).filter(|(_, score)| *score > 0.0).collect();
    ranked.sort_by(|(a, first), (b, second)| second.total_cmp(first).then(a.cmp(b)));
    ranked.into_iter().map(|(index, _)| index).collect()
}

/// Words of a tool, counted: its id and name, what it does, the names of its arguments.
fn document(tool: &ToolCard) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let arguments = properties.into_iter().flatten().map(|(name, _)| name.as_str());
    let texts = [tool.description.as_str(), &tool.category].into_iter().chain(arguments);
    for word in texts.flat_map(words) {
        *counts.entry(word).or_default() += 1;
    }
    for word in [&tool.tool_id, &tool.name].into_iter().flat_map(|text| words(text)) {
        *counts.entry(word).or_default() += NAME_WEIGHT;
    }
    counts
}

/// Lower-case words, the commonest English endings cut off so that `order` finds `orders`.
fn words(text: &str) -> impl Iterator<Item = String> {
    let pieces = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 1);
    pieces.map(|word| {
        let lower = word.to_lowercase();
        let stem = ["ing", "es", "s"].iter().find_map(|ending| lower.strip_suffix(ending));
        match stem.filter(|stem| stem.chars().count() > 2) {
            Some(stem) => stem.to_owned(),
            None => lower,
        }
    })
}
