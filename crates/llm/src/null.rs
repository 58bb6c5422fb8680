//! The engine that does nothing, for development and benchmarks: a fixed 1-3-1 plan over the tool
//! `null`, and 1.0 on every dimension.

use crate::call::{Answer, Failed};
use crate::port::{Agent, Engine, Finding, JudgeAsk, Judgement, PlanAsk, PlanDraft, WriteAsk};
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
    fn name(&self) -> Cow<'_, str> {
        NAME.into()
    }

    fn reads_texts(&self) -> bool {
        false
    }

    fn uses_memory(&self) -> bool {
        false
    }

    fn is_free(&self) -> bool {
        true
    }

    fn runs(&self, _agent: &Agent) -> bool {
        true
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        let goal = Value::String(ask.context.request.clone());
        let intent = format!(
            r#"{{"goal":{goal},"requirements":[],"business_context":"","preferences":{{}},"success_criteria":[]}}"#
        );
        let draft = PlanDraft {
            intent_json: Cow::Owned(intent),
            plan_json: Cow::Borrowed(PLAN),
            reasoning: Cow::Borrowed("The null model always answers with this plan."),
            patterns: Vec::new(),
        };
        Ok(Answer::free(draft, NAME))
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        let output = json!({"text": "", "arguments": ask.arguments, "engine": NAME});
        Ok(Answer::free(output, NAME))
    }

    async fn judge(&self, ask: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        let perfect = Finding {
            score: 1.0,
            evidence: "the null model does not look".to_owned(),
            feedback: String::new(),
        };
        let names = ask.criteria.dimensions.keys();
        let judgement = Judgement {
            dimensions: names.map(|name| (name.clone(), perfect.clone())).collect(),
            blamed: Default::default(),
        };
        Ok(Answer::free(judgement, NAME))
    }
}

#[cfg(test)]
mod tests {
    use super::{Null, PLAN};
    use crate::memory::Memory;
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
            memory: &Memory::default(),
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
            dead_band: 0.0,
            threshold: 0.9,
            dimensions: [("tone".to_owned(), Criterion::default())].into(),
        };
        let context = Context::default();
        let ask = JudgeAsk {
            context: &context,
            criteria: &criteria,
            texts: &[],
            made: &[],
        };
        let judgement = Null.judge(ask).await.unwrap().value;
        assert_eq!(judgement.dimensions.len(), 1);
        assert_eq!(judgement.dimensions["tone"].score, 1.0);
    }
}
