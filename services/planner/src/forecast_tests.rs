//! Forecasts of plans over made-up tools.

use crate::catalog::{Tools, read};
use crate::choice::{Choice, Rated, choose};
use crate::forecast::{Outlook, Range, outlook};
use crate::quality::{Scores, forecast};
use proptest::prelude::*;
use serde_json::{Value, json};
use workflow::plan::Plan;

/// `(id, USD, seconds, share of attempts that go well)`.
type Known = (&'static str, Option<f64>, Option<f64>, Option<f64>);

pub fn tools(known: &[Known]) -> Tools {
    let document = |(id, usd, seconds, success): &Known| {
        json!({
            "tool_id": id, "name": id, "description": "", "category": "test", "input_schema": {"type": "object"},
            "output_schema": true, "estimated_cost": usd, "estimated_duration": seconds, "success_rate": success,
            "sizes": {"small": {"estimated_cost": 0.001, "estimated_duration": 0.5, "success_rate": 1.0}, "standard": {}},
            "source": "builtin", "effects": if id.starts_with("once") { "once" } else { "read_only" },
            "requires_approval": id.starts_with("asks"),
            "retry": {"max_attempts": 3, "initial_interval": 2.0, "backoff": 2.0, "max_interval": 60.0},
            "timeout_seconds": 30.0,
        })
        .to_string()
    };
    read(&known.iter().map(document).collect::<Vec<_>>())
}

pub fn plan(steps: &[Value]) -> Plan {
    serde_json::from_value(json!({ "steps": steps })).unwrap()
}

fn step(key: &str, tool: &str, takes: &[&str]) -> Value {
    let arguments: serde_json::Map<String, Value> = takes
        .iter()
        .map(|from| ((*from).to_owned(), json!({"$step": from, "pointer": ""})))
        .collect();
    json!({"key": key, "tool_id": tool, "arguments": arguments})
}

fn near(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        (found, expected) => found == expected,
    }
}

#[test]
fn a_step_that_runs_once_for_each_item_costs_its_bound_at_most_and_takes_as_long_as_one() {
    let tools = tools(&[
        ("quick", Some(0.01), Some(2.0), Some(1.0)),
        ("free", Some(0.0), Some(2.0), Some(1.0)),
    ]);
    let each_of = |tool: &str, items: Value| {
        let mut step = step("b", tool, &[]);
        step["for_each"] = json!({"items": items, "max_items": 8});
        outlook(&plan(&[self::step("a", "quick", &[]), step]), &tools)
    };
    let each = |items: Value| each_of("quick", items);
    let list = || json!({"$step": "a", "pointer": "/list"});
    let made = each(list());
    assert_eq!(made.cost_usd.likely, None, "nobody knows how many there will be");
    // Three attempts of each of nine runs.
    assert!(near(made.cost_usd.at_most, Some(0.27)), "{made:?}");
    assert!(near(made.seconds.likely, Some(4.0)), "{made:?}");
    let free = each_of("free", list());
    assert!(
        near(free.cost_usd.likely, Some(0.01)),
        "what is free is free however often: {free:?}"
    );
    let written = each(json!(["tea", "milk"]));
    assert!(near(written.cost_usd.likely, Some(0.03)), "{written:?}");
    assert!(near(written.seconds.likely, Some(2.0)), "{written:?}");
}

#[test]
fn steps_beside_each_other_take_as_long_as_the_longest_and_cost_all_together() {
    let tools = tools(&[
        ("quick", Some(0.01), Some(2.0), None),
        ("slow", Some(0.05), Some(20.0), None),
    ]);
    let diamond = plan(&[
        step("a", "quick", &[]),
        step("b", "quick", &["a"]),
        step("c", "slow", &["a"]),
        step("d", "quick", &["b", "c"]),
    ]);
    let found = outlook(&diamond, &tools);
    assert!(near(found.cost_usd.likely, Some(0.08)), "{found:?}");
    assert!(near(found.cost_usd.at_most, Some(0.24)), "{found:?}");
    assert!(near(found.seconds.likely, Some(24.0)), "{found:?}");
    // Three timeouts and pauses of 2 and 4 seconds, three times over.
    assert!(near(found.seconds.at_most, Some(3.0 * 96.0)), "{found:?}");
}

#[test]
fn what_fails_now_and_then_is_tried_again_and_that_costs() {
    let tools = tools(&[("flaky", Some(1.0), Some(10.0), Some(0.5))]);
    let found = outlook(&plan(&[step("a", "flaky", &[])]), &tools);
    // 1 + 1/2 + 1/4 attempts; pauses of 2 seconds half the time and of 4 a quarter of it.
    assert!(near(found.cost_usd.likely, Some(1.75)), "{found:?}");
    assert!(near(found.seconds.likely, Some(17.5 + 2.0)), "{found:?}");
    let once = plan(&[json!({"key": "a", "tool_id": "flaky", "retry": {"max_attempts": 1}, "timeout_seconds": 5.0})]);
    let found = outlook(&once, &tools);
    assert_eq!((found.cost_usd.at_most, found.seconds.at_most), (Some(1.0), Some(5.0)));
}

