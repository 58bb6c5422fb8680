//! Before and after: which comparison is possible, and what it comes to.

use super::finding::Finding;
use super::level::Level;
use super::window::{Sides, Windows};
use crate::statistics::days::{change, known};
use crate::statistics::placebo::{self, Doubt, LEAST_CONTROLS, Unit};
use crate::statistics::{own_past, own_past::LEAST_WINDOWS};
use serde::Serialize;

/// Days with a value on each side, below which nothing is said.
const LEAST_DAYS: usize = 3;
/// Days on each side, below which nothing is tested.
const LEAST_WINDOW: usize = 14;
/// Chance of a claim where nothing happened, of one series that is asked about alone.
pub const ALPHA: f64 = 0.05;

/// One comparison: what it came to, or what it lacks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// The level it would have reached.
    pub level: Level,
    pub method: &'static str,
    /// It found something.
    pub found: bool,
    pub p: Option<f64>,
    pub estimate: Option<f64>,
    pub interval: Option<[f64; 2]>,
    /// Series, or steps of the past, it was compared with.
    pub compared_with: Option<usize>,
    /// Share of the movement before that the controls share, 0-1.
    pub pre_fit: Option<f64>,
    /// Why nothing is claimed; null where something is.
    pub why: Option<String>,
}

impl Test {
    /// Of a level, without figures.
    pub fn of(level: Level, needs: Option<Needs>) -> Self {
        Self {
            level,
            method: match level {
                Level::Descriptive => "same weekdays before and after",
                Level::SingleSeries => "segmented regression, beside the steps of its own past",
                Level::Controlled => "difference in differences, ranked among untouched series",
                Level::Randomised => "groups that chance made, within weeks, at all looks",
            },
            found: needs.is_none(),
            p: None,
            estimate: None,
            interval: None,
            compared_with: None,
            pre_fit: None,
            why: needs.map(|needs| needs.to_string()),
        }
    }
}

/// Why a comparison says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Needs {
    #[error("nothing has begun that before and after could be told by; a completed task begins, or ?since=")]
    Beginning,
    #[error("the task did not complete, so it published nothing")]
    Completed,
    #[error("{before} days before and {after} after have a value, {LEAST_DAYS} of each are needed")]
    Days { before: usize, after: usize },
    #[error("no weekday has a value both before and after")]
    Weekdays,
    #[error("{with} tasks planned with memory and {without} without have a value, {least} of each are needed", least = crate::statistics::randomised::LEAST_EACH)]
    Groups { with: usize, without: usize },
    #[error("it needs windows of {LEAST_WINDOW} days or longer")]
    LongerWindows,
    #[error("the days after are not over")]
    End,
    #[error("three of four days on each side need a value")]
    MoreDays,
    #[error("it needs {LEAST_CONTROLS} other series over the same days; {0} can be used")]
    Controls(usize),
    #[error("it needs {LEAST_WINDOWS} times as many days before as a window has")]
    History,
    #[error("three of four days before need a value")]
    SparsePast,
    #[error("the series does not move")]
    Still,
    #[error("other tasks touched the metric over the same days")]
    Confounded,
    #[error("it was higher or lower than usual just before, and would have come back by itself")]
    UnusualBefore,
    #[error("it moves in longer waves than the others do")]
    UnlikeControls,
    #[error("chance alone often does as much")]
    Chance,
    #[error("values were reported for one group far more often than for the other")]
    Attrition,
}

impl Needs {
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        vec![
            Self::Beginning,
            Self::Completed,
            Self::Days { before: 1, after: 2 },
            Self::Weekdays,
            Self::Groups { with: 1, without: 2 },
            Self::LongerWindows,
            Self::End,
            Self::MoreDays,
            Self::Controls(3),
            Self::History,
            Self::SparsePast,
            Self::Still,
            Self::Confounded,
            Self::UnusualBefore,
            Self::UnlikeControls,
            Self::Chance,
            Self::Attrition,
        ]
    }
}

