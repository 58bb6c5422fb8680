//! What scores mean, as data.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A dimension's question and what each score stands for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// What is judged.
    pub question: String,
    /// Scores 1 to 5.
    pub anchors: [String; 5],
}

const OTHER: &str = "other";

static RUBRICS: LazyLock<Result<BTreeMap<String, Rubric>, toml::de::Error>> =
    LazyLock::new(|| toml::from_str(include_str!("../../../prompts/rubrics.toml")));

/// The rubric of a dimension, or the one for all others.
pub fn rubric(dimension: &str) -> Rubric {
    let known = RUBRICS.as_ref().ok();
    let found = known.and_then(|rubrics| rubrics.get(dimension).or_else(|| rubrics.get(OTHER)));
    found.cloned().unwrap_or_default()
}

/// 1-5 to 0-1.
pub fn share(score: i64) -> Option<f64> {
    (1..=5).contains(&score).then(|| (score - 1) as f64 / 4.0)
}

#[cfg(test)]
mod tests {
    use super::{RUBRICS, rubric};

    #[test]
    fn every_rubric_is_read_and_an_unknown_dimension_has_one_too() {
        let rubrics = RUBRICS.as_ref().unwrap();
        for name in ["relevance", "completeness", "structure", "clarity", "tone", "accuracy"] {
            assert!(rubrics.contains_key(name), "{name}");
        }
        let named: Vec<&str> = rubrics.keys().map(String::as_str).chain(["brand_fit"]).collect();
        for name in named {
            let rubric = rubric(name);
            assert!(
                !rubric.question.is_empty() && rubric.anchors.iter().all(|anchor| !anchor.is_empty()),
                "{name}"
            );
        }
    }
}
