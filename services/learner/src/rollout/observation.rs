//! What came of each unit, and which of them may be counted now.
//!
//! Units are counted in the order in which they were assigned, up to the first whose outcome is still open. What an arm
//! does to the time an answer takes is then of no account: were they counted as they end, an arm whose bad answers are
//! slow would look good at every look. A unit is not waited for for ever: after a time that is fixed beforehand, and the
//! same for both arms, what has not come has failed.

use super::arms::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use workflow::rollout::Unit;
use workflow::time::{Millis, Timestamp};

/// One task as its arm answered it: whatever the assigned model did, and whoever stepped in for it. A task is observed
/// once, however often it was told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The unit that was drawn for.
    pub unit: String,
    /// What it was assigned to.
    pub side: Side,
    /// When.
    pub assigned_at: Timestamp,
    /// None: it is under way.
    pub ended: Option<Ended>,
}

/// What came of one task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// From 0 to 1. Where there is none (it failed, was given up, nobody judged it) nothing was gained: 0.
    pub score: Option<f64>,
    /// The assigned model crashed, timed out, answered nothing of use, or another one had to step in.
    pub failed: bool,
    /// US dollars, of whatever answered.
    pub cost_usd: f64,
    /// Seconds that the answer took.
    pub seconds: f64,
}

/// How long outcomes are waited for; settled before an experiment begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    /// What is counted once.
    pub unit: Unit,
    /// A user's tasks count that were assigned within so many milliseconds of the first. One task needs none.
    pub gathered: Millis,
    /// An answer that is not there so many milliseconds after it was asked for has failed.
    pub answer: Millis,
}

/// What a unit came to: the mean of its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// From 0 to 1; a failure is 0.
    pub score: f64,
    /// Share of its tasks that failed.
    pub failed: f64,
    /// US dollars a task.
    pub cost_usd: f64,
    /// Seconds a task.
    pub seconds: f64,
}

/// A unit whose outcome will not change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitOutcome {
    /// What it was assigned to.
    pub side: Side,
    /// Its first assignment.
    pub assigned_at: Timestamp,
    /// What it came to.
    pub outcome: Outcome,
}

/// Units as they may be counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// In the order of their assignment, up to the first that is open.
    pub units: Vec<UnitOutcome>,
    /// First assignments, of all units.
    pub assigned: super::Arms<u64>,
    /// Units that were seen in both arms: something assigns otherwise than the table says. They stay in their first.
    pub crossed: u64,
}

/// Which units may be counted at `now`, and what they came to. The order of the observations does not matter.
pub fn settle(observations: &[Observation], patience: &Patience, now: Timestamp) -> Settled {
    let mut units: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        units.entry(&observation.unit).or_default().push(observation);
    }
    let mut ordered: Vec<_> = units
        .into_iter()
        .filter_map(|(name, tasks)| {
            let first = tasks.iter().min_by_key(|task| (task.assigned_at, task.side))?;
            Some((first.assigned_at, name, first.side, tasks))
        })
        .collect();
    // The name settles what was assigned within one millisecond: it was there before the arm was.
    ordered.sort_by_key(|(at, name, ..)| (*at, *name));
    let mut settled = Settled::default();
    let mut blocked = false;
    for (assigned_at, _, side, tasks) in ordered {
        *settled.assigned.get_mut(side) += 1;
        settled.crossed += u64::from(tasks.iter().any(|task| task.side != side));
        let outcome = patience.outcome(&tasks, assigned_at, now);
        blocked |= outcome.is_none();
        if let Some(outcome) = outcome.filter(|_| !blocked) {
            settled.units.push(UnitOutcome {
                side,
                assigned_at,
                outcome,
            });
        }
    }
    settled
}

impl Patience {
    /// None while it may still change.
    fn outcome(&self, tasks: &[&Observation], first: Timestamp, now: Timestamp) -> Option<Outcome> {
        let until = match self.unit {
            Unit::Task => first,
            Unit::User => first + self.gathered,
        };
        if self.unit == Unit::User && now < until {
            return None;
        }
        let counted = tasks.iter().filter(|task| task.assigned_at <= until);
        let ended: Option<Vec<Outcome>> = counted.map(|task| self.of_one(task, now)).collect();
        ended.as_deref().and_then(mean)
    }

    fn of_one(&self, task: &Observation, now: Timestamp) -> Option<Outcome> {
        let overdue = task.assigned_at + self.answer;
        match &task.ended {
            // An answer after that is none, whenever somebody looks.
            Some(ended) if ended.at <= overdue => Some(ended.outcome()),
            Some(ended) => Some(Outcome {
                cost_usd: ended.outcome().cost_usd,
                ..self.nothing()
            }),
            None if now > overdue => Some(self.nothing()),
            None => None,
        }
    }

    fn nothing(&self) -> Outcome {
        Outcome {
            score: 0.0,
            failed: 1.0,
            cost_usd: 0.0,
            seconds: self.answer.as_secs_f64(),
        }
    }
}

impl Ended {
    fn outcome(&self) -> Outcome {
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        let score = self.score.filter(|_| !self.failed).map_or(0.0, finite);
        Outcome {
            score: score.clamp(0.0, 1.0),
            failed: f64::from(u8::from(self.failed)),
            cost_usd: finite(self.cost_usd),
            seconds: finite(self.seconds),
        }
    }
}

fn mean(tasks: &[Outcome]) -> Option<Outcome> {
    let n = tasks.len() as f64;
    let mean = |of: fn(&Outcome) -> f64| tasks.iter().map(of).sum::<f64>() / n;
    (!tasks.is_empty()).then(|| Outcome {
        score: mean(|task| task.score),
        failed: mean(|task| task.failed),
        cost_usd: mean(|task| task.cost_usd),
        seconds: mean(|task| task.seconds),
    })
}
