//! A request under the operator's policy: every default filled in, channels and permissions checked.
//! What comes out is frozen with the task.

use contracts::api::{Budget, ProcessRequest};
use contracts::problem::{FieldError, Problem};
use serde_json::{Map, Value};
use service::config::{self, Answering, AutoApprovalConfig, Config, EventDetail, RiskLevel, Role};
use std::collections::BTreeMap;
use workflow::deliverable::DeliverableRule;
use workflow::risk::Risk;
use workflow::submission::{AutoApproval, Dimension, Escalation, OnBudgetExceeded, OnExhausted, Policy, Submission};
use workflow::vocabulary::{EffectClass, GateKind};

/// Who asks; from the credential and the request's trace.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub actor: &'a str,
    pub traceparent: &'a str,
}

/// What a task is accepted with. `announced`: channels that executors serve beside the configured ones.
///
/// # Errors
/// 422 `unknown_channel`, 403 `auto_approve_not_allowed`.
pub fn submission(
    mut asked: ProcessRequest,
    origin: Origin<'_>,
    config: &Config,
    announced: &[String],
) -> Result<Submission, Box<Problem>> {
    if asked.auto_approve == Some(true) && !config.policy.auto_approve {
        return Err(auto_approve_not_allowed());
    }
    let channels = channels(&mut asked.preferences, config, announced)?;
    let policy = policy(&asked, config);
    Ok(Submission {
        request: asked.request,
        business_metrics: asked.business_metrics,
        preferences: asked.preferences,
        metadata: asked.metadata,
        plan: asked.plan,
        channels,
        policy,
        actor: origin.actor.to_owned(),
        forked: None,
        traceparent: origin.traceparent.to_owned(),
    })
}

fn auto_approve_not_allowed() -> Box<Problem> {
    let detail = "policy does not allow automatic approval; leave auto_approve out, or set policy.auto_approve";
    let fault = FieldError {
        pointer: "/auto_approve".to_owned(),
        detail: "not allowed by policy".to_owned(),
    };
    Box::new(Problem::new(403, "auto_approve_not_allowed", detail).with_errors(vec![fault]))
}

/// Takes `channels` out of the preferences: absent means the policy's, empty means none.
fn channels(
    preferences: &mut Map<String, Value>,
    config: &Config,
    announced: &[String],
) -> Result<Vec<String>, Box<Problem>> {
    let named = match preferences.remove("channels") {
        None | Some(Value::Null) => return Ok(config.policy.channels.clone()),
        Some(Value::Array(named)) => named,
        Some(_) => {
            let detail = "must be a list of channel names";
            let fault = FieldError {
                pointer: "/preferences/channels".to_owned(),
                detail: detail.to_owned(),
            };
            return Err(Box::new(
                Problem::new(422, "validation", format!("preferences.channels {detail}")).with_errors(vec![fault]),
            ));
        }
    };
    let is_known = |name: &str| config.channels.iter().any(|c| c.name == name) || announced.iter().any(|a| a == name);
    let mut chosen: Vec<String> = Vec::with_capacity(named.len());
    let mut faults = Vec::new();
    for (index, value) in named.iter().enumerate() {
        match value.as_str() {
            Some(name) if !is_known(name) => faults.push((index, format!("there is no channel {name:?}"))),
            None => faults.push((index, "a channel is named by a string".to_owned())),
            Some(name) if chosen.iter().any(|c| c == name) => {}
            Some(name) => chosen.push(name.to_owned()),
        }
    }
    if faults.is_empty() {
        return Ok(chosen);
    }
    Err(unknown_channel(faults, config, announced))
}

fn unknown_channel(faults: Vec<(usize, String)>, config: &Config, announced: &[String]) -> Box<Problem> {
    let configured = config.channels.iter().map(|c| c.name.as_str());
    let mut known: Vec<&str> = configured.chain(announced.iter().map(String::as_str)).collect();
    known.sort_unstable();
    known.dedup();
    let detail = match known.as_slice() {
        [] => "no channel is configured; leave channels out, or send an empty list to publish nowhere".to_owned(),
        known => format!("not every channel exists; there are {}", known.join(", ")),
    };
    let errors = faults.into_iter().map(|(index, detail)| FieldError {
        pointer: format!("/preferences/channels/{index}"),
        detail,
    });
    Box::new(Problem::new(422, "unknown_channel", detail).with_errors(errors.collect()))
}

