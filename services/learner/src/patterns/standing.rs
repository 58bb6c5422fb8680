//! Which state a pattern is in, by what came of it. Pure.
//!
//! Successes lift it: a candidate goes on trial, and is active once following an offer succeeded. A run of bad tasks
//! demotes it: Page's cumulative sum test, of "as good as plans from scratch for the same requests" against "clearly worse".
//! It forgets good times when bad ones begin, and a mean of all would not. Each task is counted once, by what is known of
//! plans from scratch at that moment: counted anew with each new estimate, the largest of many sums would decide.

use serde::Serialize;

/// The odds of success that are clearly worse, as a share of those of plans from scratch.
const WORSE: f64 = 1.0 / 5.0;
/// Sum of log likelihood ratios that decides.
const DECIDES: f64 = 5.0;
/// Fewest tasks of a run that demotes.
const LEAST_RUN: u64 = 8;
/// How far the share of plans from scratch is taken to be below its estimate, in deviations, where few are known; it falls
/// with their number.
const CAUTION: f64 = 4.0;
/// Tasks that what is not known of plans from scratch counts for, half of them successes.
const PRIOR: f64 = 4.0;
/// Shares of successes that plans from scratch are taken to have at least and at most.
const SOUND: [f64; 2] = [0.05, 0.95];

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
    /// One since it was last demoted, or taken back, followed an offer.
    pub followed: bool,
    /// At least this state, by people's word.
    pub vouched: Option<State>,
    /// Never demoted.
    pub pinned: bool,
    /// How often it was demoted.
    pub demotions: u32,
    /// The run of tasks counted so far.
    pub run: Run,
    /// Whether each task that ran it and is not counted yet went well, in the order of their end.
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

/// Tasks since the sum was last 0.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Run {
    /// Of log likelihood ratios; never below 0.
    pub sum: f64,
    pub good: u64,
    pub tasks: u64,
}

/// Another state.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub to: State,
    pub reason: String,
    /// How many of the plays it looked at, and the run they end: those behind begin anew. None: all count on.
    pub plays: Option<(usize, Run)>,
}

/// The state that follows, where it is another one. `trial_after`: successes that put a pattern on trial.
pub fn next(state: State, facts: &Facts, trial_after: u64) -> Option<Change> {
    match state {
        State::Retired => None,
        State::Demoted => revived(facts),
        _ => demoted(facts).or_else(|| lifted(state, facts, trial_after)),
    }
}

/// The run once all plays are counted.
pub fn counted(state: State, facts: &Facts) -> Run {
    let worth = if state == State::Demoted {
        Worth::Sound
    } else {
        Worth::Worse
    };
    let add = |run: Run, good: &bool| run.and(*good, facts.scratch.share(), worth);
    facts.plays.iter().fold(facts.run, add)
}

fn demoted(facts: &Facts) -> Option<Change> {
    let clear = |run: &Run| run.sum >= DECIDES && run.tasks >= LEAST_RUN;
    let (at, run) = decides(facts, Worth::Worse, clear).filter(|_| !facts.pinned)?;
    Some(Change {
        to: State::Demoted,
        reason: format!(
            "{} of the last {} tasks that ran it went well, and at least about {:.0} % of plans from scratch do",
            run.good,
            run.tasks,
            facts.scratch.share() * 100.0
        ),
        plays: Some((at, run)),
    })
}

/// Where the level by evidence is another one. It falls when successes are taken back or deleted.
fn lifted(state: State, facts: &Facts, trial_after: u64) -> Option<Change> {
    let by_evidence = match facts {
        _ if facts.successes < trial_after => State::Candidate,
        _ if !facts.followed => State::Trial,
        _ => State::Active,
    };
    let to = facts.vouched.map_or(by_evidence, |vouched| vouched.max(by_evidence));
    (to != state).then(|| Change {
        to,
        reason: format!(
            "{} verified successes, {} after an offer",
            facts.successes,
            if facts.followed { "some" } else { "none" }
        ),
        plays: None,
    })
}

