//! The engine that does nothing, for development and benchmarks: a fixed 1-3-1 plan over the tool
//! `null`, and 1.0 on every dimension.

use crate::port::{Answer, Engine, EngineError, Finding, JudgeAsk, Judgement, PlanAsk, PlanDraft, Usage, WriteAsk};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::borrow::Cow;

/// The engine's name in results.
const NAME: &str = "null";

/// One step, three beside each other, one that joins them. Constant, so that planning costs nothing.
const PLAN: &str = concat!(
    r#"{"summary":"Null plan: one step, three in parallel, one.","steps":["#,
    r#"{"key":"a","tool_id":"null","arguments":{"text":"Null model."}},"#,
    r#"{"key":"b1","tool_id":"null","arguments":{"from":{"$step":"a","pointer":""}}},"#,
    r#"{"key":"b2","tool_id":"null","arguments":{"from":{"$step":"a","pointer":""}}},"#,
    r#"{"key":"b3","tool_id":"null","arguments":{"from":{"$step":"a","pointer":""}}},"#,
    r#"{"key":"c","tool_id":"null","arguments":{"text":"Null model.","b1":{"$step":"b1","pointer":""},"#,
    r#""b2":{"$step":"b2","pointer":""},"b3":{"$step":"b3","pointer":""}}}]}"#,
);

/// Plans without looking, writes nothing of its own, judges everything perfect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

#[async_trait]
impl Engine for Null {
    fn name(&self) -> &'static str {
        NAME
    }

    fn reads_texts(&self) -> bool {
        false
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, EngineError> {
        let goal = Value::String(ask.context.request.clone());
        let intent = format!(
            r#"{{"goal":{goal},"requirements":[],"business_context":"","preferences":{{}},"success_criteria":[]}}"#
        );
        Ok(free(PlanDraft {
            intent_json: Cow::Owned(intent),
            plan_json: Cow::Borrowed(PLAN),
            reasoning: Cow::Borrowed("The null model always answers with this plan."),
        }))
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, EngineError> {
        Ok(free(json!({"text": "", "arguments": ask.arguments, "engine": NAME})))
    }

    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, EngineError> {
        let perfect = Finding {
            score: 1.0,
            evidence: "the null model does not look".to_owned(),
            feedback: String::new(),
        };
        let names = ask.criteria.dimensions.keys();
        Ok(free(Judgement {
            dimensions: names.map(|name| (name.clone(), perfect.clone())).collect(),
            blamed: Default::default(),
        }))
    }
}

fn free<T>(value: T) -> Answer<T> {
    Answer {
        value,
        usage: Usage::free(NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::{Null, PLAN};
    use crate::port::{Context, Criteria, Criterion, Engine, JudgeAsk, PlanAsk};
    use serde_json::Value;

    #[tokio::test]
    async fn the_plan_is_one_three_one_and_the_goal_is_the_request() {
        let context = Context {
            request: "say \"hi\"".to_owned(),
            ..Context::default()
        };
        let ask = PlanAsk {
            context: &context,
            tools: &[],
            feedback: &[],
        };
        let draft = Null.plan(ask).await.unwrap().value;
        let plan: Value = serde_json::from_str(&draft.plan_json).unwrap();
        assert_eq!(plan["steps"].as_array().map(Vec::len), Some(5));
        assert!(PLAN.contains("\"b3\""));
        let intent: Value = serde_json::from_str(&draft.intent_json).unwrap();
        assert_eq!(intent["goal"], "say \"hi\"");
    }

    #[tokio::test]
    async fn every_dimension_asked_for_is_perfect() {
        let criteria = Criteria {
            threshold: 0.9,
            dimensions: [("tone".to_owned(), Criterion::default())].into(),
        };
        let context = Context::default();
        let ask = JudgeAsk {
            context: &context,
            criteria: &criteria,
            texts: &[],
        };
        let judgement = Null.judge(ask).await.unwrap().value;
        assert_eq!(judgement.dimensions.len(), 1);
        assert_eq!(judgement.dimensions["tone"].score, 1.0);
    }
}
