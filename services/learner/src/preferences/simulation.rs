//! A preference that switches, and one that does not, with one slip in ten; and simpler ways of learning that the same
//! harness refuses.

use super::belief::Believer;
use super::holding::{Viewpoint, held};
use super::{Scope, Source, Statement};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const SLIPS: f64 = 0.1;
const SWITCH_AT: usize = 50;
const WITHIN: usize = 8;
const STATIONARY: usize = 1_000;
const LENGTH: usize = 100;

/// What is preferred after each event, by the events so far.
type Learner = fn(&[Statement]) -> Vec<Option<Value>>;

/// SplitMix64: the same numbers for the same seed, on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000, 0).unwrap()
}

fn moment(event: usize) -> DateTime<Utc> {
    start() + TimeDelta::hours(i64::try_from(event).unwrap())
}

fn shown(event: usize, value: &str) -> Statement {
    Statement {
        id: Uuid::from_u128(event as u128),
        scope: Scope::User,
        subject: "ann".to_owned(),
        key: "tone".to_owned(),
        value: Some(json!(value)),
        source: Source::Behaviour,
        against: false,
        weight: 1.0,
        valid_at: moment(event),
        recorded_at: moment(event),
        task: Some(Uuid::from_u128(event as u128)),
    }
}

fn events(random: &mut Random, wanted: impl Fn(usize) -> &'static str, length: usize) -> Vec<Statement> {
    let other = |value| if value == "formal" { "friendly" } else { "formal" };
    (0..length)
        .map(|event| {
            let wanted = wanted(event);
            let said = if random.next() < SLIPS { other(wanted) } else { wanted };
            shown(event, said)
        })
        .collect()
}

fn at(event: usize) -> Viewpoint {
    Viewpoint {
        user: "ann".to_owned(),
        teams: BTreeMap::new(),
        at: moment(event),
        known_at: None,
    }
}

fn preferred(statements: &[Statement], event: usize) -> Option<Value> {
    held(statements, &at(event)).pop().map(|held| held.value)
}

fn ours(statements: &[Statement]) -> Vec<Option<Value>> {
    let mut believer = Believer::default();
    let after = statements.iter().map(|statement| {
        believer.take(statement);
        believer.belief().map(|belief| belief.value)
    });
    after.collect()
}

/// The same of numbers: each a tenth off at most, and no two in a row the same.
fn ours_of_numbers(statements: &[Statement]) -> Vec<Option<Value>> {
    let mut believer = Believer::default();
    let after = statements.iter().enumerate().map(|(event, statement)| {
        let wanted = if statement.value == Some(json!("formal")) {
            300
        } else {
            600
        };
        let off = i64::try_from(event * 7 % 11).unwrap() - 5;
        believer.take(&Statement {
            value: Some(json!(wanted + wanted * 2 * off / 100)),
            ..statement.clone()
        });
        let number = believer.belief()?.value.as_f64()?;
        let near = |wanted: f64| (number - wanted).abs() <= wanted * 0.12;
        match (near(300.0), near(600.0)) {
            (true, _) => Some(json!("formal")),
            (_, true) => Some(json!("friendly")),
            _ => Some(json!(number)),
        }
    });
    after.collect()
}

fn last_event_wins(statements: &[Statement]) -> Vec<Option<Value>> {
    statements.iter().map(|statement| statement.value.clone()).collect()
}

fn majority_of_all(statements: &[Statement]) -> Vec<Option<Value>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let after = statements.iter().map(|statement| {
        let value = statement.value.as_ref()?.as_str()?.to_owned();
        *counts.entry(value).or_default() += 1;
        let most = counts.iter().max_by_key(|(_, count)| **count)?;
        Some(json!(most.0))
    });
    after.collect()
}

/// Share of runs that follow a switch within so many events, and stay with it to the last of these.
fn followed(learner: Learner, runs: usize) -> f64 {
    let mut random = Random(4);
    let wanted = |event| if event < SWITCH_AT { "formal" } else { "friendly" };
    let follows = |random: &mut Random| {
        let events = events(random, wanted, SWITCH_AT + WITHIN);
        learner(&events).last() == Some(&Some(json!("friendly")))
    };
    (0..runs).filter(|_| follows(&mut random)).count() as f64 / runs as f64
}

/// Share of runs without any switch in which the other value counts at some time, and share of events after the tenth
/// at which nothing counts.
fn stationary(learner: Learner) -> (f64, f64) {
    let mut random = Random(11);
    let (mut switched, mut unknown) = (0, 0);
    for _ in 0..STATIONARY {
        let after = learner(&events(&mut random, |_| "formal", LENGTH));
        switched += usize::from(after.contains(&Some(json!("friendly"))));
        unknown += after.iter().skip(10).filter(|value| value.is_none()).count();
    }
    let share = |n: usize, of: usize| n as f64 / of as f64;
    (share(switched, STATIONARY), share(unknown, STATIONARY * (LENGTH - 10)))
}

fn is_followed_within_eight_events_and_slips_are_not(learner: Learner) {
    let follows = followed(learner, 300);
    let (false_switches, unknown) = stationary(learner);
    println!("followed {follows:.3}, false switches {false_switches:.3}, nothing counts {unknown:.4}");
    // Three slips in eight leave too little to go by for anybody: 4 % of the runs.
    assert!(follows >= 0.9, "{follows}");
    assert!(false_switches <= 0.02, "{false_switches}");
    assert!(unknown <= 0.05, "{unknown}");
}

#[test]
fn a_switch_is_followed_within_eight_events_and_slips_are_not() {
    is_followed_within_eight_events_and_slips_are_not(ours);
}

#[test]
fn a_switch_of_a_number_is_followed_within_eight_events_and_slips_are_not() {
    is_followed_within_eight_events_and_slips_are_not(ours_of_numbers);
}

#[test]
fn simpler_learners_fail_the_same_harness() {
    let (last, _) = stationary(last_event_wins);
    assert!(last > 0.9, "the last event wins: {last}");
    let majority = followed(majority_of_all, 300);
    assert!(majority < 0.05, "majority of all: {majority}");
}

#[test]
fn what_was_preferred_before_a_switch_is_still_answered_for_that_time() {
    let mut random = Random(7);
    let wanted = |event| if event < SWITCH_AT { "formal" } else { "friendly" };
    let events = events(&mut random, wanted, 2 * SWITCH_AT);
    let asked_each_time: Vec<Option<Value>> = (0..events.len()).map(|event| preferred(&events, event)).collect();
    assert_eq!(asked_each_time, ours(&events), "it makes no difference when one asks");
    assert_eq!(preferred(&events, 40), Some(json!("formal")));
    assert_eq!(preferred(&events, 90), Some(json!("friendly")));
    let known_then = Viewpoint {
        known_at: Some(moment(40)),
        ..at(90)
    };
    assert_eq!(
        held(&events, &known_then).pop().unwrap().value,
        json!("formal"),
        "as was known then"
    );
    assert!(held(&events, &at(3)).is_empty(), "four events are not enough");
}
