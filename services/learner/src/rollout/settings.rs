use super::observation::Patience;
use serde::{Deserialize, Serialize};
use workflow::rollout::{Share, Unit};
use workflow::time::Millis;

const MINUTE: Millis = Millis::secs(60);
const DAY: i64 = 24 * 60;

/// How an experiment is run. Fixed before it begins: what is changed under way is another experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What makes the challenger the better one.
    pub goal: Goal,
    /// Chance of promoting one that is not, at all looks together.
    pub alpha: f64,
    /// Chance that any of the guardrails turns back one that is within all margins, at all looks together.
    pub guard_alpha: f64,
    /// How much worse it may be.
    pub margins: Margins,
    /// What it must never exceed.
    pub limits: Limits,
    /// Asked beside the champion before the first step; none: not at all.
    pub shadow: Option<Step>,
    /// Shares that rise. The challenger answers half of each.
    pub steps: Vec<Step>,
    /// Units of each side before it is promoted.
    pub least_each: u64,
    /// Below this chance of the sizes of the arms nothing is concluded.
    pub sample_ratio_p: f64,
    /// How long outcomes are waited for.
    pub patience: Patience,
    /// Milliseconds after which it ends without a winner.
    pub deadline: Millis,
}

/// What makes the challenger the better one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Goal {
    /// Its scores are higher.
    Better,
    /// It costs less, and its scores are not lower by the margin.
    Cheaper {
        /// Of scores from 0 to 1, above 0.
        margin: f64,
    },
}

/// A share of exposed units, and what has to be seen of it before more are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Exposed, in hundredths of a percent.
    pub exposed: Share,
    /// Units assigned since the step began whose outcome is known.
    pub units: u64,
    /// Milliseconds that it lasts at least.
    pub lasts: Millis,
}

/// How much worse a challenger may be before it is turned back; none: not watched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Margins {
    /// Of scores from 0 to 1, lower by.
    pub quality: Option<f64>,
    /// Of the share of failures, higher by.
    pub errors: Option<f64>,
    /// Of the control's cost, higher by this share of it.
    pub cost: Option<f64>,
    /// Of the control's time, higher by this share of it.
    pub latency: Option<f64>,
}

/// Bounds for the challenger alone, whatever the control does; they act at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Tasks of the challenger, shadow ones too, before they are looked at.
    pub tasks: u64,
    /// Share of all assigned tasks that have failed so far.
    pub failed: f64,
    /// Mean US dollars of those that ended.
    pub cost_usd: Option<f64>,
    /// Mean seconds of those that ended.
    pub seconds: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        let step = |exposed, units| Step {
            exposed: Share(exposed),
            units,
            lasts: Millis(10 * MINUTE.0),
        };
        Self {
            goal: Goal::Better,
            alpha: 0.05,
            guard_alpha: 0.05,
            margins: Margins::default(),
            limits: Limits::default(),
            shadow: None,
            steps: vec![
                step(100, 50),
                step(500, 100),
                step(1000, 100),
                step(2500, 100),
                step(5000, 100),
            ],
            least_each: 100,
            sample_ratio_p: 0.001,
            patience: Patience {
                unit: Unit::Task,
                gathered: Millis(7 * DAY * MINUTE.0),
                answer: Millis(60 * MINUTE.0),
            },
            deadline: Millis(30 * DAY * MINUTE.0),
        }
    }
}

impl Default for Margins {
    fn default() -> Self {
        Self {
            quality: Some(0.0),
            errors: Some(0.02),
            cost: Some(0.5),
            latency: Some(0.5),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tasks: 20,
            failed: 0.5,
            cost_usd: None,
            seconds: None,
        }
    }
}

impl Settings {
    /// The step of a number, from 1.
    pub fn step(&self, number: u32) -> Option<&Step> {
        self.steps.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Everything that is wrong with them, for a person.
    pub fn faults(&self) -> Vec<String> {
        let share = |name: &str, value: f64| {
            let inside = value > 0.0 && value < 1.0;
            (!inside).then(|| format!("{name} has to lie between 0 and 1"))
        };
        let rises = self
            .steps
            .windows(2)
            .all(|pair| matches!(pair, [one, next] if one.exposed < next.exposed));
        let within = |share: Share| share > Share(0) && share <= Share::ALL;
        let every = self.steps.iter().chain(&self.shadow);
        let margin = match self.goal {
            Goal::Better => None,
            Goal::Cheaper { margin } => Some(margin),
        };
        let quality = self.margins.quality;
        let negative = |(name, margin): (&str, Option<f64>)| {
            let bad = margin.is_some_and(|margin| !(margin >= 0.0 && margin.is_finite()));
            bad.then(|| format!("margins.{name} has to be 0 or more"))
        };
        let mut faults: Vec<String> = [
            share("alpha", self.alpha),
            share("guard_alpha", self.guard_alpha),
            share("sample_ratio_p", self.sample_ratio_p),
            margin.and_then(|margin| share("goal.margin", margin)),
        ]
        .into_iter()
        .flatten()
        .collect();
        faults.extend(
            [("quality", quality), ("errors", self.margins.errors)]
                .map(negative)
                .into_iter()
                .flatten(),
        );
        faults.extend(
            [("cost", self.margins.cost), ("latency", self.margins.latency)]
                .map(negative)
                .into_iter()
                .flatten(),
        );
        let mut fault = |wrong: bool, text: &str| wrong.then(|| faults.push(text.to_owned()));
        fault(self.steps.is_empty(), "steps: there has to be one");
        fault(!rises, "steps: each has to expose more than the one before");
        fault(
            !every.map(|step| step.exposed).all(within),
            "steps: exposed has to lie between 1 and 10000",
        );
        fault(
            margin.zip(quality).is_some_and(|(margin, quality)| quality < margin),
            "margins.quality has to be as wide as goal.margin, or what is to be promoted is turned back",
        );
        fault(
            self.patience.answer.0 <= 0 || self.deadline.0 <= 0,
            "patience.answer and deadline have to be above 0",
        );
        faults
    }
}
