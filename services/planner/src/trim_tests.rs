//! Orders that are left out, and those that are not.

use crate::flow::Flow;
use crate::forecast::outlook;
use crate::forecast_tests::{plan, tools};
use crate::trim::trim;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use workflow::plan::Plan;

fn catalog() -> crate::catalog::Tools {
    tools(&[
        ("read", Some(0.1), Some(3.0), None),
        ("look", Some(0.1), Some(5.0), None),
        ("once.order", Some(0.1), Some(2.0), None),
        ("asks.person", Some(0.1), Some(1.0), None),
    ])
}

fn step(key: &str, tool: &str, after: &[&str]) -> Value {
    json!({"key": key, "tool_id": tool, "arguments": {}, "depends_on": after})
}

fn trimmed(steps: &[Value]) -> Vec<String> {
    let mut plan = plan(steps);
    let dropped = trim(&mut plan, &catalog());
    dropped
        .iter()
        .map(|gone| format!("{} after {}", gone.step_key, gone.waits_for))
        .collect()
}

#[test]
fn steps_that_only_read_do_not_wait_for_each_other() {
    let chain = [
        step("a", "read", &[]),
        step("b", "look", &["a"]),
        step("c", "read", &["a", "b"]),
    ];
    assert_eq!(trimmed(&chain), ["b after a", "c after a", "c after b"]);
    let mut taking = chain.clone();
    taking[1]["arguments"] = json!({"text": {"$step": "a", "pointer": "/text"}});
    assert_eq!(
        trimmed(&taking),
        ["c after a", "c after b"],
        "what is taken is waited for"
    );
}

#[test]
fn what_acts_asks_or_depends_on_a_condition_keeps_its_place() {
    for bound in ["once.order", "asks.person", "gone"] {
        assert!(
            trimmed(&[step("a", "read", &[]), step("b", bound, &["a"])]).is_empty(),
            "{bound}"
        );
        assert!(
            trimmed(&[step("a", bound, &[]), step("b", "read", &["a"])]).is_empty(),
            "{bound}"
        );
    }
    let mut conditional = step("b", "read", &["a"]);
    conditional["when"] = json!({"pointer": "/request", "exists": true});
    assert!(trimmed(&[step("a", "read", &[]), conditional]).is_empty());
    // A look that an order waits for, through another look: neither may come after the order.
    let guarded = [
        step("check", "read", &[]),
        step("again", "look", &["check"]),
        step("order", "once.order", &["again"]),
    ];
    assert!(trimmed(&guarded).is_empty());
    let mut stated = guarded;
    stated[2]["depends_on"] = json!(["again", "check"]);
    assert_eq!(trimmed(&stated), ["again after check"]);
}

const TOOLS: [&str; 4] = ["read", "look", "once.order", "asks.person"];

fn any_plan() -> impl Strategy<Value = Plan> {
    let step = (
        0_usize..4,
        prop::collection::vec(0_usize..10, 0..3),
        prop::collection::vec(0_usize..10, 0..2),
    );
    prop::collection::vec(step, 1..10).prop_map(|steps| {
        let before = |at: usize, froms: &[usize]| -> BTreeSet<String> {
            froms
                .iter()
                .filter(|from| **from < at)
                .map(|from| format!("s{from}"))
                .collect()
        };
        let one = |(at, (tool, after, takes)): (usize, &(usize, Vec<usize>, Vec<usize>))| {
            let takes = before(at, takes)
                .into_iter()
                .map(|from| (from.clone(), json!({"$step": from, "pointer": ""})));
            json!({"key": format!("s{at}"), "tool_id": TOOLS[*tool], "depends_on": before(at, after),
                "arguments": takes.collect::<serde_json::Map<_, _>>()})
        };
        plan(&steps.iter().enumerate().map(one).collect::<Vec<_>>())
    })
}

/// All pairs of which the first ends before the second begins.
fn ordered(plan: &Plan) -> BTreeSet<(usize, usize)> {
    let flow = Flow::of(plan);
    let mut pairs = BTreeSet::new();
    for step in flow.sorted().unwrap() {
        for before in flow.before(step) {
            pairs.insert((before, step));
            let earlier: Vec<_> = pairs
                .iter()
                .filter(|(_, to)| *to == before)
                .map(|(from, _)| (*from, step))
                .collect();
            pairs.extend(earlier);
        }
    }
    pairs
}

proptest! {
    #[test]
    fn a_trimmed_plan_takes_no_longer_takes_the_same_and_keeps_every_order_that_matters(before in any_plan()) {
        let mut after = before.clone();
        let dropped = trim(&mut after, &catalog());
        let seconds = |plan: &Plan| outlook(plan, &catalog()).seconds.likely.unwrap();
        prop_assert!(seconds(&after) <= seconds(&before));
        for (one, other) in before.steps.iter().zip(&after.steps) {
            prop_assert_eq!(&one.arguments, &other.arguments);
        }
        let (all, left) = (ordered(&before), ordered(&after));
        prop_assert!(left.is_subset(&all));
        let acts = |at: usize| !matches!(before.steps[at].tool_id.as_str(), "read" | "look");
        for (first, second) in all.difference(&left) {
            prop_assert!(!acts(*first) && !acts(*second), "{first} before {second}: {dropped:?}");
        }
        // Nothing is left to leave out.
        prop_assert_eq!(trim(&mut after.clone(), &catalog()), vec![]);
    }
}
