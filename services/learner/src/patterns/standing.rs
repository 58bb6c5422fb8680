//! Which state a pattern is in, by what came of it. Pure.
//!
//! Successes lift it: a candidate goes on trial, and is active once following an offer succeeded. A run of bad tasks
//! demotes it: Page's cumulative sum test, of "as good as plans from scratch for the same requests" against "clearly worse".
//! It looks at each task once and forgets good times when bad ones begin, and a mean of all would not.

use serde::Serialize;

/// The odds of success that are clearly worse, as a share of those of plans from scratch.
const WORSE: f64 = 1.0 / 5.0;
/// Sum of log likelihood ratios that decides. A pattern as good as plans from scratch is demoted about once in 800 tasks.
const DECIDES: f64 = 5.5;
/// Tasks that what is not known of plans from scratch counts for, half of them successes.
const PRIOR: f64 = 4.0;
/// Shares of successes that plans from scratch are taken to have at least and at most.
const SOUND: [f64; 2] = [0.2, 0.95];

/// A pattern's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It succeeded, too rarely to be offered by default.
    Candidate,
    /// Offered, to see what comes of it.
    Trial,
    /// Following it succeeded.
    Active,
    /// Plans from scratch do better; not offered.
    Demoted,
    /// By people's word; not offered.
    Retired,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Candidate, Self::Trial, Self::Active, Self::Demoted, Self::Retired];

    /// As documents and rows say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Trial => "trial",
            Self::Active => "active",
            Self::Demoted => "demoted",
            Self::Retired => "retired",
        }
    }

    /// Of a document or row.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What a state is decided by.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Facts {
    /// Verified successes.
    pub successes: u64,
    /// Of those the ones that followed an offer.
    pub offered_successes: u64,
    /// At least this state, by people's word.
    pub vouched: Option<State>,
    /// Never demoted.
    pub pinned: bool,
    /// How often it was demoted.
    pub demotions: u32,
    /// Whether each task that ran it since it was last demoted, or taken back, went well, in the order of their end.
    pub plays: Vec<bool>,
    /// Plans from scratch for the same requests.
    pub scratch: Tally,
}

/// Successes among tasks.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Tally {
    pub successes: f64,
    pub tasks: f64,
}

/// Another state.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub to: State,
    pub reason: String,
    /// How many of the plays it looked at: those behind begin anew. None: all count on.
    pub plays: Option<usize>,
}

/// The state that follows, where it is another one. `trial_after`: successes that put a pattern on trial.
pub fn next(state: State, facts: &Facts, trial_after: u64) -> Option<Change> {
    match state {
        State::Retired => None,
        State::Demoted => revived(facts),
        _ => demoted(facts).or_else(|| lifted(state, facts, trial_after)),
    }
}

fn demoted(facts: &Facts) -> Option<Change> {
    let scratch = facts.scratch.share();
    let at = decides(&facts.plays, scratch, Worth::Worse, DECIDES).filter(|_| !facts.pinned)?;
    let seen = facts.plays.get(..at)?;
    let good = seen.iter().filter(|good| **good).count();
    Some(Change {
        to: State::Demoted,
        reason: format!(
            "{good} of the last {} tasks that ran it went well, and about {:.0} % of plans from scratch do",
            seen.len(),
            scratch * 100.0
        ),
        plays: Some(at),
    })
}

/// Where the level by evidence is another one. It falls when successes are taken back or deleted.
fn lifted(state: State, facts: &Facts, trial_after: u64) -> Option<Change> {
    let by_evidence = match facts {
        _ if facts.successes < trial_after => State::Candidate,
        _ if facts.offered_successes == 0 => State::Trial,
        _ => State::Active,
    };
    let to = facts.vouched.map_or(by_evidence, |vouched| vouched.max(by_evidence));
    (to != state).then(|| Change {
        to,
        reason: format!(
            "{} verified successes, {} of them after an offer",
            facts.successes, facts.offered_successes
        ),
        plays: None,
    })
}

/// The same test the other way round, over tasks that were planned the same way without being offered it. Each demotion
/// doubles the odds that are asked for: a pattern that is as good as others does not come and go.
fn revived(facts: &Facts) -> Option<Change> {
    let sure = DECIDES + f64::from(facts.demotions) * std::f64::consts::LN_2;
    let at = decides(&facts.plays, facts.scratch.share(), Worth::Sound, sure)?;
    Some(Change {
        to: State::Trial,
        reason: format!("{at} tasks that were planned the same way without it went as well as others"),
        plays: Some(at),
    })
}

impl Tally {
    /// Share of successes, drawn to a half where little is known.
    fn share(self) -> f64 {
        let share = (self.successes + PRIOR / 2.0) / (self.tasks + PRIOR);
        let [least, most] = SOUND;
        share.clamp(least, most)
    }
}

/// What plays are tested for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worth {
    Worse,
    Sound,
}

