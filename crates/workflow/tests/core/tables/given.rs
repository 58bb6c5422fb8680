//! How a scenario begins: tools, plans in a short notation, requests.

use super::scenario::Scenario;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use workflow::decision::Refusal;
use workflow::money::Allowance;
use workflow::submission::{Dimension, OnExhausted, Policy, Submission};
use workflow::tool::{Catalog, CatalogTool, RetryPolicy, ToolSource, ToolSpecification};
use workflow::vocabulary::{EffectClass, ToolState};

/// Micro-USD reserved for a run of any tool here.
pub const STEP_GRANT: i64 = 4;
/// Micro-USD reserved for a planning or an assessment.
pub const JOB_GRANT: i64 = 5;

/// `pure`, `keyed`, `once`, `queryable`; `asks` and `asks_once` need a human's word; `picky` does not repeat `bad_input`;
/// `foreign` is an API's; what `agent` costs nobody knows, `free` nothing; `null` lists and gathers; `theirs` is another
/// tenant's.
pub static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let tools = [
        tool("pure", EffectClass::ReadOnly, false, &[]),
        tool("keyed", EffectClass::Keyed, false, &[]),
        tool("once", EffectClass::Once, false, &[]),
        tool("queryable", EffectClass::Queryable, false, &[]),
        tool("asks", EffectClass::ReadOnly, true, &[]),
        tool("asks_once", EffectClass::Once, true, &[]),
        tool("picky", EffectClass::ReadOnly, false, &["bad_input"]),
        foreign("foreign"),
        unpriced("agent"),
        tool("null", EffectClass::ReadOnly, false, &[]),
        free("free"),
    ];
    let theirs = CatalogTool {
        tenant: "other".to_owned(),
        ..tool("theirs", EffectClass::ReadOnly, false, &[])
    };
    tools.into_iter().chain([theirs]).collect()
});

/// A tool that costs nothing.
fn free(id: &str) -> CatalogTool {
    let spec = ToolSpecification {
        estimated_cost: Some(0.0),
        ..tool(id, EffectClass::ReadOnly, false, &[]).spec
    };
    CatalogTool::new(spec, ToolState::Active).unwrap()
}

/// A built-in tool of which nobody knows what it costs.
fn unpriced(id: &str) -> CatalogTool {
    let spec = ToolSpecification {
        estimated_cost: None,
        ..tool(id, EffectClass::ReadOnly, false, &[]).spec
    };
    CatalogTool::new(spec, ToolState::Active).unwrap()
}

/// A tool of an API's.
fn foreign(id: &str) -> CatalogTool {
    let spec = ToolSpecification {
        source: ToolSource::Api,
        ..tool(id, EffectClass::ReadOnly, false, &[]).spec
    };
    CatalogTool::new(spec, ToolState::Active).unwrap()
}

/// A built-in tool that takes and gives anything.
pub fn tool(id: &str, effects: EffectClass, asks: bool, non_retryable: &[&str]) -> CatalogTool {
    let spec = ToolSpecification {
        tool_id: id.to_owned(),
        name: id.to_owned(),
        description: id.to_owned(),
        category: "test".to_owned(),
        input_schema: json!({}),
        output_schema: json!(true),
        estimated_cost: Some(0.000_002),
        estimated_duration: Some(0.1),
        requires_approval: asks,
        source: ToolSource::Builtin,
        effects,
        retry: RetryPolicy {
            non_retryable: non_retryable.iter().map(|c| (*c).to_owned()).collect(),
            ..RetryPolicy::default()
        },
        timeout_seconds: 60.0,
        pool: "default".to_owned(),
        binding_hash: None,
        foreign: false,
    };
    CatalogTool::new(spec, ToolState::Active).unwrap()
}

/// `a b<a c:once<a,b d~c e*a`: keys, `:tool` (else `pure`), `<` whose outputs it takes, `~` what it only waits for, `*`
/// whose items it runs for.
pub fn plan(notation: &str) -> Value {
    json!({ "steps": notation.split_whitespace().map(step).collect::<Vec<_>>() })
}