/// The configuration's rules, overlaid with the request's own.
fn rule(rule: &config::DeliverableConfig) -> DeliverableRule {
    let config::DeliverableConfig {
        channels,
        forbidden,
        required,
        link_hosts,
        min_length,
        max_length,
    } = rule.clone();
    DeliverableRule {
        channels,
        forbidden,
        required,
        link_hosts,
        min_length,
        max_length,
    }
}

fn policy(asked: &ProcessRequest, config: &Config) -> Policy {
    let rules = &config.policy;
    let budget = budget(asked.budget, &rules.budget);
    let judged = config.quality.judged().map(|(name, d)| {
        let dimension = Dimension {
            weight: d.weight,
            floor: d.floor,
        };
        (name.to_owned(), dimension)
    });
    Policy {
        threshold: asked.quality_threshold.unwrap_or(config.quality.threshold),
        dead_band: config.quality.dead_band,
        deliverable_rules: config.quality.deliverables.iter().map(rule).collect(),
        dimensions: judged.collect(),
        max_refinements: asked.max_refinements.unwrap_or(config.quality.max_refinements),
        plan_review: asked.plan_review.unwrap_or(rules.plan_review),
        auto_approve: asked.auto_approve.unwrap_or(false),
        auto_approve_min_quality: rules.auto_approve_min_quality,
        auto_approval: match asked.auto_approve {
            Some(true) => rules.auto_approval.iter().map(auto_approval).collect(),
            _ => Vec::new(),
        },
        channel_effects: match (asked.auto_approve, rules.auto_approval.as_slice()) {
            (Some(true), [_, ..]) => channel_effects(config),
            _ => BTreeMap::new(),
        },
        on_budget_exceeded: rules.on_budget_exceeded.map(|what| match what {
            config::OnBudgetExceeded::Ask => OnBudgetExceeded::Ask,
            config::OnBudgetExceeded::Stop => OnBudgetExceeded::Stop,
            config::OnBudgetExceeded::Cheaper => OnBudgetExceeded::Cheaper,
        }),
        cheaper_below: rules.cheaper_below,
        on_exhausted: match rules.on_exhausted {
            config::OnExhausted::NeedsAttention => OnExhausted::NeedsAttention,
            config::OnExhausted::Fail => OnExhausted::Fail,
        },
        max_cost_usd_micros: budget.max_cost_usd.map(usd_micros),
        max_tokens: budget.max_tokens,
        max_calls: budget.max_calls,
        max_duration_seconds: budget.max_duration_seconds,
        gate_ttl_seconds: rules.gate_ttl_seconds,
        assignees: assignees(&rules.assignees),
        escalation: rules.escalation.iter().map(escalation).collect(),
        job_timeout_seconds: rules.job_timeout_seconds,
        model_timeout_seconds: rules.model_timeout_seconds,
        grant_usd_micros: grant(config, budget.max_cost_usd),
        grant_tokens: i64::try_from(rules.grant.tokens).unwrap_or(i64::MAX),
        grant_calls: rules.grant.calls.into(),
        cheaper_models: rules.cheaper_models,
        step_events: config.events.detail == EventDetail::Step,
        priority: asked.priority.unwrap_or(0),
    }
}

fn assignees(names: &config::AssigneesConfig) -> BTreeMap<GateKind, String> {
    let named = [
        (GateKind::Plan, &names.plan),
        (GateKind::Step, &names.step),
        (GateKind::Publication, &names.publication),
        (GateKind::Attention, &names.attention),
    ];
    let named = named.into_iter().filter_map(|(kind, name)| Some((kind, name.clone()?)));
    named.collect()
}

fn escalation(level: &config::EscalationConfig) -> Escalation {
    Escalation {
        after_seconds: level.after_seconds,
        assignee: level.assignee.clone(),
    }
}

fn auto_approval(rule: &AutoApprovalConfig) -> AutoApproval {
    AutoApproval {
        name: rule.name.clone(),
        channels: rule.channels.clone(),
        tools: rule.tools.clone(),
        max_risk: rule.max_risk.map(|level| match level {
            RiskLevel::Low => Risk::Low,
            RiskLevel::Medium => Risk::Medium,
            RiskLevel::High => Risk::High,
        }),
        min_quality: rule.min_quality,
    }
}

/// What repeating a publication does, as far as the configuration says.
fn channel_effects(config: &Config) -> BTreeMap<String, EffectClass> {
    let class = |channel: &config::ChannelConfig| {
        let class = EffectClass::parse(channel.effects().as_str())?;
        Some((channel.name.clone(), class))
    };
    config.channels.iter().filter_map(class).collect()
}

