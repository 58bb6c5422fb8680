//! Difference in differences, judged by what untouched series did over the same days.

use super::autocorrelation::lag_one;
use super::days::{change, without_week};
use super::{deviation, mean};

/// With fewer controls no effect, however large, is rare among them.
pub const LEAST_CONTROLS: usize = 19;
/// The last days before the beginning, that must not have been unusual.
const LAST_DAYS: usize = 7;
/// Standard deviations that sums of floating numbers may be off.
const ROUNDING: f64 = 1e-9;
/// How unusual among the controls is unusual.
const UNUSUAL: f64 = 0.1;
/// How long a series remembers is hard to tell from fewer days than these: it is doubted sooner.
const LONG: usize = 28;
const RARE_MEMORY: [f64; 2] = [0.05, 0.1];

/// A series over the days before and after, in its own standard deviations from day to day.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// One standard deviation.
    pub scale: f64,
    change: f64,
    /// The last days before, above the days before those.
    onset: f64,
    memory: f64,
    past: usize,
    path: Vec<Option<f64>>,
}

impl Unit {
    /// `past`: as many days before as are known, the last of them those `before`. None where the days do not tell: too few
    /// before, or a series that never moves.
    pub fn of(past: &[Option<f64>], before: &[Option<f64>], after: &[Option<f64>]) -> Option<Self> {
        let path = without_week(before, before.len());
        let known: Vec<f64> = path.iter().flatten().copied().collect();
        let scale = deviation(&known).filter(|scale| *scale > f64::EPSILON)?;
        let (earlier, last) = path.split_at_checked(path.len().checked_sub(LAST_DAYS)?)?;
        let level = |days: &[Option<f64>]| mean(&days.iter().flatten().copied().collect::<Vec<f64>>());
        let change = change(before, after)?;
        Some(Self {
            change: (change.after - change.before) / scale,
            onset: (level(last)? - level(earlier)?) / scale,
            memory: lag_one(&without_week(past, past.len()))?,
            past: past.len(),
            path: path.iter().map(|day| day.map(|day| day / scale)).collect(),
            scale,
        })
    }
}

/// What became of a series beside its controls.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Standard deviations of the series.
    pub effect: f64,
    /// Share of all series, this one included, that moved away from the others at least as far.
    pub p: f64,
    /// 95 %: effects that would not be rare; none with too few controls.
    pub interval: Option<[f64; 2]>,
    /// Controls that counted.
    pub controls: usize,
    /// Share of the series' movement before that its controls share, 0-1.
    pub pre_fit: f64,
    /// Why the ranking does not hold; none: it does.
    pub doubt: Option<Doubt>,
}

/// Why controls do not say what would have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It was unusually high or low just before, and would have come back by itself.
    UnusualBefore,
    /// It remembers longer than they do, so that it strays farther by itself.
    UnlikeControls,
}

/// Ranks a series among its controls. None without controls.
pub fn verdict(treated: &Unit, controls: &[Unit]) -> Option<Verdict> {
    let of = |part: fn(&Unit) -> f64| -> Vec<f64> { std::iter::once(treated).chain(controls).map(part).collect() };
    let gaps = gaps(&of(|unit| unit.change))?;
    let (effect, placebos) = gaps.split_first()?;
    let onset = self::gaps(&of(|unit| unit.onset))?;
    let memory = of(|unit| unit.memory);
    let [long, short] = RARE_MEMORY;
    let rare_memory = if treated.past < LONG { short } else { long };
    let doubt = if rank(&onset, f64::abs) <= UNUSUAL {
        Some(Doubt::UnusualBefore)
    } else if rank(&memory, |memory| memory) <= rare_memory {
        Some(Doubt::UnlikeControls)
    } else {
        None
    };
    Some(Verdict {
        effect: *effect,
        p: rank(&gaps, f64::abs),
        interval: interval(*effect, placebos),
        controls: controls.len(),
        pre_fit: fit(treated, controls),
        doubt,
    })
}

/// How far each value is from the mean of all others: the same for all of them, so that without an effect any may be the
/// farthest.
fn gaps(values: &[f64]) -> Option<Vec<f64>> {
    let n = values.len() as f64;
    let mean = mean(values).filter(|_| values.len() > 1)?;
    Some(values.iter().map(|value| (value - mean) * n / (n - 1.0)).collect())
}

