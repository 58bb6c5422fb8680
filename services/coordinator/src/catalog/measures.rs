//! What runs of tools took: noted as they are written, summed in the database now and then, shown as figures.

use crate::store::catalog::days;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing::warn;
use workflow::plan::Tier;
use workflow::tool::{ToolSource, ToolSpecification};

/// What was measured takes the place of estimates from so many runs on.
const ENOUGH: i64 = 5;
/// Between two writings of the sums.
const EVERY: Duration = Duration::from_secs(15);
/// Of the standard normal distribution, for 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Under which runs of an agent are summed up whose step named the size of its model: a larger one tells nothing of
/// what the agent's own takes. No tool's id has a `#`.
pub fn sized(tool_id: &str, tier: Tier) -> String {
    format!("{tool_id}#{}", tier.as_str())
}

/// Under which a tool's runs are summed up: its own id, and one for each size of model.
pub fn keys(tool_id: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::once(tool_id.to_owned()).chain(Tier::ALL.iter().map(move |tier| sized(tool_id, *tier)))
}

/// A run of a tool that counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Observation {
    /// Of the tool, or as [`sized`].
    pub tool_id: String,
    pub succeeded: bool,
    pub seconds: f64,
    /// None: nobody knows the price.
    pub usd: Option<f64>,
}

/// Sums of a sample of runs.
#[derive(sqlx::FromRow, Clone, Copy, PartialEq, Debug, Default)]
pub struct Sums {
    pub runs: i64,
    pub succeeded: i64,
    pub seconds: f64,
    pub seconds_squared: f64,
    /// Runs whose price is known.
    pub priced: i64,
    pub usd: f64,
    pub usd_squared: f64,
}

/// Runs that were noted and not yet written. What a crash forgets is at most [`EVERY`] of them.
#[derive(Default)]
pub struct Measures(Mutex<HashMap<String, Sums>>);

impl Measures {
    /// Runs were written.
    pub fn note(&self, observations: impl Iterator<Item = Observation>) {
        let mut observations = observations.peekable();
        if observations.peek().is_none() {
            return;
        }
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for observation in observations {
            let one = Sums::of(&observation);
            sums.entry(observation.tool_id).or_default().add(&one);
        }
    }

    /// Writes what was noted; kept for the next time where the database does not answer.
    pub async fn flush(&self, pool: &PgPool) {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return;
        }
        let noted: Vec<(String, Sums)> = noted.into_iter().collect();
        if let Err(error) = days::add(pool, &noted).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "what tools took is written later"
            );
            let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (tool_id, noted) in noted {
                sums.entry(tool_id).or_default().add(&noted);
            }
        }
    }

    /// Writes now and then, for ever.
    pub async fn keep_flushing(&self, pool: &PgPool) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.flush(pool).await;
        }
    }
}

impl Sums {
    fn of(run: &Observation) -> Self {
        let usd = run.usd.unwrap_or(0.0);
        Self {
            runs: 1,
            succeeded: i64::from(run.succeeded),
            seconds: run.seconds,
            seconds_squared: run.seconds * run.seconds,
            priced: i64::from(run.usd.is_some()),
            usd,
            usd_squared: usd * usd,
        }
    }

    /// Both samples as one.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.succeeded += other.succeeded;
        self.seconds += other.seconds;
        self.seconds_squared += other.seconds_squared;
        self.priced += other.priced;
        self.usd += other.usd;
        self.usd_squared += other.usd_squared;
    }
}

/// `{value, n, interval, window}`; null where n = 0, and null is never 0.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    value: f64,
    n: i64,
    /// 95 %; null of a single run.
    interval: Option<[f64; 2]>,
    window: Window,
}

/// Over what it was measured.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Window {
    days: i32,
}

/// What was measured of a tool.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Figures {
    /// Of runs whose price is known.
    pub cost_usd: Option<Figure>,
    pub duration_seconds: Option<Figure>,
    pub success_rate: Option<Figure>,
}

impl Figures {
    /// Of the window's runs of a tool from `source`. What somebody else charges for a call no run tells: what is counted
    /// for it is what the operator declared.
    pub fn of(sums: &Sums, source: &str) -> Self {
        let priced = source == ToolSource::Builtin.as_str();
        Self {
            cost_usd: mean(sums.priced, sums.usd, sums.usd_squared).filter(|_| priced),
            duration_seconds: mean(sums.runs, sums.seconds, sums.seconds_squared),
            success_rate: share(sums.succeeded, sums.runs),
        }
    }

