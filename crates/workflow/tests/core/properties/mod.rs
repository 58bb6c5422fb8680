//! What holds for every sequence of inputs: repeated, stale, forged ones and hostile timing included.

pub mod laws;
mod player;
mod reviewers;

pub use player::answers;
use player::{Player, beginnings, moves};
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;
use workflow::vocabulary::AttentionReason;

const CASES: u32 = 5_000;
const MOVES: usize = 120;

/// The laws are checked inside, after each input; so is that an input applied twice is applied once.
#[test]
fn the_laws_hold_whatever_is_sent_and_a_calm_world_brings_every_task_to_its_end() {
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let met: RefCell<BTreeMap<String, u32>> = RefCell::default();
    let games = (beginnings(), proptest::collection::vec(moves(), 0..MOVES));
    let outcome = runner.run(&games, |(beginning, plays)| {
        let mut player = Player::new(beginning);
        for play in plays {
            player.play(play);
        }
        player.calm_down();
        for fact in player.met() {
            *met.borrow_mut().entry(fact).or_default() += 1;
        }
        Ok(())
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
    let met = met.into_inner();
    println!("{met:#?}");
    // Games that never get anywhere prove nothing.
    let reasons = AttentionReason::ALL.iter().map(|r| r.as_str());
    for fact in reasons.chain([
        "tool_suspended",
        "tool_removed",
        "completed",
        "rejected",
        "failed",
        "cancelled",
        "confirmed",
        "unknown",
    ]) {
        assert!(met.contains_key(fact), "no task met {fact}: {met:#?}");
    }
}
