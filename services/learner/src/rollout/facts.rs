use super::arms::{Arms, Side};
use super::course::Course;
use super::evidence::Evidence;
use super::observation::{Observation, UnitOutcome, settle};
use super::settings::Settings;
use serde::{Deserialize, Serialize};
use workflow::time::Timestamp;

/// All that a look looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Of the units that may be counted.
    pub evidence: Evidence,
    /// Units by what they were assigned to first, open ones too.
    pub assigned: Arms<u64>,
    /// Units that were seen in both arms.
    pub crossed: u64,
    /// Counted units that were assigned since the step began.
    pub in_step: u64,
    /// Tasks of the challenger, shadow ones too, in whatever order they ended.
    pub challenger: Tally,
    /// Shadow ones that ended.
    pub shadowed: u64,
}

/// Tasks of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Asked for.
    pub assigned: u64,
    /// Of which ended.
    pub ended: u64,
    /// Of which failed, or did not end in time.
    pub failed: u64,
    /// US dollars of those that ended.
    pub cost_usd: f64,
    /// Seconds of those that ended.
    pub seconds: f64,
}

impl Facts {
    /// Of everything that is known at `now`. `shadows` are answers that were used for nothing.
    pub fn gather(
        observations: &[Observation],
        shadows: &[Observation],
        settings: &Settings,
        course: &Course,
        now: Timestamp,
    ) -> Self {
        let settled = settle(observations, &settings.patience, now);
        let mut facts = Self {
            assigned: settled.assigned,
            crossed: settled.crossed,
            ..Self::default()
        };
        for unit in &settled.units {
            facts.count(unit, settings, course);
        }
        let of_challenger = observations.iter().filter(|task| task.side == Side::Challenger);
        for task in of_challenger.chain(shadows) {
            facts.challenger.count(task, settings, now);
        }
        facts.shadowed = shadows.iter().filter(|task| task.ended.is_some()).count() as u64;
        facts
    }

    /// Counts one unit; they come in the order of their assignment.
    pub fn count(&mut self, unit: &UnitOutcome, settings: &Settings, course: &Course) {
        self.evidence.observe(unit, settings);
        self.in_step += u64::from(unit.assigned_at >= course.since);
    }
}

impl Tally {
    fn count(&mut self, task: &Observation, settings: &Settings, now: Timestamp) {
        let overdue = now > task.assigned_at + settings.patience.answer;
        self.assigned += 1;
        match &task.ended {
            Some(ended) => {
                self.ended += 1;
                self.failed += u64::from(ended.failed);
                self.cost_usd += ended.cost_usd;
                self.seconds += ended.seconds;
            }
            None => self.failed += u64::from(overdue),
        }
    }
}