    /// The definition with what was measured in place of what was estimated.
    pub fn corrected(&self, spec: &ToolSpecification) -> ToolSpecification {
        ToolSpecification {
            estimated_cost: enough(self.cost_usd.as_ref()).or(spec.estimated_cost),
            estimated_duration: enough(self.duration_seconds.as_ref()).or(spec.estimated_duration),
            ..spec.clone()
        }
    }

    /// What runs with a model of one size took: `{estimated_cost, estimated_duration, success_rate}`, null where too
    /// little was measured.
    pub fn of_size(&self) -> Value {
        json!({
            "estimated_cost": enough(self.cost_usd.as_ref()),
            "estimated_duration": enough(self.duration_seconds.as_ref()),
            "success_rate": self.success_rate(),
        })
    }

    /// The success rate, once it says something.
    pub fn success_rate(&self) -> Option<f64> {
        enough(self.success_rate.as_ref())
    }

    /// The document's `measured`; null where nothing was.
    pub fn document(&self) -> Value {
        match self.success_rate {
            Some(_) => json!(self),
            None => Value::Null,
        }
    }
}

/// Three digits say all there is to say, and do not change with every run.
fn enough(figure: Option<&Figure>) -> Option<f64> {
    figure
        .filter(|figure| figure.n >= ENOUGH)
        .map(|figure| rounded(figure.value))
}

fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

fn figure(value: f64, n: i64, interval: Option<[f64; 2]>) -> Figure {
    Figure {
        value,
        n,
        interval,
        window: Window {
            days: days::WINDOW_DAYS,
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of runs are far below 2^52")]
fn mean(n: i64, sum: f64, squares: f64) -> Option<Figure> {
    let count = n as f64;
    let mean = (n > 0).then(|| sum / count)?;
    let interval = (n > 1).then(|| {
        // Rounding may leave a little less than nothing.
        let variance = ((squares - count * mean * mean) / (count - 1.0)).max(0.0);
        let half = Z * (variance / count).sqrt();
        [(mean - half).max(0.0), mean + half]
    });
    Some(figure(mean, n, interval))
}

/// A share, with Wilson's interval.
#[expect(clippy::cast_precision_loss, reason = "counts of runs are far below 2^52")]
fn share(hits: i64, n: i64) -> Option<Figure> {
    let count = n as f64;
    let p = (n > 0).then(|| hits as f64 / count)?;
    let centre = p + Z * Z / (2.0 * count);
    let half = Z * (p * (1.0 - p) / count + Z * Z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + Z * Z / count;
    let interval = [((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)];
    Some(figure(p, n, Some(interval)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::story;
    use workflow::vocabulary::EffectClass;

    fn sums(runs: &[(bool, f64, Option<f64>)]) -> Sums {
        let mut sums = Sums::default();
        for (succeeded, seconds, usd) in runs {
            sums.add(&Sums::of(&Observation {
                tool_id: String::new(),
                succeeded: *succeeded,
                seconds: *seconds,
                usd: *usd,
            }));
        }
        sums
    }

    #[test]
    fn nothing_measured_is_null_and_an_unknown_price_is_not_nothing() {
        assert_eq!(Figures::of(&Sums::default(), "builtin").document(), Value::Null);
        let figures = Figures::of(&sums(&[(true, 2.0, None), (false, 4.0, None)]), "builtin");
        assert_eq!(figures.cost_usd, None);
        let duration = figures.duration_seconds.unwrap();
        assert_eq!((duration.value, duration.n), (3.0, 2));
        let [low, high] = duration.interval.unwrap();
        assert!((low - (3.0 - Z)).abs() < 1e-9 && (high - (3.0 + Z)).abs() < 1e-9);
        assert_eq!(figures.success_rate.unwrap().value, 0.5);
    }

    #[test]
    fn estimates_are_replaced_from_the_fifth_run_on_and_the_hash_stays() {
        let mut spec = story::tool("shop.stock", EffectClass::ReadOnly, false);
        spec.estimated_duration = Some(9.0);
        let four = Figures::of(&sums(&[(true, 1.23456, Some(0.0)); 4]), "builtin");
        assert_eq!(four.corrected(&spec), spec);
        assert_eq!(four.success_rate(), None);
        let runs = sums(&[(true, 1.23456, Some(0.0)); 5]);
        let five = Figures::of(&runs, "builtin");
        let corrected = five.corrected(&spec);
        assert_eq!(
            (corrected.estimated_cost, corrected.estimated_duration),
            (Some(0.0), Some(1.23))
        );
        assert_eq!(corrected.version_hash(), spec.version_hash());
        assert_eq!(five.success_rate(), Some(1.0));
        assert_eq!(
            Figures::of(&runs, "api").cost_usd,
            None,
            "the other side's price is not known"
        );
    }
}
