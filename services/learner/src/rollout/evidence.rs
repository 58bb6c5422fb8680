use super::arms::{Arms, Side};
use super::contrast::{Contrast, beyond};
use super::observation::UnitOutcome;
use super::settings::{Goal, Settings};
use crate::statistics::betting::{TwoSided, Wealth};
use crate::statistics::confidence_sequence::half_width;
use serde::{Deserialize, Serialize};

/// Units of each side before an interval is told: it holds for large samples.
const LEAST_EACH: u64 = 30;
/// Of scores from 0 to 1 no variance is larger. One unit of it is imagined for each side, since equal scores say little
/// about the next.
const LARGEST_VARIANCE: f64 = 0.25;

/// All that is kept of the units that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    scores: Contrast,
    failures: Contrast,
    /// Of scores.
    pub difference: TwoSided,
    /// That scores are not lower by the goal's margin.
    pub not_worse: Wealth,
    /// That scores are lower by more than the margin.
    pub lower: Wealth,
    /// That failures are more by more than the margin.
    pub more_failures: Wealth,
    /// Scores from 0 to 1.
    pub score: Arms<Moments>,
    /// Shares of failed tasks.
    pub failed: Arms<Moments>,
    /// US dollars a task.
    pub cost: Arms<Moments>,
    /// Seconds a task.
    pub seconds: Arms<Moments>,
}

/// How much higher something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// None: a side has nothing.
    pub value: Option<f64>,
    /// None: too little to tell.
    pub interval: Option<[f64; 2]>,
}

/// Mean and spread of what was seen, kept so that nothing cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Values.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Sum of squares around it.
    squares: f64,
}

impl Moments {
    /// One more value.
    pub fn observe(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    /// Of a sample; 0 of fewer than two.
    pub fn variance(&self) -> f64 {
        self.squares / (self.n as f64 - 1.0).max(1.0)
    }

    /// None of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Square of the error of the mean of scores.
    fn cautious_error(&self) -> f64 {
        (self.squares + LARGEST_VARIANCE) / (self.n as f64 * self.n.max(1) as f64)
    }
}

impl Evidence {
    /// Counts one unit. Units come in the order of their assignment.
    pub fn observe(&mut self, unit: &UnitOutcome, settings: &Settings) {
        let UnitOutcome { side, outcome, .. } = unit;
        let score = self.scores.value(*side, outcome.score);
        self.difference.observe(score);
        if let Goal::Cheaper { margin } = settings.goal {
            self.not_worse.observe(beyond(score, margin));
        }
        if let Some(margin) = settings.margins.quality {
            self.lower.observe(beyond(-score, -margin));
        }
        let failed = self.failures.value(*side, outcome.failed);
        if let Some(margin) = settings.margins.errors {
            self.more_failures.observe(beyond(failed, -margin));
        }
        self.score.get_mut(*side).observe(outcome.score);
        self.failed.get_mut(*side).observe(outcome.failed);
        self.cost.get_mut(*side).observe(outcome.cost_usd);
        self.seconds.get_mut(*side).observe(outcome.seconds);
    }

    /// Units counted.
    pub fn n(&self) -> Arms<u64> {
        self.score.map(|score| score.n)
    }

    /// How much higher the challenger's scores are, with an interval that holds at all looks together.
    pub fn effect(&self, alpha: f64) -> Effect {
        let Arms { control, challenger } = self.score;
        let values = control.value().zip(challenger.value());
        let value = values.map(|(control, challenger)| challenger - control);
        let told = self.n().least() >= LEAST_EACH;
        let error = (control.cautious_error() + challenger.cautious_error()).sqrt();
        let half = half_width(error, count(control.n + challenger.n), alpha);
        let around = |value: f64| [(value - half).max(-1.0), (value + half).min(1.0)];
        Effect {
            value,
            interval: value.filter(|_| told).map(around),
        }
    }

    /// Which side the evidence favours.
    pub fn favours(&self) -> Side {
        match self.difference.above.e_value() > self.difference.below.e_value() {
            true => Side::Challenger,
            false => Side::Control,
        }
    }
}

/// As many, for the statistics.
pub fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