#[test]
fn what_nobody_knows_stays_unknown_and_is_never_nothing() {
    let tools = tools(&[
        ("known", Some(0.5), Some(1.0), None),
        ("unpriced", None, Some(1.0), None),
        ("free", Some(0.0), None, None),
    ]);
    let found = outlook(&plan(&[step("a", "known", &[]), step("b", "unpriced", &[])]), &tools);
    assert_eq!((found.cost_usd, found.seconds.likely), (Range::default(), Some(1.0)));
    let found = outlook(&plan(&[step("a", "free", &[])]), &tools);
    assert_eq!((found.cost_usd.likely, found.seconds.likely), (Some(0.0), None));
    assert_eq!(outlook(&plan(&[step("a", "gone", &[])]), &tools), Outlook::default());
    // Of a model of another size nothing was measured; what is free is free at any size.
    let sized = |tool: &str| plan(&[json!({"key": "a", "tool_id": tool, "tier": "large"})]);
    let found = outlook(&sized("known"), &tools);
    assert_eq!((found.cost_usd, found.seconds.likely), (Range::default(), None));
    let mut small = sized("known");
    small.steps[0].tier = Some(workflow::plan::Tier::Small);
    let found = outlook(&small, &tools);
    assert_eq!(
        (found.cost_usd.likely, found.seconds.likely),
        (Some(0.001), Some(0.5)),
        "as was measured of that size"
    );
    assert_eq!(outlook(&sized("free"), &tools).cost_usd.likely, Some(0.0));
    // Steps that wait for each other come to no end, whoever says so.
    let circle = plan(&[step("a", "known", &["b"]), step("b", "known", &["a"])]);
    assert_eq!(outlook(&circle, &tools).seconds, Range::default());
}

fn any_steps() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
    prop::collection::vec((0_usize..3, prop::collection::vec(0_usize..12, 0..3)), 1..12)
}

const TOOLS: [Known; 3] = [
    ("a", Some(0.01), Some(3.0), Some(0.9)),
    ("b", Some(0.2), Some(1.0), None),
    ("c", Some(0.0), Some(0.5), Some(0.25)),
];

