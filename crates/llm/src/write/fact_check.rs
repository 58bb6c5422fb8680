//! The fact checker: which figures and names of a text stand in the given sources.
//!
//! Words are compared and no meanings, so nothing is ever called contradicted, and the result says how it was made.

use super::assignment::Assignment;
use super::members;
use super::summary::source_sentences;
use crate::text::sentences::sentences;
use crate::text::tokens::{content_stems, is_stopword, stem, words};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Share of a claim's words that the passage which bears it out has too.
const LEAST_SHARED: f64 = 0.7;
/// A passage with one of these where the claim has none says something else.
const NEGATIONS: [&str; 8] = ["not", "no", "never", "without", "nor", "neither", "cannot", "hardly"];
const HOW: &str = "Checked by comparing words: a supported claim has its figures, its names and most of its words in one \
     passage of the sources. Meaning was not compared.";

/// The agent.
pub fn run(assignment: &Assignment<'_>) -> Map<String, Value> {
    let passages: Vec<Passage> = sentences(&assignment.text("sources"))
        .iter()
        .map(|text| Passage::of(text))
        .collect();
    let claims: Vec<Passage> = source_sentences(&assignment.text("text"))
        .iter()
        .map(|text| Passage::of(text))
        .filter(|claim| !claim.marks.is_empty())
        .collect();
    let checked: Vec<(&Passage, Option<&Passage>)> = claims
        .iter()
        .map(|claim| (claim, passages.iter().find(|passage| passage.bears_out(claim))))
        .collect();
    let documents: Vec<Value> = checked
        .iter()
        .map(|(claim, passage)| {
            json!({
                "claim": claim.text,
                "evidence": passage.map_or("", |passage| passage.text.as_str()),
                "verdict": if passage.is_some() { "supported" } else { "not_found" },
            })
        })
        .collect();
    members(json!({ "text": report(&checked), "claims": documents }))
}

fn report(checked: &[(&Passage, Option<&Passage>)]) -> String {
    if checked.is_empty() {
        return format!("No sentence of the text has a figure or a name to look for.\n\n{HOW}");
    }
    let open: Vec<String> = checked
        .iter()
        .filter(|(_, passage)| passage.is_none())
        .map(|(claim, _)| {
            format!(
                "- Not found in the sources: “{}” Give a source or take it out.",
                claim.text
            )
        })
        .collect();
    let (all, open_count) = (checked.len(), open.len());
    let mut parts = vec![format!(
        "{} of {all} claims are supported, {open_count} were not found.",
        all - open_count
    )];
    if !open.is_empty() {
        parts.push(open.join("\n"));
    }
    parts.push(HOW.to_owned());
    parts.join("\n\n")
}

/// A sentence, and what can be looked for in it.
struct Passage {
    text: String,
    /// Figures and names.
    marks: BTreeSet<String>,
    stems: BTreeSet<String>,
    negated: bool,
}

impl Passage {
    fn of(text: &str) -> Self {
        let words = words(text);
        let is_figure = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        // The first word of a sentence is written large whatever it is.
        let is_name = |place: usize, word: &str| {
            place > 0 && word.starts_with(char::is_uppercase) && word.chars().count() > 1 && !is_stopword(word)
        };
        let marks = words
            .iter()
            .enumerate()
            .filter(|(place, word)| is_figure(word.text) || is_name(*place, word.text));
        Self {
            marks: marks.map(|(_, word)| stem(word.text)).collect(),
            stems: content_stems(text).into_iter().collect(),
            negated: words.iter().any(|word| {
                let lower = word.text.to_lowercase().replace('’', "'");
                lower.ends_with("n't") || NEGATIONS.contains(&lower.as_str())
            }),
            text: text.to_owned(),
        }
    }

    fn bears_out(&self, claim: &Self) -> bool {
        let own: BTreeSet<String> = words(&self.text).iter().map(|word| stem(word.text)).collect();
        let shared = claim.stems.intersection(&self.stems).count() as f64;
        claim.marks.is_subset(&own)
            && claim.negated == self.negated
            && shared >= LEAST_SHARED * claim.stems.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::agent_tools;
    use crate::chat::Tier;
    use crate::port::{Agent, Context, NoTools, WriteAsk};
    use crate::write::write;
    use serde_json::json;

    #[test]
    fn only_claims_with_their_figures_and_names_in_one_passage_are_supported() {
        let card = agent_tools()
            .into_iter()
            .find(|card| card.tool_id == "fact_check_agent")
            .unwrap();
        let output_schema = card.output_schema.clone();
        let agent = Agent {
            card,
            prompt: String::new(),
            tier: Tier::Standard,
            tools: Vec::new(),
            max_tool_calls: 0,
        };
        let arguments = json!({
            "text": "Revenue of the Leeds shop rose by 12 percent in 2024. The Leeds shop has 40 employees today. \
                Tea is very pleasant to drink. The kettle was not invented in Leeds.",
            "sources": ["In 2024 revenue of the Leeds shop rose by 12 percent.", "The Leeds shop has 14 employees today. \
                The kettle was invented in Leeds."],
        });
        let context = Context::default();
        let ask = WriteAsk {
            agent: &agent,
            tools: &NoTools,
            arguments: arguments.as_object().unwrap(),
            context: &context,
            feedback: &[],
        };
        let output = write(&ask).unwrap();
        let verdicts: Vec<&str> = output["claims"]
            .as_array()
            .unwrap()
            .iter()
            .map(|claim| claim["verdict"].as_str().unwrap())
            .collect();
        assert_eq!(verdicts, ["supported", "not_found", "not_found"], "{output}");
        assert!(output["text"].as_str().unwrap().contains("Meaning was not compared"));
        assert!(jsonschema::is_valid(&output_schema, &output), "{output}");
    }
}
