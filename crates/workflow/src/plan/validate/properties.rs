//! Properties of freezing that hold for any plan.

use super::PlanLimits;
use super::fixtures::freeze_plan;
use crate::plan::{Plan, PlanStep, When};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// How a step is tied to an earlier one.
#[derive(Clone, Copy, Debug)]
enum Tie {
    DependsOn,
    Argument,
    When,
}

fn tie() -> impl Strategy<Value = Tie> {
    prop_oneof![Just(Tie::DependsOn), Just(Tie::Argument), Just(Tie::When)]
}

fn bind(step: &mut PlanStep, to: String, tie: Tie) {
    match tie {
        Tie::DependsOn => step.depends_on.push(to),
        Tie::Argument => {
            let name = format!("from_{to}");
            step.arguments.insert(name, json!({"$step": to, "pointer": "/x"}));
        }
        Tie::When => {
            step.when = Some(When {
                step: Some(to),
                pointer: "/x".into(),
                exists: Some(true),
                ..When::default()
            });
        }
    }
}

/// Plans without cycles, their steps in any order of the document.
fn acyclic() -> impl Strategy<Value = Plan> {
    let edges = proptest::collection::vec((any::<u16>(), any::<u16>(), tie()), 0..60);
    (1_usize..30, edges).prop_flat_map(|(count, edges)| {
        let mut steps: Vec<PlanStep> = (0..count)
            .map(|n| PlanStep {
                key: format!("s{n}"),
                tool_id: "null".into(),
                ..PlanStep::default()
            })
            .collect();
        for (a, b, tie) in edges {
            let (a, b) = (usize::from(a) % count, usize::from(b) % count);
            if a != b {
                bind(&mut steps[a.max(b)], format!("s{}", a.min(b)), tie);
            }
        }
        Just(steps)
            .prop_shuffle()
            .prop_map(|steps| Plan { summary: None, steps })
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        Just(json!("{{ feedback }}")),
        Just(json!({"$step": "a", "pointer": "/x"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = prop_oneof![Just("$step".to_owned()), Just("pointer".to_owned()), "[a-z/~]{0,6}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn any_step() -> impl Strategy<Value = PlanStep> {
    let text = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), "[a-z~/ ]{0,4}"];
    let tools = prop_oneof![
        Just("null".to_owned()),
        Just("writer".to_owned()),
        Just("asleep".to_owned())
    ];
    let names = prop_oneof![
        Just("topic".to_owned()),
        Just("words".to_owned()),
        Just("sources".to_owned()),
        "[a-z$]{1,5}"
    ];
    let arguments = proptest::collection::btree_map(names, any_json(), 0..4);
    let when = proptest::option::of((
        proptest::option::of(text()),
        text(),
        any::<Option<f64>>(),
        any::<Option<bool>>(),
    ));
    let depends_on = proptest::collection::vec(text(), 0..3);
    (text(), tools, arguments, when, depends_on, any::<Option<f64>>()).prop_map(
        |(key, tool_id, arguments, when, depends_on, timeout)| PlanStep {
            key,
            tool_id,
            arguments: arguments.into_iter().collect::<Map<_, _>>(),
            when: when.map(|(step, pointer, gt, exists)| When {
                step,
                pointer,
                gt,
                exists,
                ..When::default()
            }),
            depends_on,
            timeout_seconds: timeout,
            ..PlanStep::default()
        },
    )
}

const CODES: &str = "plan_empty plan_limits plan_key plan_duplicate_key plan_tool plan_arguments plan_ref plan_cycle \
     plan_when plan_channel plan_retry plan_timeout plan_acceptance";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_names_every_step_once_and_after_what_it_depends_on(plan in acyclic()) {
        let frozen = freeze_plan(&plan, &PlanLimits::default()).unwrap();
        let mut place = vec![None; plan.steps.len()];
        for (position, index) in frozen.order.iter().enumerate() {
            prop_assert_eq!(place[usize::from(*index)].replace(position), None);
        }
        for (index, step) in frozen.steps.iter().enumerate() {
            prop_assert!(step.deps.is_sorted() && step.inputs.iter().all(|input| step.deps.contains(input)));
            for dep in &step.deps {
                prop_assert!(place[usize::from(*dep)] < place[index]);
            }
        }
    }

    #[test]
    fn a_tie_back_makes_a_cycle_that_is_named(plan in acyclic(), tie in tie()) {
        let frozen = freeze_plan(&plan, &PlanLimits::default()).unwrap();
        let edge = frozen.steps.iter().enumerate().find_map(|(index, step)| Some((index, *step.deps.first()?)));
        if let Some((later, earlier)) = edge {
            let mut plan = plan;
            let key = plan.steps[later].key.clone();
            plan.steps[usize::from(earlier)].when = None;
            bind(&mut plan.steps[usize::from(earlier)], key, tie);
            let faults = freeze_plan(&plan, &PlanLimits::default()).unwrap_err();
            prop_assert!(faults.iter().all(|f| f.code == "plan_cycle"), "{faults:?}");
        }
    }

    #[test]
    fn any_document_is_answered_the_same_twice_and_with_known_codes(steps in proptest::collection::vec(any_step(), 0..6)) {
        let plan = Plan { summary: None, steps };
        let first = freeze_plan(&plan, &PlanLimits::default());
        prop_assert_eq!(&first, &freeze_plan(&plan, &PlanLimits::default()));
        let document = serde_json::to_value(&plan).unwrap();
        for fault in first.err().unwrap_or_default() {
            prop_assert!(CODES.split(' ').any(|code| code == fault.code), "{fault:?}");
            // The place may be that of a member that is missing, but what holds it is there.
            let parent = fault.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert!(document.pointer(parent).is_some() || fault.pointer.contains("/retry"), "{fault:?} in {document}");
        }
    }

    #[test]
    fn a_frozen_plan_survives_storage(plan in acyclic()) {
        let frozen = freeze_plan(&plan, &PlanLimits::default()).unwrap();
        let text = serde_json::to_string(&frozen).unwrap();
        prop_assert_eq!(serde_json::from_str::<crate::plan::FrozenPlan>(&text).unwrap(), frozen);
    }
}