/// Share of all values that are at least the first. What differs by rounding alone is alike.
fn rank(values: &[f64], by: impl Fn(f64) -> f64) -> f64 {
    let rounded = |value: f64| (by(value) / ROUNDING).round();
    let first = values.first().map_or(f64::NAN, |first| rounded(*first));
    let at_least = values.iter().filter(|value| rounded(**value) >= first).count();
    at_least as f64 / values.len().max(1) as f64
}

/// Effects that, taken off, would leave the series not rare among the others. Taking off an effect moves the others' gaps
/// a little, too.
fn interval(effect: f64, placebos: &[f64]) -> Option<[f64; 2]> {
    let rare = (placebos.len() + 1) / (LEAST_CONTROLS + 1);
    let others = placebos.len() as f64;
    let ends = placebos.iter().map(|gap| {
        let (one, other) = (
            (effect - gap) * others / (others + 1.0),
            (effect + gap) * others / (others - 1.0),
        );
        (one.min(other), one.max(other))
    });
    let (mut least, mut most): (Vec<f64>, Vec<f64>) = ends.unzip();
    least.sort_by(f64::total_cmp);
    most.sort_by(|a, b| b.total_cmp(a));
    let place = rare.checked_sub(1)?;
    Some([*least.get(place)?, *most.get(place)?])
}

fn fit(treated: &Unit, controls: &[Unit]) -> f64 {
    let pairs: Vec<(f64, f64)> = treated
        .path
        .iter()
        .enumerate()
        .filter_map(|(day, own)| {
            let others: Vec<f64> = controls.iter().filter_map(|unit| *unit.path.get(day)?).collect();
            Some(((*own)?, mean(&others)?))
        })
        .collect();
    let square = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let (own, others, both) = (square(|p| p.0 * p.0), square(|p| p.1 * p.1), square(|p| p.0 * p.1));
    if own <= 0.0 || others <= 0.0 {
        return 0.0;
    }
    // What goes the other way is no fit.
    (both.max(0.0).powi(2) / (own * others)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_of_twenty_is_one_in_twenty() {
        let mut values = vec![5.0];
        values.extend((0..19).map(|n| f64::from(n % 4)));
        let gaps = gaps(&values).unwrap();
        assert!((rank(&gaps, f64::abs) - 0.05).abs() < 1e-12);
        let interval = interval(gaps[0], &gaps[1..]).unwrap();
        assert!(
            interval[0] > 0.0 && interval[0] < gaps[0] && interval[1] > gaps[0],
            "{interval:?}"
        );
        assert_eq!(
            self::interval(gaps[0], &gaps[1..19]),
            None,
            "18 controls can tell nothing"
        );
    }

    #[test]
    fn copies_of_one_series_show_nothing() {
        let days = |scale: f64, from: u32| -> Vec<Option<f64>> {
            (from..from + 14)
                .map(|day| Some(scale * (5.0 + (f64::from(day * day) * 0.7).sin())))
                .collect()
        };
        let unit = |n: u32| {
            let scale = 0.1 + 0.3 * f64::from(n);
            Unit::of(&days(scale, 0), &days(scale, 0), &days(scale, 14)).unwrap()
        };
        let controls: Vec<Unit> = (1..25).map(unit).collect();
        let found = verdict(&unit(0), &controls).unwrap();
        assert_eq!((found.p, found.doubt), (1.0, None));
    }

    #[test]
    fn what_the_interval_leaves_out_is_what_would_be_rare() {
        let values: Vec<f64> = [1.7]
            .into_iter()
            .chain((0..24).map(|n| (f64::from(n) * 1.7).sin()))
            .collect();
        let all = gaps(&values).unwrap();
        let found = interval(all[0], &all[1..]).unwrap();
        for (tau, is_rare) in [
            (found[0] - 1e-6, true),
            (found[0] + 1e-6, false),
            (found[1] - 1e-6, false),
            (found[1] + 1e-6, true),
        ] {
            let mut less = values.clone();
            less[0] -= tau;
            let p = rank(&gaps(&less).unwrap(), f64::abs);
            assert_eq!(p <= 0.05, is_rare, "{tau}: {p}");
        }
    }
}