fn generated(steps: &[(usize, Vec<usize>)]) -> Vec<Value> {
    let name = |at: usize| format!("s{at}");
    let one = |(at, (tool, from)): (usize, &(usize, Vec<usize>))| {
        let from: Vec<String> = from.iter().filter(|from| **from < at).map(|from| name(*from)).collect();
        step(
            &name(at),
            TOOLS[*tool].0,
            &from.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    steps.iter().enumerate().map(one).collect()
}

proptest! {
    #[test]
    fn another_step_never_makes_a_plan_cheaper_or_quicker(steps in any_steps()) {
        let tools = tools(&TOOLS);
        let all = generated(&steps);
        let (with, without) = (outlook(&plan(&all), &tools), outlook(&plan(&all[..all.len() - 1]), &tools));
        for of in [|o: &Outlook| o.cost_usd.likely, |o: &Outlook| o.cost_usd.at_most, |o: &Outlook| o.seconds.likely, |o: &Outlook| o.seconds.at_most] {
            prop_assert!(of(&with).unwrap() >= of(&without).unwrap() - 1e-9);
        }
        prop_assert!(with.cost_usd.at_most >= with.cost_usd.likely && with.seconds.at_most >= with.seconds.likely);
    }

    #[test]
    fn the_order_in_which_steps_are_written_changes_nothing(steps in any_steps(), turn in 0_usize..12) {
        let tools = tools(&TOOLS);
        let mut all = generated(&steps);
        let one = outlook(&plan(&all), &tools);
        let turn = turn % all.len();
        all.rotate_left(turn);
        let other = outlook(&plan(&all), &tools);
        for of in [|o: &Outlook| o.cost_usd.likely, |o: &Outlook| o.cost_usd.at_most, |o: &Outlook| o.seconds.likely, |o: &Outlook| o.seconds.at_most] {
            prop_assert!(near(of(&one), of(&other)), "{one:?} {other:?}");
        }
    }
}

fn scores(n: u64, mean: f64, deviation: f64) -> Option<Scores> {
    Scores::checked(n, mean, Some(deviation))
}

#[test]
fn one_lucky_task_beats_nothing_and_many_good_ones_do() {
    let scratch = scores(40, 0.7, 0.1);
    let (patterns, from_scratch) = forecast(
        &[scores(1, 1.0, 0.0), scores(40, 0.9, 0.1), scores(40, 0.5, 0.1)],
        scratch,
    );
    let [lucky, good, bad] = patterns.try_into().unwrap();
    let (lucky, good, bad, from_scratch) = (lucky.unwrap(), good.unwrap(), bad.unwrap(), from_scratch.unwrap());
    assert!(!lucky.is_clearly_above(&from_scratch), "{lucky:?} {from_scratch:?}");
    assert!(lucky.value < good.value, "drawn to the mean of all: {lucky:?} {good:?}");
    assert!(good.is_clearly_above(&from_scratch) && from_scratch.is_clearly_above(&bad));
    let [low, high] = lucky.interval();
    assert!(low < 0.5 && high == 1.0, "{lucky:?}");
    let [low, high] = good.interval();
    assert!(low > 0.75 && high < 0.97, "{good:?}");
}

#[test]
fn nothing_is_forecast_of_too_few_and_of_what_are_no_scores() {
    assert_eq!(forecast(&[None], scores(4, 0.9, 0.1)), (vec![None], None));
    for (n, mean, deviation) in [
        (0, 0.5, None),
        (3, 1.5, None),
        (3, f64::NAN, None),
        (3, 0.5, Some(f64::INFINITY)),
        (3, -0.1, None),
    ] {
        assert_eq!(Scores::checked(n, mean, deviation), None, "{n} {mean} {deviation:?}");
    }
}

fn rated(quality: Option<(u64, f64)>, usd: Option<f64>, seconds: Option<f64>) -> Rated {
    let range = |likely| Range { likely, at_most: None };
    let quality = quality.map(|(n, mean)| forecast(&[scores(n, mean, 0.05)], None).0[0].unwrap());
    Rated {
        quality,
        outlook: Outlook {
            cost_usd: range(usd),
            seconds: range(seconds),
        },
        out: None,
    }
}

/// The chosen one, and what is said of the others.
fn chosen(candidates: &[Rated]) -> (usize, String) {
    let Choice { chosen, reasons } = choose(candidates);
    let chosen = chosen.unwrap();
    let others = reasons
        .into_iter()
        .enumerate()
        .filter(|(at, _)| *at != chosen)
        .map(|(_, reason)| reason);
    (chosen, others.collect::<Vec<_>>().join("; "))
}

#[test]
fn quality_goes_before_cost_and_cost_before_time() {
    let (good, fair) = (Some((200, 0.9)), Some((200, 0.7)));
    for (candidates, expected, why) in [
        (
            [rated(fair, Some(0.1), Some(1.0)), rated(good, Some(9.0), Some(900.0))],
            1,
            "quality 0.70",
        ),
        (
            [rated(good, Some(0.2), Some(1.0)), rated(good, Some(0.1), Some(900.0))],
            1,
            "dearer: $0.2000 against $0.1000",
        ),
        (
            [rated(good, Some(0.1), Some(90.0)), rated(good, Some(0.102), Some(60.0))],
            1,
            "slower: 90.0 s against 60.0 s",
        ),
        // Equal in all: the first, which is the pattern.
        (
            [rated(good, Some(0.1), Some(60.5)), rated(good, Some(0.1), Some(60.0))],
            0,
            "goes before it",
        ),
        // What is known to go well goes before what nobody knows, whatever that costs.
        (
            [rated(None, Some(0.0), Some(0.0)), rated(fair, Some(1.0), Some(9.0))],
            1,
            "nobody knows",
        ),
        (
            [rated(None, Some(1.0), None), rated(None, Some(0.5), Some(9.0))],
            1,
            "dearer",
        ),
        // An unknown cost is neither high nor low.
        (
            [rated(good, None, Some(90.0)), rated(good, Some(0.5), Some(60.0))],
            1,
            "slower",
        ),
        (
            [rated(good, None, None), rated(good, Some(0.5), Some(60.0))],
            0,
            "goes before it",
        ),
    ] {
        let (found, said) = chosen(&candidates);
        assert_eq!(found, expected, "{candidates:?}: {said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_would_be_refused_is_not_taken_however_good_it_is() {
    let mut refused = rated(Some((200, 0.9)), Some(0.0), Some(0.0));
    refused.out = Some("the plan is refused: plan_tool".to_owned());
    let choice = choose(&[refused.clone(), rated(None, None, None)]);
    assert_eq!(choice.chosen, Some(1));
    assert_eq!(
        choice.reasons,
        ["the plan is refused: plan_tool", "the only one that can be taken"]
    );
    assert_eq!(choose(&[refused]).chosen, None);
    assert_eq!(choose(&[]).chosen, None);
}