fn step(text: &str) -> Value {
    let (text, each) = text.split_once('*').unwrap_or((text, ""));
    let (text, waits) = text.split_once('~').unwrap_or((text, ""));
    let (text, takes) = text.split_once('<').unwrap_or((text, ""));
    let (key, tool) = text.split_once(':').unwrap_or((text, "pure"));
    let list = |keys: &str| -> Vec<String> {
        keys.split(',')
            .filter(|k| !k.is_empty())
            .map(|k| (*k).to_owned())
            .collect()
    };
    let arguments: Map<String, Value> = list(takes)
        .into_iter()
        .map(|k| (k.clone(), json!({ "$step": k, "pointer": "" })))
        .collect();
    let mut step = json!({ "key": key, "tool_id": tool, "arguments": arguments, "depends_on": list(waits) });
    if !each.is_empty() {
        step["arguments"]["item"] = json!({ "$item": "" });
        step["for_each"] = json!({ "items": { "$step": each, "pointer": "" }, "max_items": MAX_ITEMS });
    }
    step
}

/// Longest list of a step that runs once an item.
pub const MAX_ITEMS: u16 = 4;

/// A request that is about to be sent.
pub struct Given {
    submission: Submission,
    window: Option<Allowance>,
}

impl Given {
    /// A request; the planner makes the plan. Publishes to `blog` and `linkedin`.
    pub fn request() -> Self {
        let policy = Policy {
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
            plan_review: false,
            auto_approve: false,
            auto_approve_min_quality: 0.5,
            auto_approval: Vec::new(),
            channel_effects: BTreeMap::new(),
            on_exhausted: OnExhausted::NeedsAttention,
            max_cost_usd_micros: None,
            max_tokens: None,
            max_calls: None,
            max_duration_seconds: None,
            gate_ttl_seconds: 3600.0,
            assignees: BTreeMap::new(),
            escalation: Vec::new(),
            job_timeout_seconds: 60.0,
            model_timeout_seconds: 60.0,
            grant_usd_micros: JOB_GRANT,
            grant_tokens: 0,
            grant_calls: 0,
            on_budget_exceeded: None,
            cheaper_below: 0.25,
            cheaper_models: false,
            step_events: true,
            priority: 0,
        };
        Self {
            submission: Submission {
                request: "write a post".to_owned(),
                business_metrics: BTreeMap::new(),
                preferences: Map::new(),
                metadata: BTreeMap::new(),
                plan: None,
                channels: vec!["blog".to_owned(), "linkedin".to_owned()],
                policy,
                actor: "client".to_owned(),
                forked: None,
                traceparent: String::new(),
            },
            window: None,
        }
    }

    /// A request with the client's own plan.
    pub fn plan(notation: &str) -> Self {
        let mut given = Self::request();
        given.submission.plan = Some(serde_json::from_value(plan(notation)).unwrap());
        given
    }

    /// Changes a step of the client's plan.
    pub fn with_step(mut self, key: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut plan = json!(self.submission.plan);
        let steps = plan["steps"].as_array_mut().unwrap();
        change(steps.iter_mut().find(|step| step["key"] == key).unwrap());
        self.submission.plan = Some(serde_json::from_value(plan).unwrap());
        self
    }

    pub fn channels(mut self, channels: &[&str]) -> Self {
        self.submission.channels = channels.iter().map(|c| (*c).to_owned()).collect();
        self
    }

    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        self.submission.metadata.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn policy(mut self, set: impl FnOnce(&mut Policy)) -> Self {
        set(&mut self.submission.policy);
        self
    }

    /// Its tenant has a budget.
    pub fn with_window(mut self, window: Allowance) -> Self {
        self.window = Some(window);
        self
    }

    pub fn accept(self) -> Result<Scenario, Refusal> {
        Scenario::accepted(self.submission, self.window)
    }

    /// Accepted, what is ready is dispatched, and what needs a human's word has asked.
    pub fn start(self) -> Scenario {
        let mut scenario = self.accept().expect("the request is acceptable");
        scenario.ask();
        scenario
    }
}