fn budget(asked: Option<Budget>, default: &config::BudgetConfig) -> Budget {
    let asked = asked.unwrap_or_default();
    let whole = |limit: Option<u64>| limit.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    Budget {
        max_cost_usd: asked.max_cost_usd.or(default.max_cost_usd),
        max_tokens: asked.max_tokens.or(whole(default.max_tokens)),
        max_calls: asked.max_calls.or(whole(default.max_calls)),
        max_duration_seconds: asked.max_duration_seconds.or(default.max_duration_seconds),
    }
}

/// What is reserved for a planning or assessment run. Built-in engines cost nothing, so that a lost
/// run of theirs is not counted as spent money; a budget below the grant still lets the first run start.
fn grant(config: &Config, max_cost_usd: Option<f64>) -> i64 {
    let is_free = |role| !matches!(config.llm.answering(role), Answering::Models { .. });
    if Role::ALL.into_iter().all(is_free) {
        return 0;
    }
    let grant = config.policy.grant.cost_usd;
    usd_micros(max_cost_usd.map_or(grant, |most| grant.min(most)))
}

/// Dollars as the core counts them.
pub fn usd_micros(usd: f64) -> i64 {
    // The cast saturates and sends NaN to 0.
    ((usd * 1e6).round() as i64).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ORIGIN: Origin<'static> = Origin {
        actor: "ann",
        traceparent: "00-1",
    };

    /// Two channels, one of them the policy's, overlaid section by section.
    fn config(sections: Value) -> Config {
        let mut config = json!({
            "policy": { "channels": ["blog"] },
            "channels": [{ "name": "blog", "kind": "null" }, { "name": "linkedin", "kind": "null" }],
        });
        for (name, section) in sections.as_object().unwrap() {
            for (key, value) in section.as_object().unwrap() {
                config[name][key] = value.clone();
            }
        }
        serde_json::from_value(config).unwrap()
    }

    fn request(members: Value) -> ProcessRequest {
        let mut document = json!({ "request": "write" });
        document
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    fn accepted(members: Value, sections: Value) -> Submission {
        submission(request(members), ORIGIN, &config(sections), &["announced".to_owned()]).unwrap()
    }

    #[test]
    fn channels_are_the_policys_when_absent_none_when_empty_and_each_once() {
        let cases = [
            (json!({}), vec!["blog"]),
            (json!({ "channels": null }), vec!["blog"]),
            (json!({ "channels": [] }), vec![]),
            (json!({ "channels": ["linkedin", "linkedin"] }), vec!["linkedin"]),
            (json!({ "channels": ["announced", "blog"] }), vec!["announced", "blog"]),
        ];
        for (mut preferences, expected) in cases {
            preferences["tone"] = json!("dry");
            let submission = accepted(json!({ "preferences": preferences }), json!({}));
            assert_eq!(submission.channels, expected, "{preferences}");
            assert_eq!(Value::Object(submission.preferences), json!({ "tone": "dry" }));
        }
    }

    #[test]
    fn what_cannot_be_accepted_is_refused_at_its_place() {
        let cases = [
            (
                json!({ "preferences": { "channels": ["blog", "fax"] } }),
                422,
                "unknown_channel",
                "/preferences/channels/1",
            ),
            (
                json!({ "preferences": { "channels": [7] } }),
                422,
                "unknown_channel",
                "/preferences/channels/0",
            ),
            (
                json!({ "preferences": { "channels": "blog" } }),
                422,
                "validation",
                "/preferences/channels",
            ),
            (
                json!({ "auto_approve": true }),
                403,
                "auto_approve_not_allowed",
                "/auto_approve",
            ),
        ];
        for (members, status, code, pointer) in cases {
            let problem = submission(request(members.clone()), ORIGIN, &config(json!({})), &[]).unwrap_err();
            assert_eq!((problem.status, problem.code.as_str()), (status, code), "{members}");
            let pointers: Vec<&str> = problem.errors.iter().map(|e| e.pointer.as_str()).collect();
            assert_eq!(pointers, [pointer], "{members}");
        }
    }

    #[test]
    fn automatic_approval_is_asked_for_and_allowed() {
        let allowed = json!({ "policy": { "auto_approve": true, "auto_approve_min_quality": 0.4 } });
        for (asked, expected) in [
            (json!({}), false),
            (json!({ "auto_approve": false }), false),
            (json!({ "auto_approve": true }), true),
        ] {
            let policy = accepted(asked, allowed.clone()).policy;
            assert_eq!((policy.auto_approve, policy.auto_approve_min_quality), (expected, 0.4));
        }
    }

    #[test]
    fn rules_of_automatic_approval_go_with_tasks_that_asked_for_it() {
        let rules = json!({ "policy": { "auto_approve": true, "auto_approval": [
            { "name": "safe", "channels": ["blog"], "max_risk": "medium", "min_quality": 0.9 },
        ] } });
        let asked = accepted(json!({ "auto_approve": true }), rules.clone()).policy;
        assert_eq!(
            serde_json::to_value(&asked.auto_approval).unwrap(),
            json!([{ "name": "safe", "channels": ["blog"], "max_risk": "medium", "min_quality": 0.9 }])
        );
        assert_eq!(asked.channel_effects["linkedin"], EffectClass::Keyed);
        let not = accepted(json!({}), rules).policy;
        assert!(not.auto_approval.is_empty() && not.channel_effects.is_empty());
    }

    #[test]
    fn a_requests_own_settings_overlay_the_configured_ones_member_by_member() {
        let sections = json!({
            "policy": { "plan_review": true, "on_exhausted": "fail", "budget": { "max_cost_usd": 5.0, "max_tokens": 100_000 } },
            "quality": { "threshold": 0.6, "max_refinements": 1 },
            "events": { "detail": "task" },
        });
        let defaults = accepted(json!({}), sections.clone()).policy;
        assert_eq!(
            (defaults.threshold, defaults.max_refinements, defaults.plan_review),
            (0.6, 1, true)
        );
        assert_eq!(
            (defaults.max_cost_usd_micros, defaults.max_tokens),
            (Some(5_000_000), Some(100_000))
        );
        assert_eq!(
            (defaults.step_events, defaults.on_exhausted),
            (false, OnExhausted::Fail)
        );
        let own = json!({
            "quality_threshold": 0.0, "max_refinements": 0, "plan_review": false,
            "budget": { "max_cost_usd": 0.25, "max_duration_seconds": 60.0 }, "priority": 3,
        });
        let own = accepted(own, sections).policy;
        assert_eq!((defaults.priority, own.priority), (0, 3));
        assert_eq!((own.threshold, own.max_refinements, own.plan_review), (0.0, 0, false));
        assert_eq!(
            (own.max_cost_usd_micros, own.max_tokens, own.max_duration_seconds),
            (Some(250_000), Some(100_000), Some(60.0))
        );
    }

    #[test]
    fn only_dimensions_with_a_weight_are_judged() {
        let sections = json!({ "quality": { "dimensions": {
            "tone": { "weight": 0.0 }, "clarity": { "weight": 2.0, "floor": 0.5 },
        } } });
        let dimensions = accepted(json!({}), sections).policy.dimensions;
        assert_eq!(dimensions.keys().collect::<Vec<_>>(), ["clarity"]);
        assert_eq!(
            dimensions["clarity"],
            Dimension {
                weight: 2.0,
                floor: 0.5
            }
        );
    }

    #[test]
    fn money_is_reserved_for_models_that_cost_and_never_more_than_the_budget() {
        let priced = json!({ "llm": {
            "providers": { "x": { "kind": "openai" } }, "roles": { "planner": "x/big" },
        }});
        let null = json!({ "llm": { "roles": { "planner": "null", "judge": "null" } } });
        let grant =
            |members: &Value, sections: &Value| accepted(members.clone(), sections.clone()).policy.grant_usd_micros;
        let small = json!({ "budget": { "max_cost_usd": 0.02 } });
        assert_eq!(grant(&json!({}), &json!({})), 0);
        assert_eq!(grant(&json!({}), &null), 0);
        assert_eq!(grant(&json!({}), &priced), 500_000);
        assert_eq!(grant(&small, &priced), 20_000);
    }

    #[test]
    fn who_asked_and_under_which_trace_is_kept() {
        let submission = accepted(
            json!({ "metadata": { "team": "web" }, "business_metrics": { "m": 2.5 } }),
            json!({}),
        );
        assert_eq!(
            (submission.actor.as_str(), submission.traceparent.as_str()),
            ("ann", "00-1")
        );
        assert_eq!(
            (submission.metadata["team"].as_str(), submission.business_metrics["m"]),
            ("web", 2.5)
        );
    }
}