/// The same test the other way round, over tasks that were planned the same way without being offered it. Each demotion
/// doubles the odds that are asked for: a pattern that is as good as others does not come and go.
fn revived(facts: &Facts) -> Option<Change> {
    let sure = DECIDES + f64::from(facts.demotions) * std::f64::consts::LN_2;
    let (at, run) = decides(facts, Worth::Sound, |run| run.sum >= sure)?;
    Some(Change {
        to: State::Trial,
        reason: format!(
            "{} of the last {} tasks that were planned the same way without it went well, as many as of others",
            run.good, run.tasks
        ),
        plays: Some((at, run)),
    })
}

impl Tally {
    /// Share of successes that there is at least, as far as is known: the estimate, drawn to a half where little is known,
    /// less what it may be off. Of nothing a half is assumed, or a bad pattern would stay for ever where none is held out.
    fn share(self) -> f64 {
        if self.tasks <= 0.0 {
            return 0.5;
        }
        let n = self.tasks + PRIOR;
        let estimate = (self.successes + PRIOR / 2.0) / n;
        let share = estimate - CAUTION * (estimate * (1.0 - estimate)).sqrt() / n;
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

impl Run {
    /// With one more task.
    fn and(self, good: bool, sound: f64, worth: Worth) -> Self {
        let odds = sound / (1.0 - sound) * WORSE;
        let worse = odds / (1.0 + odds);
        let ratio = if good {
            (worse / sound).ln()
        } else {
            ((1.0 - worse) / (1.0 - sound)).ln()
        };
        let sign = if worth == Worth::Worse { 1.0 } else { -1.0 };
        let sum = self.sum + sign * ratio;
        if sum <= 0.0 {
            return Self::default();
        }
        Self {
            sum,
            good: self.good + u64::from(good),
            tasks: self.tasks + 1,
        }
    }
}

/// After how many plays a run is clear, and which; none: it is not.
fn decides(facts: &Facts, worth: Worth, is_clear: impl Fn(&Run) -> bool) -> Option<(usize, Run)> {
    let sound = facts.scratch.share();
    let mut run = facts.run;
    let runs = facts.plays.iter().map(|good| {
        run = run.and(*good, sound, worth);
        run
    });
    runs.zip(1..).find(|(run, _)| is_clear(run)).map(|(run, at)| (at, run))
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

    fn at(plays: &[bool], scratch: Tally, worth: Worth, sure: f64) -> Option<usize> {
        let facts = Facts {
            plays: plays.to_vec(),
            scratch,
            ..Facts::default()
        };
        decides(&facts, worth, |run| run.sum >= sure).map(|(at, _)| at)
    }

    fn ours(plays: &[bool]) -> Option<usize> {
        at(plays, SCRATCH, Worth::Worse, DECIDES)
    }

    /// After how many uses a pattern that does well in `chance` of them is demoted, within 300 tasks of which one in ten is
    /// planned from scratch and does well in `scratch` of them, `known` of them before. `anew`: each task from scratch
    /// counts all plays again.
    fn estimated(seed: u64, chance: f64, scratch: f64, known: usize, anew: bool) -> Option<usize> {
        let lot = luck(seed, 300, |_| 0.1);
        let (played, from_scratch) = (
            luck(seed + 7919, 300, |_| chance),
            luck(seed + 104_729, 300, |_| scratch),
        );
        let mut facts = Facts {
            scratch: Tally {
                successes: luck(seed + 1_299_709, known, |_| scratch)
                    .iter()
                    .filter(|good| **good)
                    .count() as f64,
                tasks: known as f64,
            },
            ..Facts::default()
        };
        let mut all = Vec::new();
        for (is_scratch, (played, from_scratch)) in lot.into_iter().zip(played.into_iter().zip(from_scratch)) {
            if is_scratch {
                facts.scratch.tasks += 1.0;
                facts.scratch.successes += f64::from(u8::from(from_scratch));
            } else {
                all.push(played);
            }
            facts.plays = if anew {
                all.clone()
            } else if is_scratch {
                Vec::new()
            } else {
                vec![played]
            };
            if demoted(&facts).is_some() {
                return Some(all.len());
            }
            if !anew {
                facts.run = counted(State::Active, &facts);
            }
        }
        None
    }

    fn demotions(chance: f64, scratch: f64, anew: bool) -> f64 {
        let runs: Vec<_> = (1..1001)
            .map(|seed| estimated(seed, chance, scratch, 0, anew))
            .collect();
        share(&runs, Option::is_some)
    }

    #[test]
    fn what_is_as_good_as_an_estimated_share_is_seldom_demoted_and_what_is_better_hardly_ever() {
        let even = [0.2, 0.5, 0.9].map(|chance| demotions(chance, chance, false));
        let better = [(0.6, 0.5), (0.4, 0.3), (0.95, 0.9)].map(|(chance, scratch)| demotions(chance, scratch, false));
        let anew = [0.2, 0.5].map(|chance| demotions(chance, chance, true));
        let bad: Vec<_> = (1..1001).map(|seed| estimated(seed, 0.1, 0.5, 20, false)).collect();
        let bad = share(&bad, |at| at.is_some_and(|at| at <= 40));
        let told = format!("even {even:?}, better {better:?}, counted anew {anew:?}, bad {bad}");
        assert!(even[0] <= 0.38 && even[1] <= 0.15 && even[2] <= 0.15, "{told}");
        assert!(better.iter().all(|share| *share <= 0.07), "{told}");
        assert!(bad >= 0.9, "{told}");
        // Counted again with each estimate, old plays find a bad moment.
        assert!(anew[0] > 1.2 * even[0] && anew[1] > 0.15, "{told}");
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
        let back = |plays: &[bool]| at(plays, SCRATCH, Worth::Sound, DECIDES + 1.0);
        let bad = share(&after(|_| 0.1, back), Option::is_some);
        assert!(bad < 0.02, "a bad one does not come back: {bad}");
        let even = share(&after(|_| 0.5, ours), Option::is_some);
        assert!(even <= 0.3, "{even}");
        let by_mean = share(&after(|_| 0.5, by_mean), Option::is_some);
        assert!(by_mean > 0.8, "{by_mean}");
    }

    fn facts(successes: u64, followed: bool) -> Facts {
        Facts {
            successes,
            followed,
            scratch: SCRATCH,
            ..Facts::default()
        }
    }

    fn to(state: State, facts: &Facts) -> Option<State> {
        next(state, facts, 2).map(|change| change.to)
    }

    #[test]
    fn successes_lift_a_pattern_and_their_loss_lowers_it() {
        assert_eq!(to(State::Candidate, &facts(1, false)), None);
        assert_eq!(to(State::Candidate, &facts(2, false)), Some(State::Trial));
        assert_eq!(to(State::Trial, &facts(2, false)), None);
        assert_eq!(to(State::Trial, &facts(3, true)), Some(State::Active));
        assert_eq!(to(State::Active, &facts(2, false)), Some(State::Trial));
        assert_eq!(to(State::Active, &facts(1, true)), Some(State::Candidate));
        let vouched = Facts {
            vouched: Some(State::Trial),
            ..facts(0, false)
        };
        assert_eq!(to(State::Candidate, &vouched), Some(State::Trial));
        assert_eq!(to(State::Retired, &facts(9, true)), None);
    }

    #[test]
    fn a_demoted_pattern_comes_back_by_successes_of_others_and_each_time_later() {
        let bad = Facts {
            plays: vec![false; 40],
            ..facts(5, true)
        };
        let demoted = next(State::Active, &bad, 2).unwrap();
        assert_eq!(demoted.to, State::Demoted);
        let (at, run) = demoted.plays.unwrap();
        assert_eq!((at as u64, run.good, run.tasks), (run.tasks, 0, run.tasks));
        assert!((LEAST_RUN..=12).contains(&run.tasks), "{run:?}");
        let pinned = Facts {
            pinned: true,
            ..bad.clone()
        };
        assert_eq!(to(State::Active, &pinned), None);
        let since = |demotions, plays: &[bool]| Facts {
            demotions,
            plays: plays.to_vec(),
            ..facts(9, true)
        };
        assert_eq!(to(State::Demoted, &since(1, &[true; 4])), None);
        let mut mixed = vec![false; 20];
        mixed.extend([true; 9]);
        let back = next(State::Demoted, &since(1, &mixed), 2).unwrap();
        let (at, run) = back.plays.unwrap();
        assert_eq!(
            (back.to, at as u64, run.good),
            (State::Trial, 20 + run.tasks, run.tasks)
        );
        assert_eq!(to(State::Demoted, &since(9, &mixed)), None);
    }
}
