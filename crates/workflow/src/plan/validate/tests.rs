//! What is refused, where and why; what freezing copies.

use super::fixtures::{blog_plan, catalog, freeze_plan, freeze_value};
use super::{PlanLimits, compile_acceptance_schema, freeze};
use crate::plan::{ForEach, Plan, PlanStep};
use crate::vocabulary::{EffectClass, PlanOrigin};
use serde_json::{Map, Value, json};

/// `code pointer` of every fault.
fn faults(plan: &Value) -> Vec<String> {
    match freeze_value(plan) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|f| format!("{} {}", f.code, f.pointer)).collect(),
    }
}

/// Faults of a plan of `a` (tool null) and a step `b` with these members.
fn faults_of_step(members: Value) -> Vec<String> {
    let mut step = json!({"key": "b", "tool_id": "null"});
    step.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    faults(&json!({"steps": [{"key": "a", "tool_id": "null"}, step]}))
}

fn faults_of_arguments(arguments: Value) -> Vec<String> {
    faults_of_step(json!({"tool_id": "writer", "arguments": arguments}))
}

#[test]
fn each_fault_is_told_with_its_code_and_place() {
    let cases = [
        (json!({"key": ""}), "plan_key /steps/1/key"),
        (json!({"key": "1b"}), "plan_key /steps/1/key"),
        (json!({"key": "b.c"}), "plan_key /steps/1/key"),
        (json!({"key": "b".repeat(65)}), "plan_key /steps/1/key"),
        (json!({"key": "a"}), "plan_duplicate_key /steps/1/key"),
        (json!({"tool_id": "nothing"}), "plan_tool /steps/1/tool_id"),
        (json!({"tool_id": "asleep"}), "plan_tool /steps/1/tool_id"),
        (json!({"tool_id": "theirs"}), "plan_tool /steps/1/tool_id"),
        (json!({"depends_on": ["c"]}), "plan_ref /steps/1/depends_on/0"),
        (json!({"depends_on": ["a", "b"]}), "plan_ref /steps/1/depends_on/1"),
        (
            json!({"arguments": {"x": {"$step": "c"}}}),
            "plan_ref /steps/1/arguments/x/$step",
        ),
        (
            json!({"arguments": {"x": {"$step": "b"}}}),
            "plan_ref /steps/1/arguments/x/$step",
        ),
        (
            json!({"arguments": {"x": [{"$step": "a", "else": 1}]}}),
            "plan_ref /steps/1/arguments/x/0",
        ),
        (
            json!({"arguments": {"x": {"$step": "a", "pointer": "t"}}}),
            "plan_ref /steps/1/arguments/x/pointer",
        ),
        (json!({"arguments": {"$step": "a"}}), "plan_ref /steps/1/arguments"),
        (
            json!({"when": {"$step": "c", "pointer": "", "exists": true}}),
            "plan_ref /steps/1/when/$step",
        ),
        (json!({"when": {"pointer": ""}}), "plan_when /steps/1/when"),
        (
            json!({"when": {"pointer": "", "gt": 1, "lt": 2}}),
            "plan_when /steps/1/when",
        ),
        (
            json!({"when": {"pointer": "x", "gt": 1}}),
            "plan_when /steps/1/when/pointer",
        ),
        (json!({"channel": "fax"}), "plan_channel /steps/1/channel"),
        (
            json!({"retry": {"max_attempts": 0}}),
            "plan_retry /steps/1/retry/max_attempts",
        ),
        (
            json!({"retry": {"initial_interval": -1}}),
            "plan_retry /steps/1/retry/initial_interval",
        ),
        (json!({"retry": {"backoff": 0.5}}), "plan_retry /steps/1/retry/backoff"),
        (
            json!({"retry": {"max_interval": 1e9}}),
            "plan_retry /steps/1/retry/max_interval",
        ),
        (
            json!({"retry": {"non_retryable": [""]}}),
            "plan_retry /steps/1/retry/non_retryable",
        ),
        (
            json!({"timeout_seconds": 0.05}),
            "plan_timeout /steps/1/timeout_seconds",
        ),
        (
            json!({"timeout_seconds": 86_401}),
            "plan_timeout /steps/1/timeout_seconds",
        ),
        (json!({"acceptance": [{}]}), "plan_acceptance /steps/1/acceptance/0"),
        (
            json!({"acceptance": [{"equals": 1, "pointer": "x"}]}),
            "plan_acceptance /steps/1/acceptance/0/pointer",
        ),
        (
            json!({"acceptance": [{"same_as": {"$step": "zzz"}}]}),
            "plan_acceptance /steps/1/acceptance/0/same_as/$step",
        ),
        (
            json!({"acceptance": [{"same_as": {"$step": "a", "pointer": "x"}}]}),
            "plan_acceptance /steps/1/acceptance/0/same_as/pointer",
        ),
        (
            json!({"acceptance": [{"numbers_from": ["a", "zzz"]}]}),
            "plan_acceptance /steps/1/acceptance/0/numbers_from",
        ),
        (
            json!({"acceptance": [{"links_from": []}]}),
            "plan_acceptance /steps/1/acceptance/0/links_from",
        ),
        (
            json!({"acceptance": [{"ascending_by": "x"}]}),
            "plan_acceptance /steps/1/acceptance/0/ascending_by",
        ),
        (
            json!({"acceptance": [{"min_length": 2, "max_length": 1}]}),
            "plan_acceptance /steps/1/acceptance/0/max_length",
        ),
        (
            json!({"acceptance": [{"schema": 1}]}),
            "plan_acceptance /steps/1/acceptance/0/schema",
        ),
        (
            json!({"acceptance": [{"schema": {"type": "strange"}}]}),
            "plan_acceptance /steps/1/acceptance/0/schema",
        ),
        (
            json!({"acceptance": [{"schema": {"items": {"$ref": "https://x.example/s"}}}]}),
            "plan_acceptance /steps/1/acceptance/0/schema",
        ),
        (json!({"title": "t".repeat(201)}), "plan_limits /steps/1/title"),
        (json!({"reason": "a\u{0}b"}), "plan_limits /steps/1/reason"),
        (
            json!({"arguments": {"x": ["a\u{0}b"]}}),
            "plan_limits /steps/1/arguments",
        ),
        (
            json!({"arguments": {"x": format!("{{{{ a }}}}{}", " ".repeat(70_000))}}),
            "plan_limits /steps/1/arguments",
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(faults_of_step(members.clone()), [expected], "{members}");
    }
}

#[test]
fn all_faults_come_at_once_and_no_more_than_64() {
    let several = json!({"steps": [{"key": "", "tool_id": "x", "channel": "y", "timeout_seconds": 0}]});
    assert_eq!(faults(&several).len(), 4);
    let steps: Vec<Value> = (0..200)
        .map(|n| json!({"key": format!("k{n}"), "tool_id": "x"}))
        .collect();
    assert_eq!(faults(&json!({ "steps": steps })).len(), 64);
}

#[test]
fn known_arguments_are_checked_against_the_tools_schema() {
    let cases = [
        (json!({"topic": "AI"}), vec![]),
        (json!({"topic": "AI", "feedback": "shorter"}), vec![]),
        (json!({}), vec!["plan_arguments /steps/1/arguments"]),
        (json!({"topic": ""}), vec!["plan_arguments /steps/1/arguments/topic"]),
        (
            json!({"topic": "AI", "words": 0}),
            vec!["plan_arguments /steps/1/arguments/words"],
        ),
        (
            json!({"topic": "AI", "colour": "red"}),
            vec!["plan_arguments /steps/1/arguments"],
        ),
        (
            json!({"topic": "AI", "sources": []}),
            vec!["plan_arguments /steps/1/arguments/sources"],
        ),
        (
            json!({"topic": "AI", "mode": "fast"}),
            vec!["plan_arguments /steps/1/arguments/mode"],
        ),
        (
            json!({"topic": "AI", "tone": "warm"}),
            vec!["plan_arguments /steps/1/arguments"],
        ),
        (
            json!({"topic": 1, "words": "x"}),
            vec![
                "plan_arguments /steps/1/arguments/topic",
                "plan_arguments /steps/1/arguments/words",
            ],
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(faults_of_arguments(arguments.clone()), expected, "{arguments}");
    }
}

#[test]
fn references_and_templates_fit_anywhere_but_excuse_nothing_else() {
    let taken = json!({"$step": "a", "pointer": "/x"});
    let fits = [
        json!({"topic": taken}),
        json!({"topic": "AI", "words": taken}),
        json!({"topic": "AI", "words": "{{ preferences.words }}"}),
        json!({"topic": "AI", "sources": taken}),
        json!({"topic": "AI", "sources": [taken, {"url": "u"}, "{{ request }}"]}),
        json!({"topic": "AI", "tone": "{% if x %}warm{% endif %}"}),
        json!({"topic": "AI", "mode": {"name": taken}}),
        json!({"topic": "AI", "mode": {"nam": taken}}),
        json!({"topic": "AI", "tone": taken}),
    ];
    for arguments in fits {
        assert_eq!(
            faults_of_arguments(arguments.clone()),
            Vec::<String>::new(),
            "{arguments}"
        );
    }
    let misses = [
        (json!({"words": taken}), "plan_arguments /steps/1/arguments"),
        (
            json!({"topic": taken, "words": 0}),
            "plan_arguments /steps/1/arguments/words",
        ),
        (
            json!({"topic": taken, "colour": taken}),
            "plan_arguments /steps/1/arguments",
        ),
        (
            json!({"topic": "AI", "sources": [taken, {"href": "u"}]}),
            "plan_arguments /steps/1/arguments/sources/1",
        ),
    ];
    for (arguments, expected) in misses {
        assert_eq!(faults_of_arguments(arguments.clone()), [expected], "{arguments}");
    }
}

#[test]
fn a_cycle_is_named_by_its_steps() {
    let step = |key: &str, on: &str| json!({"key": key, "tool_id": "null", "depends_on": [on]});
    let plan = json!({"steps": [
        step("behind", "a"), step("a", "b"),
        {"key": "b", "tool_id": "null", "arguments": {"x": {"$step": "c"}}},
        {"key": "c", "tool_id": "null", "when": {"$step": "a", "pointer": "", "exists": true}},
        {"key": "free", "tool_id": "null"}, step("d", "e"), step("e", "d"),
    ]});
    let faults = freeze_value(&plan).unwrap_err();
    let told: Vec<_> = faults
        .iter()
        .map(|f| (f.code.as_str(), f.pointer.as_str(), f.detail.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("plan_cycle", "/steps/1", "steps wait for each other: a → b → c → a"),
            ("plan_cycle", "/steps/5", "steps wait for each other: d → e → d"),
        ]
    );
}

#[test]
fn fan_out_and_depth_are_limited() {
    let chain = |n: usize| PlanStep {
        key: format!("k{n}"),
        tool_id: "null".into(),
        depends_on: n.checked_sub(1).map(|n| format!("k{n}")).into_iter().collect(),
        ..PlanStep::default()
    };
    let fan = |n: usize| PlanStep {
        depends_on: (n > 0).then(|| "k0".to_owned()).into_iter().collect(),
        ..chain(n)
    };
    let limits = PlanLimits {
        max_steps: 10,
        max_fan_out: 3,
        max_depth: 4,
    };
    let check = |steps: Vec<PlanStep>| {
        let faults = freeze_plan(&Plan { summary: None, steps }, &limits)
            .err()
            .unwrap_or_default();
        faults
            .iter()
            .map(|f| format!("{} {}", f.code, f.pointer))
            .collect::<Vec<_>>()
    };
    assert_eq!(check((0..4).map(chain).collect()), Vec::<String>::new());
    assert_eq!(check((0..5).map(chain).collect()), ["plan_limits /steps/4"]);
    assert_eq!(check((0..4).map(fan).collect()), Vec::<String>::new());
    assert_eq!(check((0..5).map(fan).collect()), ["plan_limits /steps/0"]);
    // With its list and its items a step stands for three.
    let each = |n: usize| PlanStep {
        for_each: Some(ForEach {
            items: json!([]),
            max_items: 1,
        }),
        ..chain(n)
    };
    assert_eq!(check(vec![chain(0), each(1)]), Vec::<String>::new());
    assert_eq!(check(vec![chain(0), each(1), chain(2)]), ["plan_limits /steps/2"]);
    assert_eq!(check(Vec::new()), ["plan_empty /steps"]);
}

#[test]
fn a_step_goes_through_a_list_that_can_be_one_within_a_bound() {
    let limits = PlanLimits {
        max_steps: 20,
        max_fan_out: 10,
        max_depth: 4,
    };
    let check = |step: Value| {
        let mut each = json!({"key": "b", "tool_id": "writer"});
        each.as_object_mut().unwrap().extend(step.as_object().unwrap().clone());
        let plan = json!({"steps": [{"key": "a", "tool_id": "null"}, each]});
        let plan: Plan = serde_json::from_value(plan).unwrap();
        let faults = freeze_plan(&plan, &limits).err().unwrap_or_default();
        let told = faults.iter().map(|f| format!("{} {}", f.code, f.pointer));
        told.collect::<Vec<_>>()
    };
    let each = |items: Value, max_items: u16| json!({"items": items, "max_items": max_items});
    let list = || json!({"$step": "a", "pointer": "/list"});
    let with = |items: Value, max_items: u16| json!({"for_each": each(items, max_items), "arguments": {"topic": {"$item": ""}}});
    let none = Vec::<String>::new();
    assert_eq!(check(with(list(), 10)), none);
    assert_eq!(check(with(json!(["tea", {"$step": "a"}, "{{ request }}"]), 3)), none);
    // What is written there must be a text, and not too many of them.
    assert_eq!(
        check(with(json!(["tea", "milk"]), 1)),
        ["plan_limits /steps/1/for_each/items"]
    );
    for (step, expected) in [
        (with(list(), 0), "plan_limits /steps/1/for_each/max_items"),
        (with(list(), 11), "plan_limits /steps/1/for_each/max_items"),
        (with(json!("a"), 2), "plan_for_each /steps/1/for_each/items"),
        (
            with(json!({"$step": "gone"}), 2),
            "plan_ref /steps/1/for_each/items/$step",
        ),
        (with(json!({"$step": "b"}), 2), "plan_ref /steps/1/for_each/items/$step"),
        (
            with(json!({"$step": "a/0"}), 2),
            "plan_ref /steps/1/for_each/items/$step",
        ),
        (with(json!([{"$item": ""}]), 2), "plan_ref /steps/1/for_each/items/0"),
        (
            json!({"arguments": {"topic": {"$item": ""}}}),
            "plan_ref /steps/1/arguments/topic",
        ),
        (
            json!({"for_each": each(list(), 2), "arguments": {"topic": {"$item": "no"}}}),
            "plan_ref /steps/1/arguments/topic",
        ),
        (
            json!({"for_each": each(list(), 2), "arguments": {"topic": {"$item": "", "more": 1}}}),
            "plan_ref /steps/1/arguments/topic",
        ),
        // An item does not make a number of a text's place.
        (
            json!({"for_each": each(list(), 2), "arguments": {"topic": {"$item": ""}, "words": "many"}}),
            "plan_arguments /steps/1/arguments/words",
        ),
    ] {
        assert_eq!(check(step.clone()), [expected], "{step}");
    }
}

#[test]
fn all_items_count_as_steps() {
    let each = |key: String| {
        json!({"key": key, "tool_id": "null",
            "for_each": {"items": {"$step": "a"}, "max_items": 64}})
    };
    let plan = |lists: usize| {
        let lists = (0..lists).map(|n| each(format!("l{n}")));
        let steps: Vec<Value> = [json!({"key": "a", "tool_id": "null"})]
            .into_iter()
            .chain(lists)
            .collect();
        freeze_value(&json!({ "steps": steps }))
    };
    assert!(plan(3).is_ok());
    let wordy = json!({"steps": [{"key": "a", "tool_id": "null", "arguments": {"x": "y".repeat(8_000)},
        "for_each": {"items": [], "max_items": 64}}]});
    let told: Vec<_> = freeze_value(&wordy)
        .unwrap_err()
        .into_iter()
        .map(|f| f.detail)
        .collect();
    assert_eq!(
        told,
        ["the document is larger than 262144 bytes, each item of a list counted"]
    );
    let told: Vec<_> = plan(4).unwrap_err().into_iter().map(|f| f.detail).collect();
    assert_eq!(
        told,
        ["with all items 265 steps, at most 200 are allowed: lower max_items"]
    );
}

#[test]
fn a_hostile_plan_is_refused_before_it_is_looked_at_closely() {
    let steps = |count: usize, step: &PlanStep| Plan {
        summary: None,
        steps: vec![step.clone(); count],
    };
    let with = |value: Value| PlanStep {
        key: "a".into(),
        tool_id: "writer".into(),
        arguments: Map::from_iter([("x".to_owned(), value)]),
        ..PlanStep::default()
    };
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let slots = vec![json!({"$step": "a"}); 100_000];
    let hostile = [
        steps(100_000, &with(json!(1))),
        steps(1, &with(nested)),
        steps(1, &with(json!("x".repeat(2 << 20)))),
        steps(1, &with(json!(vec![0; 1_000_000]))),
        steps(1, &with(json!(slots))),
        steps(200, &with(json!("x".repeat(10_000)))),
        steps(
            1,
            &PlanStep {
                depends_on: vec!["x".into(); 100_000],
                ..with(json!(1))
            },
        ),
        steps(
            1,
            &PlanStep {
                key: "k".repeat(2 << 20),
                ..with(json!(1))
            },
        ),
    ];
    for plan in hostile {
        let faults = freeze_plan(&plan, &PlanLimits::default()).unwrap_err();
        assert!(faults.iter().all(|f| f.code == "plan_limits"), "{faults:?}");
    }
}

#[test]
fn many_open_places_within_the_limits_are_no_burden() {
    let items = vec![json!("{{ a }}"); 25_000];
    let plan = json!({"steps": [{"key": "a", "tool_id": "writer", "arguments": {"topic": "AI", "sources": items}}]});
    assert_eq!(faults(&plan), Vec::<String>::new());
}

#[test]
fn a_schema_that_refers_to_itself_can_be_used() {
    let tree = json!({"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}});
    let validator = compile_acceptance_schema(&tree).unwrap();
    assert!(validator.is_valid(&json!({"kids": [{"kids": []}]})));
    assert!(!validator.is_valid(&json!({"kids": [{"kids": [1]}]})));
}

#[test]
fn a_schema_that_is_only_itself_ends() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
    ] {
        if let Ok(validator) = compile_acceptance_schema(&schema) {
            assert!(validator.is_valid(&json!({"a": 1})), "{schema}");
        }
    }
}

#[test]
fn freezing_copies_what_execution_needs() {
    let frozen = freeze_value(&blog_plan()).unwrap();
    assert_eq!(frozen.order, [0, 1, 2, 3]);
    let deps: Vec<_> = frozen.steps.iter().map(|s| s.deps.clone()).collect();
    assert_eq!(deps, [vec![], vec![0], vec![1], vec![1]]);
    let inputs: Vec<_> = frozen.steps.iter().map(|s| s.inputs.clone()).collect();
    assert_eq!(inputs, [vec![], vec![0], vec![1], vec![]]);
    let feedback: Vec<_> = frozen.steps.iter().map(|s| s.takes_feedback).collect();
    assert_eq!(feedback, [false, true, false, true]);

    let (research, pay) = (&frozen.steps[0], &frozen.steps[3]);
    assert_eq!((research.retry.max_attempts, research.timeout_seconds), (5, 30.0));
    assert_eq!(
        (research.short, research.grant_usd_micros, research.requires_approval),
        (false, 0, false)
    );
    assert_eq!((pay.retry.max_attempts, pay.timeout_seconds), (3, 60.0));
    assert_eq!(
        (pay.short, pay.grant_usd_micros, pay.requires_approval),
        (true, 500_000, true)
    );
    assert_eq!((pay.effects, pay.pool.as_str()), (EffectClass::Once, "money"));
    assert_eq!(pay.tool_version_hash, catalog().of("").get("pay").unwrap().version_hash);
}

#[test]
fn hashes_follow_the_step_and_the_tool_and_nothing_else() {
    let first = freeze_value(&blog_plan()).unwrap();
    let mut changed = blog_plan();
    changed["steps"][1]["arguments"]["words"] = json!(301);
    let second = freeze_value(&changed).unwrap();
    let same: Vec<_> = first
        .steps
        .iter()
        .zip(&second.steps)
        .map(|(a, b)| a.hash == b.hash)
        .collect();
    assert_eq!(same, [true, false, true, true]);
    assert_ne!(first.hash, second.hash);

    let mut catalog = catalog();
    let mut spec = catalog.of("").get("pay").unwrap().spec.clone();
    spec.description.push('!');
    let tool = crate::tool::CatalogTool::new(spec, crate::vocabulary::ToolState::Active).unwrap();
    catalog.insert(std::sync::Arc::new(tool));
    let plan: Plan = serde_json::from_value(blog_plan()).unwrap();
    let channels = ["blog".to_owned(), "linkedin".to_owned()];
    let third = freeze(
        &plan,
        7,
        PlanOrigin::Human,
        catalog.of(""),
        &channels,
        &PlanLimits::default(),
    )
    .unwrap();
    let same: Vec<_> = first
        .steps
        .iter()
        .zip(&third.steps)
        .map(|(a, b)| a.hash == b.hash)
        .collect();
    assert_eq!(same, [true, true, true, false]);
    assert_ne!(first.hash, third.hash);
}

#[test]
fn a_task_that_publishes_nothing_knows_only_the_channel_result() {
    let plan = |channel: &str| -> Plan {
        serde_json::from_value(json!({"steps": [{"key": "a", "tool_id": "null", "channel": channel}]})).unwrap()
    };
    let freeze = |plan: &Plan| {
        freeze(
            plan,
            1,
            PlanOrigin::Client,
            catalog().of(""),
            &[],
            &PlanLimits::default(),
        )
    };
    assert!(freeze(&plan("result")).is_ok());
    assert_eq!(freeze(&plan("blog")).unwrap_err()[0].code, "plan_channel");
}
