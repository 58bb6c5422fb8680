//! Choices between plans that follow patterns and plans from scratch.

use crate::candidates::{Candidate, Deliberated, deliberate};
use crate::forecast_tests::tools;
use crate::memory::{Recalled, read};
use crate::planning::Asking;
use crate::verified::Verifier;
use async_trait::async_trait;
use contracts::learner::{Pattern, RecallResponse, Scores};
use llm::{
    Agent, Answer, Context, Engine, EngineError, Failed, JudgeAsk, Judgement, PatternDecision, PatternUse, PlanAsk,
    PlanDraft, Usage, WriteAsk,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use workflow::plan::PlanLimits;

/// Follows the first pattern it is shown, and refuses the others, or adapts them; without any it makes a plan of its own.
#[derive(Default)]
struct Following {
    is_free: bool,
    adapts_others: bool,
    /// Patterns shown, by ask.
    shown: Mutex<Vec<Vec<String>>>,
}

#[async_trait]
impl Engine for Following {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        "following".into()
    }

    fn is_free(&self) -> bool {
        self.is_free
    }

    fn runs(&self, _: &Agent) -> bool {
        false
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        let shown = || ask.memory.patterns.iter();
        let ids: Vec<String> = shown().map(|pattern| pattern.pattern_id.clone()).collect();
        let uses = ids.iter().enumerate().map(|(at, id)| PatternUse {
            pattern_id: id.clone(),
            decision: if at == 0 {
                PatternDecision::Adopted
            } else if self.adapts_others {
                PatternDecision::Adapted
            } else {
                PatternDecision::Refused
            },
            reason: "another fits".to_owned(),
        });
        let plan = shown()
            .next()
            .map_or_else(|| chain(&["look"]), |pattern| pattern.plan.clone());
        let value = PlanDraft {
            intent_json: "{}".into(),
            plan_json: plan.to_string().into(),
            reasoning: "".into(),
            patterns: uses.collect(),
        };
        self.shown.lock().unwrap().push(ids);
        let usage = Usage {
            usd_micros: Some(7),
            calls: 1,
            ..Usage::default()
        };
        Ok(Answer {
            value,
            usage,
            calls: Vec::new(),
        })
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        Err(EngineError::UnknownAgent(ask.agent.card.tool_id.clone()).into())
    }

    async fn judge(&self, _: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        Err(EngineError::BadArguments("not a judge".to_owned()).into())
    }
}

fn chain(tools: &[&str]) -> Value {
    let step = |(at, tool): (usize, &&str)| json!({"key": format!("s{at}"), "tool_id": tool});
    json!({"steps": tools.iter().enumerate().map(step).collect::<Vec<_>>()})
}

fn scores(n: u64, mean: f64) -> Option<Scores> {
    Some(Scores {
        n,
        mean,
        deviation: Some(0.05),
    })
}

/// Patterns by id, each a plan over these tools with the scores of so many tasks.
fn recalled(patterns: &[(&str, &[&str], u64, f64)], withheld: Option<Scores>) -> Recalled {
    let pattern = |(id, tools, n, mean): &(&str, &[&str], u64, f64)| Pattern {
        pattern_id: (*id).to_owned(),
        plan_json: chain(tools).to_string(),
        evidence: *n,
        tasks: *n,
        scores: scores(*n, *mean),
        ..Pattern::default()
    };
    read(RecallResponse {
        patterns: patterns.iter().map(pattern).collect(),
        preferences_json: "{}".to_owned(),
        held_out: false,
        withheld,
        associations: Vec::new(),
        issues: Vec::new(),
    })
}

async fn decided(engine: &Following, recalled: &Recalled) -> Deliberated {
    let tools = Arc::new(tools(&[
        ("read", Some(0.1), Some(30.0), None),
        ("look", Some(0.1), Some(5.0), None),
    ]));
    let verifier = Verifier::new(PlanLimits::default());
    let context = Context::default();
    let asking = Asking {
        engine,
        tools: &tools,
        verifier: &verifier,
        meant: None,
        context: &context,
        feedback: &[],
    };
    deliberate(&asking, recalled).await.unwrap()
}

fn shown(candidates: &[Candidate]) -> Vec<(&str, bool, &str)> {
    let line = |candidate| {
        let Candidate {
            pattern_id,
            chosen,
            reason,
            ..
        }: &Candidate = candidate;
        (pattern_id.as_deref().unwrap_or("scratch"), *chosen, reason.as_str())
    };
    candidates.iter().map(line).collect()
}

