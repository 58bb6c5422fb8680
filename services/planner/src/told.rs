//! A plan as the coordinator is told of it.

use crate::candidates::{Candidate, Deliberated, Forecast};
use crate::memory::{Recalled, followed};
use crate::trim::Dropped;
use bus::worker::Ended;
use contracts::work;
use contracts::work::{PlanOutcome, job_result};
use llm::{Call, CallKind, Engine, KnownIssue, KnownPreference, Memory};

/// Planning went well.
pub fn ended(engine: &dyn Engine, recalled: &Recalled, deliberated: Deliberated) -> Ended {
    let Deliberated {
        answer,
        forecast,
        candidates,
        dropped,
    } = deliberated;
    let draft = answer.value;
    let patterns_used = followed(&draft.plan_json, recalled.memory(), &draft.patterns);
    let mut calls = answer.calls;
    calls.extend(remembered(recalled.memory()));
    let planned = PlanOutcome {
        intent_json: draft.intent_json.into_owned(),
        plan_json: draft.plan_json.into_owned(),
        reasoning: draft.reasoning.into_owned(),
        patterns_used,
        memory: recalled.as_str().to_owned(),
        associations: recalled.memory().associations.clone(),
        issues: recalled.memory().issues.iter().map(issue).collect(),
        engine: engine.name().into_owned(),
        forecast: forecast.map(expected),
        candidates: candidates.into_iter().map(candidate).collect(),
        dropped_orders: dropped.into_iter().map(order).collect(),
    };
    Ended::with(job_result::Outcome::Planned(planned.into()))
        .costing(worker::usage(answer.usage))
        .having_called(worker::calls(calls))
}

/// Without its hint, which is of another task: that may be erased, and what is told here stays with this one.
fn issue(known: &KnownIssue) -> work::ToldIssue {
    work::ToldIssue {
        issue_id: known.issue_id.clone(),
        code: known.code.clone(),
        tool_id: known.tool_id.clone(),
        condition: known.condition.clone(),
    }
}

/// For the trace: what the engine was told to be preferred.
fn remembered(memory: &Memory) -> Option<Call> {
    let known: Vec<String> = memory.preferences.iter().map(KnownPreference::in_words).collect();
    (!known.is_empty()).then(|| Call {
        kind: CallKind::Decision,
        name: "preferences".to_owned(),
        detail: format!("told of preferences: {}", known.join("; ")),
        ..Call::default()
    })
}

fn candidate(candidate: Candidate) -> work::Candidate {
    work::Candidate {
        source: if candidate.pattern_id.is_some() {
            "pattern"
        } else {
            "scratch"
        }
        .to_owned(),
        pattern_id: candidate.pattern_id.unwrap_or_default(),
        forecast: Some(expected(candidate.forecast)),
        chosen: candidate.chosen,
        reason: candidate.reason,
    }
}

fn expected(forecast: Forecast) -> work::Forecast {
    let (quality, outlook) = (forecast.quality, forecast.outlook);
    let interval = quality.map(|quality| quality.interval());
    work::Forecast {
        quality: quality.map(|quality| quality.value),
        quality_low: interval.map(|[low, _]| low),
        quality_high: interval.map(|[_, high]| high),
        quality_n: quality.map_or(0, |quality| quality.n),
        cost_usd: outlook.cost_usd.likely,
        cost_usd_at_most: outlook.cost_usd.at_most,
        duration_seconds: outlook.seconds.likely,
        duration_seconds_at_most: outlook.seconds.at_most,
    }
}

fn order(dropped: Dropped) -> work::DroppedOrder {
    work::DroppedOrder {
        step_key: dropped.step_key,
        waits_for: dropped.waits_for,
    }
}
