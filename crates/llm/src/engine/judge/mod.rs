//! Judging: what is certain is measured, then a model is asked for each dimension by itself.
//!
//! A dimension without a believable answer has no score, and nobody passes for lack of one.

mod case;
mod measured;
mod quotes;
mod reply;
mod rubric;
mod slice;
mod verdicts;

use super::patience;
use super::prompt::JUDGE;
use super::trail::Trail;
use crate::call::{Answer, Call, CallKind, EngineError, Failed};
use crate::chat::{Chat, ChatAsk, Message, Reply, Tier};
use crate::port::{Finding, JudgeAsk, Judgement};
use case::Case;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use reply::{Taken, Verdict};
use serde_json::Value;

/// Dimensions asked about at once.
const AT_ONCE: usize = 4;
/// Asks of one dimension: the second says which quotes do not occur.
const ASKS: usize = 2;

pub async fn judge(chat: &dyn Chat, ask: &JudgeAsk<'_>) -> Result<Answer<Judgement>, Failed> {
    let Some(case) = Case::of(ask) else {
        return Trail::default().end(Ok(nothing(ask)));
    };
    let mut trail = Trail::default();
    let (mut verdicts, mut lacking, mut fatal) = (Vec::new(), None, None);
    let mut missing: Vec<&str> = ask.criteria.dimensions.keys().map(String::as_str).collect();
    loop {
        let mut away = None;
        for (name, own, result) in side_by_side(chat, &case, std::mem::take(&mut missing)).await {
            trail.join(own);
            match result {
                Ok(verdict) => verdicts.push((name, verdict)),
                // About this answer alone: the others stand.
                Err(error @ (EngineError::BadOutput(_) | EngineError::Refused(_))) => {
                    trail.note(no_score(name, &error));
                    lacking = Some(error);
                }
                Err(EngineError::Away { detail, retry_after }) => {
                    missing.push(name);
                    away = Some((detail, retry_after));
                }
                Err(error) => fatal = fatal.or(Some(error)),
            }
        }
        let Some((detail, retry_after)) = away else { break };
        let paid = !verdicts.is_empty() && fatal.is_none();
        if !paid || !patience::waited(retry_after).await {
            fatal = fatal.or(Some(EngineError::Away { detail, retry_after }));
            break;
        }
    }
    // With no score at all there is no judgement, and another attempt may have one.
    let none = if verdicts.is_empty() { lacking } else { None };
    match fatal.or(none) {
        Some(error) => trail.end(Err(error)),
        None => trail.end(Ok(verdicts::judgement(&case, verdicts))),
    }
}

/// Each dimension's, a few at a time.
async fn side_by_side<'a>(
    chat: &dyn Chat,
    case: &Case<'_>,
    names: Vec<&'a str>,
) -> Vec<(&'a str, Trail, Result<Verdict, EngineError>)> {
    let asked = names.into_iter().map(|name| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let (trail, result) = verdict(chat, case, name).await;
            (name, trail, result)
        })
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// One dimension's, and what it cost to get it.
async fn verdict(chat: &dyn Chat, case: &Case<'_>, dimension: &str) -> (Trail, Result<Verdict, EngineError>) {
    let mut trail = Trail::default();
    let result = asked(chat, case, dimension, &mut trail).await;
    (trail, result)
}

async fn asked(chat: &dyn Chat, case: &Case<'_>, dimension: &str, trail: &mut Trail) -> Result<Verdict, EngineError> {
    let mut messages = JUDGE.opening(&case.context(dimension))?;
    let schema = reply::schema(case);
    let name = format!("judge {dimension}");
    for round in 0..ASKS {
        let ask = ChatAsk {
            name: &name,
            prompt: JUDGE.id,
            tier: Tier::Standard,
            messages: &messages,
            schema: Some(&schema),
            tools: &[],
            max_output_tokens: None,
        };
        let reply = loop {
            match trail.take(chat.chat(ask).await) {
                // Its first answer is paid for.
                Err(EngineError::Away { retry_after, .. }) if round > 0 && patience::waited(retry_after).await => {}
                reply => break reply?,
            }
        };
        let value = match reply {
            Reply::Json(value) => value,
            Reply::Text(_) | Reply::ToolCalls { .. } => {
                return Err(EngineError::BadOutput("not a judgement".to_owned()));
            }
        };
        let said = value.to_string();
        let forged = match reply::read(case, value)? {
            Taken::Believed(verdict) => return Ok(verdict),
            Taken::Unfounded(quotes) => quotes,
        };
        trail.note(Call {
            kind: CallKind::Decision,
            name: "ask_again".to_owned(),
            prompt: JUDGE.id.to_owned(),
            detail: format!(
                "{dimension}: {} of the passages quoted do not occur in the texts",
                forged.len()
            ),
            ..Call::default()
        });
        messages.push(Message::Assistant {
            text: said,
            calls: Vec::new(),
        });
        messages.push(Message::User(format!(
            "{} Answer again, with `evidence` copied exactly out of the texts.",
            unfounded(&forged)
        )));
    }
    Err(EngineError::BadOutput(format!(
        "{dimension}: no passage of the texts is quoted"
    )))
}

fn unfounded(forged: &[String]) -> String {
    if forged.is_empty() {
        return "No passage is quoted.".to_owned();
    }
    format!("These passages do not occur in the texts: {}.", Value::from(forged))
}

fn no_score(dimension: &str, error: &EngineError) -> Call {
    Call {
        kind: CallKind::Decision,
        name: "no_score".to_owned(),
        prompt: JUDGE.id.to_owned(),
        error: error.code().to_owned(),
        detail: format!("{dimension} has no score: {error}"),
        ..Call::default()
    }
}

/// Where no text reaches a reader nobody need be asked.
fn nothing(ask: &JudgeAsk<'_>) -> Judgement {
    let finding = Finding {
        score: 0.0,
        evidence: "There is no text.".to_owned(),
        feedback: "Write the text that was asked for.".to_owned(),
    };
    let names = ask.criteria.dimensions.keys();
    let repairable = case::visible(ask).filter(|text| text.repairable);
    Judgement {
        dimensions: names.map(|name| (name.clone(), finding.clone())).collect(),
        blamed: repairable
            .map(|text| (text.step_key.clone(), finding.feedback.clone()))
            .collect(),
    }
}
