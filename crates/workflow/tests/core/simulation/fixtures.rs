//! Tools, plans and submissions of the simulation.

use super::random::Random;
use super::world::Row;
use crate::tables::given::tool;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use workflow::plan::{Plan, PlanLimits};
use workflow::state::Unit;
use workflow::submission::{Dimension, OnExhausted, Policy, Submission};
use workflow::tool::Catalog;
use workflow::vocabulary::EffectClass;

pub fn catalog() -> Catalog {
    let tools = [
        tool("pure", EffectClass::ReadOnly, false, &[]),
        tool("keyed", EffectClass::Keyed, false, &[]),
        tool("once", EffectClass::Once, false, &[]),
        tool("asks", EffectClass::ReadOnly, true, &[]),
        tool("asks_once", EffectClass::Once, true, &[]),
        tool("poison", EffectClass::ReadOnly, false, &[]),
        tool("null", EffectClass::ReadOnly, false, &[]),
    ];
    tools.into_iter().collect()
}

pub fn limits() -> PlanLimits {
    PlanLimits {
        max_steps: 50,
        max_fan_out: 50,
        max_depth: 50,
    }
}

/// 1, then three side by side, then 1; some of them have effects, ask first, or are not needed, one may run once an item.
pub fn plan_document(random: &mut Random) -> Value {
    let mut tool = |usual: &'static str| match random.below(48) {
        0..4 => "once",
        4..8 => "keyed",
        8..11 => "asks",
        11 => "asks_once",
        12 => "poison",
        _ => usual,
    };
    let from = |key: &str| json!({ "v": { "$step": key, "pointer": "" } });
    let mut plan = json!({ "steps": [
        { "key": "a", "tool_id": tool("pure"), "arguments": {} },
        { "key": "b1", "tool_id": tool("pure"), "arguments": from("a") },
        { "key": "b2", "tool_id": tool("pure"), "arguments": from("a") },
        { "key": "b3", "tool_id": tool("keyed"), "arguments": {}, "depends_on": ["a"] },
        { "key": "c", "tool_id": tool("pure"), "arguments": {
            "x": { "$step": "b1", "pointer": "" }, "y": { "$step": "b2", "pointer": "" }, "z": { "$step": "b3", "pointer": "" } } },
    ] });
    if random.chance(25) {
        let step = &mut plan["steps"][random.below(2) + 2];
        step["for_each"] = json!({ "items": { "$step": "a", "pointer": "" }, "max_items": 3 });
        step["arguments"] = json!({ "item": { "$item": "" } });
    }
    plan
}

pub fn submission(random: &mut Random) -> Submission {
    let plan: Option<Plan> = random
        .chance(60)
        .then(|| serde_json::from_value(plan_document(random)).expect("a plan"));
    let channels = ["blog", "linkedin"]
        .iter()
        .take(random.below(3))
        .map(|c| (*c).to_owned())
        .collect();
    Submission {
        request: "r".to_owned(),
        business_metrics: BTreeMap::new(),
        preferences: serde_json::Map::new(),
        metadata: BTreeMap::new(),
        plan,
        channels,
        policy: Policy {
            threshold: 0.5,
            dead_band: 0.0,
            deliverable_rules: Vec::new(),
            dimensions: BTreeMap::from([(
                "relevance".to_owned(),
                Dimension {
                    weight: 1.0,
                    floor: 0.3,
                },
            )]),
            max_refinements: 2,
            plan_review: random.chance(15),
            auto_approve: random.chance(50),
            auto_approve_min_quality: 0.5,
            auto_approval: Vec::new(),
            channel_effects: BTreeMap::new(),
            on_exhausted: if random.chance(20) {
                OnExhausted::Fail
            } else {
                OnExhausted::NeedsAttention
            },
            max_cost_usd_micros: random.chance(20).then_some(11),
            max_tokens: None,
            max_calls: random.chance(20).then_some(9),
            max_duration_seconds: random.chance(20).then_some(120.0),
            gate_ttl_seconds: if random.chance(20) { 30.0 } else { 100_000.0 },
            assignees: BTreeMap::new(),
            escalation: Vec::new(),
            job_timeout_seconds: 60.0,
            model_timeout_seconds: 60.0,
            grant_usd_micros: 5,
            grant_tokens: 0,
            grant_calls: 2,
            on_budget_exceeded: None,
            cheaper_below: 0.25,
            cheaper_models: false,
            step_events: true,
            priority: 0,
        },
        actor: "a".to_owned(),
        forked: None,
        traceparent: String::new(),
    }
}

/// Whether a unit kills every worker that runs it.
pub fn is_poison(row: Option<&Row>, unit: Unit) -> bool {
    let Unit::Step(i) = unit else { return false };
    row.and_then(|r| r.plan.as_ref()?.plan.steps.get(usize::from(i)))
        .is_some_and(|s| s.tool_id == "poison")
}

/// The unit is a step whose output is the list of one that runs once an item.
pub fn makes_list(row: Option<&Row>, unit: Unit) -> bool {
    let Unit::Step(i) = unit else { return false };
    row.is_some_and(|row| row.plan.as_ref().is_some_and(|plan| plan.listed_by(i).is_some()))
}

/// The outside effect a unit has.
pub fn effect_of(row: Option<&Row>, unit: Unit) -> Option<EffectClass> {
    match unit {
        Unit::Publish(_) => Some(EffectClass::Keyed),
        Unit::Step(i) => {
            let class = row?.plan.as_ref()?.steps.get(usize::from(i))?.effects;
            (class != EffectClass::ReadOnly).then_some(class)
        }
        _ => None,
    }
}

/// The unit is a step whose tool needs a human's word that it does not have.
pub fn needs_word(row: Option<&Row>, unit: Unit) -> bool {
    let Unit::Step(i) = unit else { return false };
    let word = |row: &Row| {
        let asked = row.task.steps.get(usize::from(i))?.asked.as_ref()?;
        asked.approved
    };
    let asks = |row: &Row| Some(row.plan.as_ref()?.steps.get(usize::from(i))?.requires_approval);
    row.is_some_and(|row| asks(row).unwrap_or(false) && word(row).is_none())
}