/// What became of a series. `controls`: those that were not touched. The strongest comparison that is possible decides:
/// where it finds nothing, no weaker one is asked.
pub fn compare(
    own: &Sides,
    controls: &[Sides],
    windows: &Windows,
    is_confounded: bool,
    alpha: f64,
) -> (Finding, Vec<Test>) {
    let (before, after) = (known(own.before()), known(&own.after));
    if before < LEAST_DAYS || after < LEAST_DAYS {
        return (
            Finding::Insufficient(Needs::Days { before, after }.to_string()),
            Vec::new(),
        );
    }
    let Some(change) = change(own.before(), &own.after) else {
        return (Finding::Insufficient(Needs::Weekdays.to_string()), Vec::new());
    };
    let controlled = usable(own, windows).and_then(|()| beside_controls(own, controls, windows, is_confounded, alpha));
    let mut tests = Vec::new();
    let decided = match controlled {
        Ok(verdict) => {
            let scale = verdict.scale;
            let interval = verdict.interval.map(|end| end * scale);
            let effect = verdict.effect * scale;
            let needs = verdict.needs;
            tests.push(Test {
                p: Some(verdict.p),
                estimate: Some(effect),
                interval: Some(interval),
                compared_with: Some(verdict.controls),
                pre_fit: Some(verdict.pre_fit),
                ..Test::of(Level::Controlled, needs)
            });
            Some(needs.is_none().then_some(Finding::BesideControls {
                change,
                effect,
                interval,
                controls: verdict.controls,
            }))
        }
        Err(needs) => {
            tests.push(Test::of(Level::Controlled, Some(needs)));
            None
        }
    };
    let finding = decided.unwrap_or_else(|| {
        let single = usable(own, windows).and_then(|()| beside_past(own, windows));
        match single {
            Ok(verdict) => {
                let needs = if verdict.unusual_before {
                    Some(Needs::UnusualBefore)
                } else {
                    (verdict.p > alpha).then_some(Needs::Chance)
                };
                tests.push(Test {
                    p: Some(verdict.p),
                    estimate: Some(verdict.height),
                    interval: Some(verdict.interval),
                    compared_with: Some(verdict.compared),
                    ..Test::of(Level::SingleSeries, needs)
                });
                needs.is_none().then_some(Finding::BeyondPast {
                    change,
                    step: verdict.height,
                    interval: verdict.interval,
                })
            }
            Err(needs) => {
                tests.push(Test::of(Level::SingleSeries, Some(needs)));
                None
            }
        }
    });
    (finding.unwrap_or(Finding::Described(change)), tests)
}

/// Whether a series has the days that tests need.
fn usable(sides: &Sides, windows: &Windows) -> Result<(), Needs> {
    let enough = |days: &[Option<f64>]| known(days) * 4 >= windows.days * 3;
    if windows.days < LEAST_WINDOW {
        Err(Needs::LongerWindows)
    } else if !windows.is_over {
        Err(Needs::End)
    } else if enough(sides.before()) && enough(&sides.after) {
        Ok(())
    } else {
        Err(Needs::MoreDays)
    }
}

fn beside_past(own: &Sides, windows: &Windows) -> Result<own_past::Verdict, Needs> {
    if own.past.len() < LEAST_WINDOWS * windows.days {
        return Err(Needs::History);
    }
    if !own_past::is_covered(&own.past) {
        return Err(Needs::SparsePast);
    }
    own_past::verdict(&own.past, &own.after, windows.days).ok_or(Needs::Still)
}

struct Controlled {
    scale: f64,
    effect: f64,
    interval: [f64; 2],
    p: f64,
    controls: usize,
    pre_fit: f64,
    needs: Option<Needs>,
}

fn beside_controls(
    own: &Sides,
    controls: &[Sides],
    windows: &Windows,
    is_confounded: bool,
    alpha: f64,
) -> Result<Controlled, Needs> {
    if is_confounded {
        return Err(Needs::Confounded);
    }
    let unit = |sides: &Sides| Unit::of(&sides.past, sides.before(), &sides.after);
    let own = unit(own).ok_or(Needs::Still)?;
    let controls: Vec<Unit> = controls
        .iter()
        .filter(|sides| usable(sides, windows).is_ok())
        .filter_map(unit)
        .collect();
    let too_few = Needs::Controls(controls.len());
    let verdict = placebo::verdict(&own, &controls)
        .filter(|_| controls.len() >= LEAST_CONTROLS)
        .ok_or(too_few)?;
    let interval = verdict.interval.ok_or(too_few)?;
    let needs = match verdict.doubt {
        Some(Doubt::UnusualBefore) => Some(Needs::UnusualBefore),
        Some(Doubt::UnlikeControls) => Some(Needs::UnlikeControls),
        None => (verdict.p > alpha).then_some(Needs::Chance),
    };
    Ok(Controlled {
        scale: own.scale,
        effect: verdict.effect,
        interval,
        p: verdict.p,
        controls: verdict.controls,
        pre_fit: verdict.pre_fit,
        needs,
    })
}
