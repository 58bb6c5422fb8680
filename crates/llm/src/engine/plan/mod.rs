//! Planning: the prompt, the model's proposal, and the plan document made of it.

mod reply;
mod tools;

use super::prompt::PLAN;
use super::trail::Trail;
use crate::call::{Answer, EngineError, Failed};
use crate::chat::{Chat, ChatAsk, Reply, Tier};
use crate::memory::{KnownIssue, KnownPreference, Memory};
use crate::port::{PlanAsk, PlanDraft};
use crate::template::shown;
use reply::Proposal;
use serde_json::{Map, Value, json};

/// Characters of a learned plan that a prompt shows; a longer one would crowd out the tools.
const PATTERN_CHARS: usize = 6_000;

pub async fn plan(chat: &dyn Chat, ask: &PlanAsk<'_>) -> Result<Answer<PlanDraft>, Failed> {
    if tools::plannable(ask.tools).next().is_none() {
        return Err(EngineError::NoTool("the catalog is empty".to_owned()).into());
    }
    let messages = PLAN.opening(&context(ask))?;
    let schema = reply::schema(ask);
    let asked = ChatAsk {
        name: "plan",
        prompt: PLAN.id,
        tier: Tier::Standard,
        messages: &messages,
        schema: Some(&schema),
        tools: &[],
        max_output_tokens: None,
    };
    let mut trail = Trail::default();
    let drafted = trail.take(chat.chat(asked).await).and_then(|reply| match reply {
        Reply::Json(value) => Ok(Proposal::read(value)?.draft(ask)),
        Reply::Text(_) | Reply::ToolCalls { .. } => Err(EngineError::BadOutput("not a plan".to_owned())),
    });
    trail.end(drafted)
}

fn context(ask: &PlanAsk<'_>) -> Value {
    let context = ask.context;
    let metrics = json!(context.business_metrics);
    json!({
        "tools": tools::listed(ask.tools),
        "channels": context.channels.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
        "patterns": patterns(ask.memory),
        "remembered": remembered(ask),
        "associations": ask.memory.associations.join("\n"),
        "issues": ask.memory.issues.iter().map(KnownIssue::in_words).collect::<Vec<_>>().join("\n"),
        "metrics": if context.business_metrics.is_empty() { String::new() } else { shown(&metrics) },
        "preferences": filled(&context.preferences),
        "request": context.request,
        "feedback": ask.feedback.join("\n\n"),
    })
}

fn filled(members: &Map<String, Value>) -> String {
    if members.is_empty() {
        return String::new();
    }
    shown(&Value::Object(members.clone()))
}

/// One a line, the surest first; empty where there is nothing that the request's own preferences do not say.
fn remembered(ask: &PlanAsk<'_>) -> String {
    let known = ask.memory.preferences.iter();
    let open = known.filter(|known| !ask.context.preferences.contains_key(&known.name));
    open.map(KnownPreference::in_words).collect::<Vec<_>>().join("\n")
}

/// One after the other, the best first; empty where none is offered.
fn patterns(memory: &Memory) -> String {
    let described = memory.patterns.iter().map(|pattern| {
        let plan: String = pattern.plan.to_string().chars().take(PATTERN_CHARS).collect();
        let rate = pattern.success_rate.map_or_else(String::new, |rate| {
            format!("; {:.0} % of the tasks that used it went well", rate * 100.0)
        });
        let uplift = pattern.uplift.map_or_else(String::new, |uplift| {
            let [low, high] = uplift.interval.map(|share| share * 100.0);
            format!(
                "; offered, {:+.0} points of the tasks went well against planning without it (95 %: {low:+.0} to {high:+.0}, of {} tasks)",
                uplift.value * 100.0,
                uplift.n
            )
        });
        let note = if pattern.note.is_empty() {
            String::new()
        } else {
            format!("\nnote: {}", pattern.note)
        };
        let whole = if pattern.fragment {
            "\na part of plans, not a whole one: where it fits, the plan has these steps among others"
        } else {
            ""
        };
        format!(
            "pattern_id: {}\ngood for: {}{whole}\nrests on {} tasks{rate}{uplift}{note}\nplan: {plan}",
            pattern.pattern_id, pattern.intent, pattern.evidence
        )
    });
    described.collect::<Vec<_>>().join("\n\n")
}
