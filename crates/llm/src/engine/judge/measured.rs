//! Faults that are certain without asking a model, from what the user stated by name.

use super::case::visible;
use crate::brief::Brief;
use crate::port::{Context, JudgeAsk, JudgedText};
use crate::text::phrases::{contains_phrase, quoted};
use crate::text::tokens::word_count;
use crate::write::character_limit;

/// A score that a text with such a fault cannot exceed: below every floor that is shipped for its dimension.
const AT_MOST: f64 = 0.25;
/// Beginnings of what a writer left for somebody else to fill in.
const PLACEHOLDERS: [&str; 8] = [
    "[your ",
    "[insert ",
    "[name]",
    "[company",
    "[product",
    "[link",
    "[date]",
    "lorem ipsum",
];

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The dimension it counts in.
    pub dimension: &'static str,
    /// The most that dimension can score.
    pub at_most: f64,
    /// What was found.
    pub evidence: String,
    /// What to do.
    pub feedback: String,
    /// The step whose text it is.
    pub step_key: String,
}

/// All there are, in the order of the texts.
pub fn faults(ask: &JudgeAsk<'_>) -> Vec<Fault> {
    // Only what was stated by name: what prose means is the judge's to say.
    let stated = Brief::of(&Context {
        preferences: ask.context.preferences.clone(),
        ..Context::default()
    });
    visible(ask).flat_map(|text| faults_of(text, &stated)).collect()
}

fn faults_of(text: &JudgedText, stated: &Brief) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut add = |dimension, evidence: String, feedback: String| {
        found.push(Fault {
            dimension,
            at_most: AT_MOST,
            evidence: format!("{}: {evidence}", text.step_key),
            feedback,
            step_key: text.step_key.clone(),
        });
    };
    let content = text.text.as_str();
    let has = |phrase: &&String| contains_phrase(content, phrase);
    let lacking: Vec<String> = stated
        .must_include
        .iter()
        .filter(|phrase| !has(phrase))
        .cloned()
        .collect();
    if !lacking.is_empty() {
        let named = quoted(&lacking);
        add(
            "completeness",
            format!("{named} must be there and is not"),
            format!("Include {named} word for word."),
        );
    }
    let unwanted: Vec<String> = stated.avoid.iter().filter(has).cloned().collect();
    if !unwanted.is_empty() {
        let named = quoted(&unwanted);
        add(
            "tone",
            format!("{named} must not be there and is"),
            format!("Do not use {named}."),
        );
    }
    if let (true, Some(most)) = (stated.length_stated(), stated.max_words()) {
        let count = word_count(content);
        if count > most {
            let evidence = format!("{count} words, at most {most} are wanted");
            add(
                "structure",
                evidence,
                format!("Shorten the text to at most {most} words; it has {count}."),
            );
        }
    }
    if let Some(most) = character_limit(&text.channel) {
        let count = content.chars().count();
        if count > most {
            let evidence = format!("{count} characters, the channel takes at most {most}");
            add(
                "structure",
                evidence,
                format!("Shorten the text to at most {most} characters; it has {count}."),
            );
        }
    }
    let lower = content.to_lowercase();
    if let Some(mark) = PLACEHOLDERS.iter().find(|mark| lower.contains(**mark)) {
        let evidence = format!("a placeholder was left in: {mark:?}");
        add(
            "completeness",
            evidence,
            format!("Replace the placeholder that begins with {mark:?} or leave it out."),
        );
    }
    if let Some(target) = broken_link(content) {
        add(
            "structure",
            format!("a link leads nowhere: {target:?}"),
            format!("Correct or remove the link to {target:?}."),
        );
    }
    found
}

/// The first target of a Markdown link that no reader could follow.
fn broken_link(text: &str) -> Option<String> {
    let targets = text.match_indices("](").filter_map(|(at, opens)| {
        let rest = text.get(at + opens.len()..)?;
        let end = rest.find([')', '\n'])?;
        rest.get(..end)
            .map(|target| target.split('"').next().unwrap_or_default().trim())
    });
    let known = ["http://", "https://", "mailto:", "tel:", "/", "#", "./", "../", "<"];
    let broken = |target: &&str| {
        target.is_empty()
            || target.contains(char::is_whitespace)
            || (!known.iter().any(|start| target.starts_with(start)) && !target.contains('.'))
    };
    targets
        .into_iter()
        .find(broken)
        .map(|target| target.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::{broken_link, faults};
    use crate::port::{Context, Criteria, JudgeAsk, JudgedText};
    use serde_json::json;

    #[test]
    fn what_was_stated_by_name_is_measured_and_nothing_else() {
        let preferences = json!({"must_include": ["free shipping"], "avoid": ["cheap"], "max_words": 12});
        let context = Context {
            request: "Write 5000 words and include “bananas”".to_owned(),
            preferences: preferences.as_object().unwrap().clone(),
            ..Context::default()
        };
        let text = |text: &str| JudgedText {
            step_key: "draft".to_owned(),
            text: text.to_owned(),
            visible: true,
            ..JudgedText::default()
        };
        let found = |content: &str| {
            let texts = [text(content)];
            let ask = JudgeAsk {
                context: &context,
                criteria: &Criteria::default(),
                texts: &texts,
                made: &[],
            };
            faults(&ask).iter().map(|fault| fault.dimension).collect::<Vec<_>>()
        };
        assert_eq!(found("Tea with free shipping."), Vec::<&str>::new());
        assert_eq!(found("Cheap tea."), ["completeness", "tone"]);
        assert_eq!(
            found("Free shipping. Dear [Your Name], see [us](shop page)."),
            ["completeness", "structure"]
        );
        assert_eq!(found(&format!("Free shipping {}", "word ".repeat(20))), ["structure"]);
    }

    #[test]
    fn a_link_is_broken_only_where_nobody_could_follow_it() {
        for good in [
            "[a](https://x.example/y)",
            "[a](/b)",
            "[a](#c)",
            "[a](x.example \"t\")",
            "a](",
            "[a](mailto:b@c.d)",
        ] {
            assert_eq!(broken_link(good), None, "{good}");
        }
        for bad in ["[a]()", "[a](insert link here)", "[a](URL)"] {
            assert!(broken_link(bad).is_some(), "{bad}");
        }
    }
}
