//! A judgement near the threshold is a coin toss: it is judged again, and the median counts.

use crate::case::Case;
use llm::{Answer, Call, Criteria, Engine, Failed, Finding, JudgeAsk, Judgement, Usage};
use std::collections::BTreeMap;

/// Of a score near the threshold; odd, so that there is a middle one.
const SAMPLES: usize = 3;

/// The judgements of one case, and what all of them cost.
#[derive(Debug)]
pub struct Samples {
    pub judgements: Vec<Judgement>,
    pub usage: Usage,
    pub calls: Vec<Call>,
    /// Calls, from the first on, that these judgements came of.
    telling: usize,
}

/// Judges once, and twice more where the score is near the threshold. What is free says the same every time.
///
/// # Errors
/// There is no judgement at all. Where there is one, it stands alone.
pub async fn judge(engine: &dyn Engine, case: &Case) -> Result<Samples, Failed> {
    let ask = JudgeAsk {
        context: &case.context,
        criteria: &case.criteria,
        texts: &case.texts,
        made: &case.made,
    };
    let first = engine.judge(ask).await?;
    let is_close = !engine.is_free() && is_close(&case.criteria, &first.value);
    let mut samples = Samples {
        judgements: vec![first.value],
        usage: first.usage,
        telling: first.calls.len(),
        calls: first.calls,
    };
    let alone = samples.telling;
    if !is_close {
        return Ok(samples);
    }
    while samples.judgements.len() < SAMPLES {
        match engine.judge(ask).await {
            Ok(next) => {
                samples.paid(&next.usage, next.calls);
                samples.judgements.push(next.value);
                samples.telling = samples.calls.len();
            }
            Err(failed) => {
                samples.paid(&failed.usage, failed.calls);
                samples.judgements.truncate(1);
                samples.telling = alone;
                break;
            }
        }
    }
    Ok(samples)
}

impl Samples {
    /// The calls that the judgements came of. Of those that are left out only the cost counts.
    pub fn telling(&self) -> &[Call] {
        self.calls.get(..self.telling).unwrap_or(&self.calls)
    }

    fn paid(&mut self, usage: &Usage, calls: Vec<Call>) {
        self.usage = self.usage.plus(usage);
        self.calls.extend(calls);
    }

    /// As one judgement.
    pub fn joined(self, criteria: &Criteria) -> Answer<Judgement> {
        Answer {
            value: joined(criteria, self.judgements),
            usage: self.usage,
            calls: self.calls,
        }
    }
}

fn is_close(criteria: &Criteria, judgement: &Judgement) -> bool {
    let distance = overall(criteria, judgement).map(|overall| (overall - criteria.threshold).abs());
    distance.is_some_and(|distance| distance <= criteria.dead_band && criteria.dead_band > 0.0)
}

/// None where a dimension was not judged: that does not pass anyway.
fn overall(criteria: &Criteria, judgement: &Judgement) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (name, criterion) in &criteria.dimensions {
        sum += criterion.weight * judgement.dimensions.get(name)?.score;
        weights += criterion.weight;
    }
    (weights > 0.0).then(|| sum / weights)
}

/// Each dimension's middle score, with what was said for it; who is to blame says the worst of those that accuse anybody.
fn joined(criteria: &Criteria, mut judgements: Vec<Judgement>) -> Judgement {
    let by_overall = |judgement: &Judgement| overall(criteria, judgement).unwrap_or(0.0);
    judgements.sort_by(|a, b| by_overall(a).total_cmp(&by_overall(b)));
    let mut dimensions: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    let mut blamed = BTreeMap::new();
    for judgement in judgements {
        for (name, finding) in judgement.dimensions {
            dimensions.entry(name).or_default().push(finding);
        }
        if blamed.is_empty() {
            blamed = judgement.blamed;
        }
    }
    let middle = |(name, mut findings): (String, Vec<Finding>)| {
        findings.sort_by(|a, b| a.score.total_cmp(&b.score));
        // Of an even number the lower one.
        let middle = findings.len().saturating_sub(1) / 2;
        Some((name, findings.into_iter().nth(middle)?))
    };
    Judgement {
        dimensions: dimensions.into_iter().filter_map(middle).collect(),
        blamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use llm::{Agent, EngineError, PlanAsk, PlanDraft, WriteAsk};
    use serde_json::Value;
    use std::sync::Mutex;

    /// Judges with these scores of the one dimension, then fails.
    struct Moody(Mutex<Vec<f64>>);

    #[async_trait]
    impl Engine for Moody {
        fn name(&self) -> std::borrow::Cow<'_, str> {
            "moody".into()
        }
        fn runs(&self, _: &Agent) -> bool {
            false
        }
        async fn plan(&self, _: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
            unreachable!("nobody plans")
        }
        async fn write(&self, _: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
            unreachable!("nobody writes")
        }
        async fn judge(&self, _: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
            let usage = Usage {
                calls: 1,
                ..Usage::default()
            };
            let Some(score) = self.0.lock().unwrap().pop() else {
                return Err(Failed {
                    error: EngineError::BadOutput("no mood".to_owned()),
                    usage,
                    calls: Vec::new(),
                });
            };
            let finding = Finding {
                score,
                evidence: format!("seen at {score}"),
                feedback: String::new(),
            };
            let blamed = (score < 0.7).then(|| ("draft".to_owned(), format!("bad at {score}")));
            Ok(Answer {
                value: Judgement {
                    dimensions: [("tone".to_owned(), finding)].into(),
                    blamed: blamed.into_iter().collect(),
                },
                usage,
                calls: vec![Call {
                    kind: llm::CallKind::Model,
                    model: format!("at-{score}"),
                    ..Call::default()
                }],
            })
        }
    }

    #[tokio::test]
    async fn a_score_near_the_threshold_is_judged_again_and_the_middle_one_counts() {
        for (scores, samples, calls, score, blamed) in [
            (vec![0.9], 1, 1, 0.9, None),
            (vec![0.66], 1, 1, 0.66, Some("bad at 0.66")),
            (vec![0.71, 0.2, 0.72], 3, 3, 0.71, Some("bad at 0.2")),
            (vec![0.68, 0.69, 0.8], 3, 3, 0.69, Some("bad at 0.68")),
            // It stands alone where no other can be had.
            (vec![0.72, 0.2], 1, 3, 0.72, None),
        ] {
            let case = Case {
                context: llm::Context::default(),
                criteria: serde_json::from_value(serde_json::json!({
                    "threshold": 0.7, "dead_band": 0.03, "dimensions": {"tone": {"weight": 2.0, "floor": 0.0}},
                }))
                .unwrap(),
                texts: Vec::new(),
                made: Vec::new(),
                failed_checks: Vec::new(),
            };
            let engine = Moody(Mutex::new(scores.iter().rev().copied().collect()));
            let judged = judge(&engine, &case).await.unwrap();
            assert_eq!(
                (judged.judgements.len(), judged.usage.calls),
                (samples, calls),
                "{scores:?}"
            );
            let named: Vec<&str> = judged.telling().iter().map(|call| call.model.as_str()).collect();
            let counted: Vec<String> = scores[..samples].iter().map(|score| format!("at-{score}")).collect();
            assert_eq!(named, counted, "whose judgement it is");
            let answer = judged.joined(&case.criteria);
            assert_eq!(answer.value.dimensions["tone"].score, score, "{scores:?}");
            assert_eq!(answer.value.dimensions["tone"].evidence, format!("seen at {score}"));
            assert_eq!(
                answer.value.blamed.get("draft").map(String::as_str),
                blamed,
                "{scores:?}"
            );
        }
    }
}