#[tokio::test]
async fn where_planning_is_free_all_are_made_and_the_best_is_taken() {
    let free = || Following {
        is_free: true,
        ..Following::default()
    };
    let patterns: [(&str, &[&str], u64, f64); 2] = [("p1", &["read", "read"], 50, 0.6), ("p2", &["read"], 50, 0.6)];
    // Plans without the patterns did better.
    let (engine, worse) = (free(), recalled(&patterns, scores(50, 0.85)));
    let found = decided(&engine, &worse).await;
    let told = shown(&found.candidates);
    assert_eq!(
        told.iter().map(|(id, ..)| *id).collect::<Vec<_>>(),
        ["p1", "p2", "scratch"]
    );
    assert_eq!(told[2], ("scratch", true, "the best by quality"));
    assert!(told[0].2.contains("quality 0.6") && !told[0].1, "{told:?}");
    assert_eq!(found.answer.value.plan_json, chain(&["look"]).to_string());
    assert!(found.answer.value.patterns.is_empty());
    // All three asks are paid for, and the trace says why.
    assert_eq!((found.answer.usage.usd_micros, found.answer.usage.calls), (Some(21), 3));
    let call = found.answer.calls.last().unwrap();
    assert!(
        call.name == "plan_choice" && call.detail.contains("from scratch: chosen"),
        "{call:?}"
    );

    // Nothing is known of plans without them: of two equal patterns the cheaper one is taken.
    let found = decided(&free(), &recalled(&patterns, None)).await;
    let told = shown(&found.candidates);
    assert_eq!((told[1].0, told[1].1), ("p2", true), "{told:?}");
    assert!(
        told[0].2.contains("dearer") && told[2].2.contains("nobody knows"),
        "{told:?}"
    );
    let forecast = found.forecast.unwrap();
    assert_eq!(
        (forecast.outlook.cost_usd.likely, forecast.quality.unwrap().n),
        (Some(0.1), 50)
    );

    // Nothing was offered: no choice.
    let found = decided(&free(), &recalled(&[], None)).await;
    assert_eq!((found.candidates, found.answer.usage.calls), (vec![], 1));
    assert_eq!(found.forecast.unwrap().quality, None);
}

#[tokio::test]
async fn a_pattern_with_a_tool_that_is_gone_loses_with_the_reason() {
    let engine = Following {
        is_free: true,
        ..Following::default()
    };
    // Never told as lacking by validation alone: the plan has too many steps.
    let long: Vec<&str> = vec!["read"; 300];
    let found = decided(&engine, &recalled(&[("p1", &long, 50, 0.9)], None)).await;
    let told = shown(&found.candidates);
    assert_eq!(told[1], ("scratch", true, "the only one that can be taken"));
    assert!(told[0].2.contains("plan_limits"), "{told:?}");
}

#[tokio::test]
async fn a_model_is_asked_once_and_not_shown_what_is_clearly_worse() {
    let engine = Following::default();
    let patterns: [(&str, &[&str], u64, f64); 2] = [("p1", &["read"], 50, 0.6), ("p2", &["look", "read"], 50, 0.85)];
    let found = decided(&engine, &recalled(&patterns, scores(50, 0.85))).await;
    assert_eq!(*engine.shown.lock().unwrap(), [["p2"]]);
    let told = shown(&found.candidates);
    assert_eq!(told[0], ("p2", true, "the only one that was made"));
    assert!(
        told[2].0 == "p1" && told[2].2.starts_with("not shown to the model"),
        "{told:?}"
    );
    assert_eq!(
        found.candidates[2].forecast.outlook.cost_usd.likely,
        Some(0.1),
        "of its template"
    );
    assert!(told[1].0 == "scratch" && told[1].2.starts_with("not made"), "{told:?}");
    assert!(found.candidates[1].forecast.quality.is_some());

    // One lucky task less than the others: shown, and what the model says of it is told.
    let engine = Following::default();
    let found = decided(
        &engine,
        &recalled(
            &[("p1", &["read"], 50, 0.84), ("p2", &["look"], 1, 1.0)],
            scores(50, 0.85),
        ),
    )
    .await;
    assert_eq!(*engine.shown.lock().unwrap(), [["p1", "p2"]]);
    let told = shown(&found.candidates);
    assert_eq!(told[2], ("p2", false, "not followed: another fits"));
    assert_eq!(found.answer.usage.calls, 1);
}

#[tokio::test]
async fn a_pattern_that_a_plan_follows_beside_another_is_told_as_followed() {
    let engine = Following {
        adapts_others: true,
        ..Following::default()
    };
    let patterns: [(&str, &[&str], u64, f64); 2] =
        [("p1", &["look", "read"], 5, 0.8), ("p2", &["look", "read"], 5, 0.8)];
    let found = decided(&engine, &recalled(&patterns, None)).await;
    let told = shown(&found.candidates);
    assert_eq!(told[2], ("p2", false, "followed beside the first: another fits"));
}
