//! Plannings against the real validation.

use crate::catalog::{Tools, read};
use crate::planning::{Asking, Unplanned};
use crate::verified::Verifier;
use async_trait::async_trait;
use llm::{
    Agent, Answer, Call, Context, Engine, EngineError, Failed, JudgeAsk, Judgement, Memory, Null, Offline, PlanAsk,
    PlanDraft, Usage, WriteAsk,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use workflow::plan::{PlanFault, PlanLimits};

fn tools(cards: Vec<llm::ToolCard>) -> Arc<Tools> {
    let documents: Vec<String> = cards.iter().map(|card| json!(card).to_string()).collect();
    Arc::new(read(&documents))
}

fn all_tools() -> Arc<Tools> {
    let mut cards = llm::agent_tools();
    cards.push(llm::null_tool());
    tools(cards)
}

fn verifier() -> Verifier {
    Verifier::new(PlanLimits::default())
}

type Attempt = Result<Answer<PlanDraft>, Unplanned>;

async fn attempt(engine: &dyn Engine, tools: &Arc<Tools>, context: &Context, feedback: &[String]) -> Attempt {
    let verifier = verifier();
    let asking = Asking {
        engine,
        tools,
        verifier: &verifier,
        meant: None,
        context,
        feedback,
    };
    asking.attempt(&Memory::default()).await
}

fn faults(verifier: &Verifier, plan_json: &str, tools: &Arc<Tools>, context: &Context) -> Vec<PlanFault> {
    verifier.check(plan_json, tools, context).err().unwrap_or_default()
}

fn context(request: &str, channels: &[&str]) -> Context {
    Context {
        request: request.to_owned(),
        channels: channels.iter().map(|channel| (*channel).to_owned()).collect(),
        ..Context::default()
    }
}

#[tokio::test]
async fn offline_plans_are_valid_at_once_whatever_is_asked() {
    let (tools, verifier) = (all_tools(), verifier());
    for request in [
        "Generate blog post about AI trends",
        "Write a newsletter for customers about {{ mustaches }} and {% tags %}, mention \"{# comments #}\"",
        "?",
        "Fasse die Lage zusammen",
        "Give me 5 taglines",
        "Write a tweet about tea; must include “50% off”",
        &"word ".repeat(3000),
    ] {
        for channels in [&["blog", "linkedin"][..], &[], &["x", "Ünïcode kanal"]] {
            let mut context = context(request, channels);
            context.business_metrics.insert("revenue".to_owned(), 5e4);
            let ask = PlanAsk {
                context: &context,
                tools: &tools.cards,
                memory: &Memory::default(),
                feedback: &[],
            };
            let draft = Offline.plan(ask).await.unwrap().value;
            let faults = faults(&verifier, &draft.plan_json, &tools, &context);
            assert_eq!(faults, [], "{request}\n{}", draft.plan_json);
        }
    }
}

#[tokio::test]
async fn the_null_plan_is_valid_where_the_null_tool_is_there_and_waited_for_where_not() {
    let context = context("anything", &["blog"]);
    let attempted = attempt(&Null, &all_tools(), &context, &[]).await;
    assert!(attempted.is_ok(), "{attempted:?}");
    let attempted = attempt(&Null, &tools(llm::agent_tools()), &context, &[]).await;
    assert!(matches!(attempted, Err(Unplanned::ToolLacking(Ok(_)))), "{attempted:?}");
    let attempted = attempt(&Offline, &tools(Vec::new()), &context, &[]).await;
    assert!(
        matches!(attempted, Err(Unplanned::ToolLacking(Err(_)))),
        "{attempted:?}"
    );
}

/// Answers with one plan after the other and remembers what it was told.
#[derive(Default)]
struct Scripted {
    plans: Mutex<Vec<Value>>,
    told: Mutex<Vec<Vec<String>>>,
}

#[async_trait]
impl Engine for Scripted {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        "scripted".into()
    }

    fn runs(&self, _: &Agent) -> bool {
        false
    }

    async fn plan(&self, ask: PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
        self.told.lock().unwrap().push(ask.feedback.to_vec());
        let plan = self.plans.lock().unwrap().remove(0);
        Ok(Answer {
            value: PlanDraft {
                intent_json: "{}".into(),
                plan_json: plan.to_string().into(),
                reasoning: "".into(),
                patterns: Vec::new(),
            },
            usage: Usage {
                usd_micros: Some(7),
                calls: 1,
                ..Usage::default()
            },
            calls: vec![Call {
                name: "plan".to_owned(),
                ..Call::default()
            }],
        })
    }

    async fn write(&self, ask: WriteAsk<'_>) -> Result<Answer<Value>, Failed> {
        Err(EngineError::UnknownAgent(ask.agent.card.tool_id.clone()).into())
    }

    async fn judge(&self, _: JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
        Err(EngineError::BadArguments("not a judge".to_owned()).into())
    }
}

#[tokio::test]
async fn a_bad_plan_is_asked_for_once_more_with_the_reasons() {
    let bad = json!({"steps": [{"key": "a", "tool_id": "null", "depends_on": ["nobody"]}]});
    let good = json!({"steps": [{"key": "a", "tool_id": "null"}]});
    let engine = Scripted {
        plans: Mutex::new(vec![bad.clone(), good.clone()]),
        ..Scripted::default()
    };
    let attempted = attempt(&engine, &all_tools(), &context("x", &[]), &["first".to_owned()]).await;
    let answer = attempted.unwrap();
    assert_eq!(answer.value.plan_json, good.to_string());
    let told = engine.told.lock().unwrap().clone();
    assert_eq!(told[0], ["first"]);
    assert!(
        told[1][1].contains("plan_ref") && told[1][1].contains("nobody"),
        "{told:?}"
    );
    // Both asks are paid for and told.
    assert_eq!((answer.usage.usd_micros, answer.usage.calls), (Some(14), 2));
    let calls: Vec<&str> = answer.calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(calls, ["plan", "plan_again", "plan"]);

    // The second bad one goes on: the coordinator refuses it with the same reasons, where people can see them.
    let engine = Scripted {
        plans: Mutex::new(vec![bad.clone(), bad.clone()]),
        ..Scripted::default()
    };
    let attempted = attempt(&engine, &all_tools(), &context("x", &[]), &[]).await;
    assert!(attempted.is_ok(), "{attempted:?}");
    assert_eq!(engine.told.lock().unwrap().len(), 2);
}

#[test]
fn a_plan_is_known_only_for_the_same_tools_and_channels() {
    let (verifier, tools, more) = (verifier(), all_tools(), tools(llm::agent_tools()));
    let plan = json!({"steps": [{"key": "a", "tool_id": "null", "channel": "blog"}]}).to_string();
    let on_blog = context("x", &["blog"]);
    assert_eq!(faults(&verifier, &plan, &tools, &on_blog), []);
    assert_eq!(faults(&verifier, &plan, &tools, &on_blog), []);
    assert_eq!(faults(&verifier, &plan, &tools, &context("x", &["web"])).len(), 1);
    assert_eq!(faults(&verifier, &plan, &more, &on_blog).len(), 1);
}