/// After how many plays it is clear that they are clearly worse than `sound`, or as good; none: it is not.
fn decides(plays: &[bool], sound: f64, worth: Worth, sure: f64) -> Option<usize> {
    let odds = sound / (1.0 - sound) * WORSE;
    let worse = odds / (1.0 + odds);
    let (success, failure) = ((worse / sound).ln(), ((1.0 - worse) / (1.0 - sound)).ln());
    let sign = if worth == Worth::Worse { 1.0 } else { -1.0 };
    let mut sum = 0.0_f64;
    let is_clear = |good: &bool| {
        sum = (sum + sign * if *good { success } else { failure }).max(0.0);
        sum >= sure
    };
    plays.iter().position(is_clear).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRATCH: Tally = Tally {
        successes: 50.0,
        tasks: 100.0,
    };

    /// Whether each of `n` tasks goes well; the same for the same seed.
    fn luck(seed: u64, n: usize, chance: impl Fn(usize) -> f64) -> Vec<bool> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..16).for_each(|_| {
            draw();
        });
        (0..n).map(|at| draw() < chance(at)).collect()
    }

    /// After how many tasks a rule demotes, of 1,000 runs.
    fn after(chance: impl Fn(usize) -> f64 + Copy, rule: impl Fn(&[bool]) -> Option<usize>) -> Vec<Option<usize>> {
        (0..1000).map(|seed| rule(&luck(seed, 200, chance))).collect()
    }

    fn ours(plays: &[bool]) -> Option<usize> {
        decides(plays, SCRATCH.share(), Worth::Worse, DECIDES)
    }

    /// What one would write first: the share of all tasks, after ten.
    fn by_mean(plays: &[bool]) -> Option<usize> {
        let mut good = 0_usize;
        let behind = |(at, play): (usize, &bool)| {
            good += usize::from(*play);
            at >= 9 && (good as f64) < 0.5 * (at + 1) as f64
        };
        plays.iter().enumerate().position(behind).map(|at| at + 1)
    }

    fn share(runs: &[Option<usize>], holds: impl Fn(&Option<usize>) -> bool) -> f64 {
        runs.iter().filter(|run| holds(run)).count() as f64 / runs.len() as f64
    }

    #[test]
    fn a_bad_pattern_is_demoted_within_forty_tasks() {
        let poisoned = after(|_| 0.1, ours);
        assert!(share(&poisoned, |at| at.is_some_and(|at| at <= 40)) >= 0.99);
        let turned = |at: usize| if at < 100 { 0.9 } else { 0.1 };
        let found = after(turned, ours);
        let in_time = |at: &Option<usize>| at.is_some_and(|at| (101..=140).contains(&at));
        assert!(share(&found, in_time) >= 0.99, "{}", share(&found, in_time));
        // The good times outweigh the bad ones in a mean.
        assert!(share(&after(turned, by_mean), in_time) < 0.5);
    }

    #[test]
    fn a_good_pattern_is_left_alone_and_one_as_good_as_any_nearly_so() {
        assert_eq!(share(&after(|_| 0.9, ours), Option::is_some), 0.0);
        let back = |plays: &[bool]| decides(plays, SCRATCH.share(), Worth::Sound, DECIDES + 1.0);
        let bad = share(&after(|_| 0.1, back), Option::is_some);
        assert!(bad < 0.02, "a bad one does not come back: {bad}");
        let even = share(&after(|_| 0.5, ours), Option::is_some);
        assert!(even <= 0.3, "{even}");
        let by_mean = share(&after(|_| 0.5, by_mean), Option::is_some);
        assert!(by_mean > 0.8, "{by_mean}");
    }

    fn facts(successes: u64, offered_successes: u64) -> Facts {
        Facts {
            successes,
            offered_successes,
            scratch: SCRATCH,
            ..Facts::default()
        }
    }

    fn to(state: State, facts: &Facts) -> Option<State> {
        next(state, facts, 2).map(|change| change.to)
    }

    #[test]
    fn successes_lift_a_pattern_and_their_loss_lowers_it() {
        assert_eq!(to(State::Candidate, &facts(1, 0)), None);
        assert_eq!(to(State::Candidate, &facts(2, 0)), Some(State::Trial));
        assert_eq!(to(State::Trial, &facts(2, 0)), None);
        assert_eq!(to(State::Trial, &facts(3, 1)), Some(State::Active));
        assert_eq!(to(State::Active, &facts(2, 0)), Some(State::Trial));
        assert_eq!(to(State::Active, &facts(1, 1)), Some(State::Candidate));
        let vouched = Facts {
            vouched: Some(State::Trial),
            ..facts(0, 0)
        };
        assert_eq!(to(State::Candidate, &vouched), Some(State::Trial));
        assert_eq!(to(State::Retired, &facts(9, 9)), None);
    }

    #[test]
    fn a_demoted_pattern_comes_back_by_successes_of_others_and_each_time_later() {
        let bad = Facts {
            plays: vec![false; 40],
            ..facts(5, 2)
        };
        let demoted = next(State::Active, &bad, 2).unwrap();
        assert_eq!(demoted.to, State::Demoted);
        // 11 times ln (5/3) is above 5.5.
        assert_eq!(demoted.plays, Some(11));
        let pinned = Facts {
            pinned: true,
            ..bad.clone()
        };
        assert_eq!(to(State::Active, &pinned), None);
        let since = |demotions, plays: &[bool]| Facts {
            demotions,
            plays: plays.to_vec(),
            ..facts(9, 2)
        };
        // 6 times ln 3 is above 5.5 + ln 2.
        assert_eq!(to(State::Demoted, &since(1, &[true; 5])), None);
        let mut mixed = vec![false; 20];
        mixed.extend([true; 9]);
        let back = next(State::Demoted, &since(1, &mixed), 2).unwrap();
        assert_eq!((back.to, back.plays), (State::Trial, Some(26)));
        assert_eq!(to(State::Demoted, &since(9, &mixed)), None);
    }
}
