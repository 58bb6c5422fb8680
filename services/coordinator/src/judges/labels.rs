//! From what a person said to rows: each word beside the score it is about.

use crate::results::failed_checks;
use crate::store::labels::LabelRow;
use serde_json::Value;
use std::collections::BTreeMap;
use workflow::decision::Label;
use workflow::judge::OVERALL;
use workflow::state::{Quality, Task};
use workflow::submission::Policy;
use workflow::time::Timestamp;

/// What somebody speaks about.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    pub task: &'a Task,
    pub policy: &'a Policy,
    pub quality: &'a Quality,
    /// The judgement's document; without it only the whole is labelled.
    pub document: Option<&'a str>,
}

/// The rows of a decision.
pub fn decided(of: Of<'_>, label: &Label) -> Vec<LabelRow> {
    let words = label.good.iter().map(|(name, good)| (name.as_str(), Some(*good)));
    rows(of, words.collect(), &label.actor, label.at)
}

/// The row of a rating from 1 to 5, the middle of which takes back what the same person said before; none for what nobody
/// judged, nor of the whole where what goes out breaks a rule: that was known without the judge.
pub fn rated(of: Of<'_>, dimension: &str, rating: u32, actor: &str, at: Timestamp) -> Vec<LabelRow> {
    if dimension == OVERALL && of.task.breaks_rules() {
        return Vec::new();
    }
    let good = match rating {
        ..=2 => Some(false),
        3 => None,
        _ => Some(true),
    };
    rows(of, BTreeMap::from([(dimension, good)]), actor, at)
}

fn rows(of: Of<'_>, words: BTreeMap<&str, Option<bool>>, actor: &str, at: Timestamp) -> Vec<LabelRow> {
    let scores = Scores::of(of);
    // Lists of names can be written.
    let judge = serde_json::to_string(&of.quality.judge).unwrap_or_default();
    let row = |(dimension, good): (&str, Option<bool>)| {
        let (score, bar) = scores.get(dimension)?;
        Some(LabelRow {
            task: of.task.id,
            judgement: of.quality.payload,
            dimension: dimension.to_owned(),
            actor: actor.to_owned(),
            tenant: of.task.tenant.clone(),
            judge: judge.clone(),
            score,
            bar,
            passed: scores.pass(dimension),
            good,
            at,
        })
    };
    words.into_iter().filter_map(row).collect()
}

/// What the judge said.
struct Scores<'a> {
    of: Of<'a>,
    document: Option<Value>,
}

impl<'a> Scores<'a> {
    fn of(of: Of<'a>) -> Self {
        let document = of.document.and_then(|text| serde_json::from_str(text).ok());
        Self { of, document }
    }

    /// A score, and the least that is good enough. None of the whole where checks failed: what is wrong is known without
    /// the judge, and what a person says then need not be about its scores.
    fn get(&self, dimension: &str) -> Option<(f64, f64)> {
        let bar = self.of.policy.bar(dimension)?;
        let score = match dimension {
            OVERALL if self.have_checks_failed() => None,
            OVERALL => Some(self.of.quality.overall),
            _ => self
                .document
                .as_ref()?
                .get("dimensions")?
                .get(dimension)?
                .get("score")?
                .as_f64(),
        };
        Some((score.filter(|score| (0.0..=1.0).contains(score))?, bar))
    }

    fn have_checks_failed(&self) -> bool {
        self.document
            .as_ref()
            .is_some_and(|document| failed_checks(document).next().is_some())
    }

    /// The whole is good enough where none of its dimensions falls short.
    fn pass(&self, dimension: &str) -> bool {
        let reaches = |name: &str| self.get(name).is_some_and(|(score, bar)| score >= bar);
        match (dimension, &self.document) {
            (OVERALL, None) => self.of.quality.passed,
            (OVERALL, Some(_)) => reaches(OVERALL) && self.of.policy.dimensions.keys().all(|name| reaches(name)),
            _ => reaches(dimension),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::story::{self, Story};
    use serde_json::json;

    const AT: Timestamp = Timestamp(5);

    /// `<dimension>: <score> of <bar>, <judge>, <person>` of what a person says of these scores.
    fn said(document: &Value, overall: f64, words: &[(&str, Option<bool>)]) -> Vec<String> {
        let submission = story::submission(None);
        let story = Story::begin(1, submission.clone());
        let quality = Quality {
            payload: workflow::state::PayloadNo(9),
            overall,
            passed: false,
            blamed: Vec::new(),
            judge: workflow::judge::Judge::default(),
            at: AT,
        };
        let text = document.to_string();
        let of = Of {
            task: &story.task,
            policy: &submission.policy,
            quality: &quality,
            document: (!document.is_null()).then_some(text.as_str()),
        };
        let rows = rows(of, words.iter().copied().collect(), "ann", AT);
        let told = |row: &LabelRow| {
            let LabelRow {
                dimension,
                score,
                bar,
                passed,
                good,
                ..
            } = row;
            format!("{dimension}: {score} of {bar}, {passed}, {good:?}")
        };
        rows.iter().map(told).collect()
    }

    #[test]
    fn each_word_stands_beside_its_score_and_the_whole_beside_all_of_them() {
        // The threshold is 0.6, and caps a floor.
        let judged = |clarity: f64, tone: f64| json!({ "dimensions": { "clarity": { "score": clarity }, "tone": { "score": tone } } });
        let yes = [(OVERALL, Some(true))];
        assert_eq!(
            said(&judged(1.0, 1.0), 0.6, &yes),
            ["overall: 0.6 of 0.6, true, Some(true)"]
        );
        assert_eq!(
            said(&judged(1.0, 1.0), 0.59, &yes),
            ["overall: 0.59 of 0.6, false, Some(true)"]
        );
        let short = said(&judged(0.59, 1.0), 0.9, &yes);
        assert_eq!(
            short,
            ["overall: 0.9 of 0.6, false, Some(true)"],
            "a dimension is below its floor"
        );
        let words = [("clarity", Some(false)), ("tone", None), ("unheard_of", Some(true))];
        let clarity = "clarity: 1 of 0.6, true, Some(false)";
        assert_eq!(
            said(&judged(1.0, 0.0), 0.9, &words),
            [clarity, "tone: 0 of 0.1, false, None"]
        );
        let mut checked = judged(1.0, 1.0);
        checked["failed_checks"] = json!([{ "step_key": "a" }]);
        let words = [(OVERALL, Some(false)), ("clarity", Some(false))];
        assert_eq!(
            said(&checked, 0.9, &words),
            [clarity],
            "it is not the judge that was wrong"
        );
        checked["failed_checks"] = json!([{ "detail": "nobody knows whose" }, "odd"]);
        let whole = "overall: 0.9 of 0.6, true, Some(false)";
        assert_eq!(
            said(&checked, 0.9, &words),
            [clarity, whole],
            "the core passes over it too"
        );
        let unread = said(&Value::Null, 0.9, &words);
        assert_eq!(unread, ["overall: 0.9 of 0.6, false, Some(false)"]);
    }
}
