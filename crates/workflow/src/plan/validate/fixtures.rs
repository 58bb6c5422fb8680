//! A catalog and plans for tests.

use super::{PlanFault, PlanLimits, freeze};
use crate::plan::{FrozenPlan, Plan};
use crate::tool::{Catalog, CatalogTool, ToolSpecification};
use crate::vocabulary::{PlanOrigin, ToolState};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn tool(tool_id: &str, input_schema: Value) -> ToolSpecification {
    serde_json::from_value(json!({
        "tool_id": tool_id, "name": tool_id, "description": "", "category": "test", "source": "builtin",
        "input_schema": input_schema, "output_schema": true, "effects": "read_only",
        "estimated_cost": null, "estimated_duration": null,
    }))
    .unwrap()
}

/// `null` takes anything, `writer` a strict object, `asleep` is suspended, `pay` costs and asks first, `theirs` is of
/// the tenant `other`.
pub(crate) fn catalog() -> Catalog {
    let writer = tool(
        "writer",
        json!({
            "type": "object",
            "required": ["topic", "feedback"],
            "additionalProperties": false,
            "properties": {
                "topic": {"type": "string", "minLength": 1},
                "words": {"type": "integer", "minimum": 1},
                "sources": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["url"]}},
                "tone": {"enum": ["plain", "warm"]},
                "mode": {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["name"]}]},
                "feedback": {"type": "string"},
            },
            "if": {"properties": {"tone": {"const": "warm"}}, "required": ["tone"]},
            "then": {"required": ["words"]},
        }),
    );
    let mut pay = tool("pay", json!(true));
    pay.requires_approval = true;
    pay.effects = crate::vocabulary::EffectClass::Once;
    pay.estimated_cost = Some(0.25);
    pay.estimated_duration = Some(0.5);
    pay.pool = "money".to_owned();
    let tools = [
        (tool("null", json!({"type": "object"})), ToolState::Active),
        (tool("asleep", json!(true)), ToolState::Suspended),
        (writer, ToolState::Active),
        (pay, ToolState::Active),
    ];
    let mut catalog: Catalog = tools
        .map(|(spec, state)| CatalogTool::new(spec, state).unwrap())
        .into_iter()
        .collect();
    catalog.insert(Arc::new(CatalogTool {
        tenant: "other".to_owned(),
        ..CatalogTool::new(tool("theirs", json!(true)), ToolState::Active).unwrap()
    }));
    catalog
}

/// A plan with every kind of member.
pub(crate) fn blog_plan() -> Value {
    json!({
        "summary": "Research, draft, two channels.",
        "steps": [
            {"key": "research", "title": "Research", "tool_id": "null", "arguments": {"q": "{{ request }}"},
             "reason": "facts first", "retry": {"max_attempts": 5, "non_retryable": ["denied"]}, "timeout_seconds": 30},
            {"key": "draft", "tool_id": "writer", "tier": "small",
             "arguments": {"topic": {"$step": "research", "pointer": "/q"}, "words": 300},
             "acceptance": [
                {"pointer": "/text", "min_length": 100, "max_length": 10_000, "contains": "AI", "not_contains": "lorem"},
                {"schema": {"type": "object", "required": ["text"]}}, {"pointer": "/engine", "equals": null},
                {"pointer": "/topic", "same_as": {"$step": "research", "pointer": "/q"}},
                {"pointer": "/text", "numbers_from": ["research", "$request"], "links_from": ["research"]},
                {"pointer": "/items", "ascending_by": "/at", "descending_by": ""}]},
            {"key": "blog", "tool_id": "null", "arguments": {"text": {"$step": "draft", "pointer": "/text"}},
             "channel": "blog", "when": {"$step": "draft", "pointer": "/text", "exists": true}},
            {"key": "social", "tool_id": "pay", "arguments": {"hint": "{{ feedback }}"}, "depends_on": ["draft", "draft"],
             "channel": "linkedin", "when": {"pointer": "/business_metrics/traffic", "gt": 10}},
        ],
    })
}

pub(crate) fn freeze_value(plan: &Value) -> Result<FrozenPlan, Vec<PlanFault>> {
    let plan: Plan = serde_json::from_value(plan.clone()).unwrap();
    freeze_plan(&plan, &PlanLimits::default())
}

pub(crate) fn freeze_plan(plan: &Plan, limits: &PlanLimits) -> Result<FrozenPlan, Vec<PlanFault>> {
    let channels = ["blog".to_owned(), "linkedin".to_owned()];
    freeze(plan, 1, PlanOrigin::Client, catalog().of("ours"), &channels, limits)
}
