//! A step in a series, compared with the steps it made by itself before.

use super::days::without_week;
use super::quantile::{normal_quantile, student_p, student_quantile};
use super::{deviation, hac, mean};

/// The past must be so many times as long as a window.
pub const LEAST_WINDOWS: usize = 8;
const WEEK: usize = 7;
/// Days of the past, and of each window of it, that need a value: these of those.
const COVERED: [usize; 2] = [3, 4];
/// How unusual the last week before may have been.
const UNUSUAL: f64 = 0.1;

/// What became of a series beside its own past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The step, in the unit of the series.
    pub height: f64,
    /// 95 %: the wider of what its errors and its past allow.
    pub interval: [f64; 2],
    /// Of a step like that: the larger of both.
    pub p: f64,
    /// Steps of the past it was compared with.
    pub compared: usize,
    /// The last week before was unusual, and would have come back by itself.
    pub unusual_before: bool,
}

/// Compares the step after `past` with those at every week of it. `window`: days on each side of a step. None where the
/// past is too short, has too few days with a value, or never moves.
pub fn verdict(past: &[Option<f64>], after: &[Option<f64>], window: usize) -> Option<Verdict> {
    if past.len() < LEAST_WINDOWS * window || window == 0 || !is_covered(past) {
        return None;
    }
    let whole: Vec<Option<f64>> = past.iter().chain(after).copied().collect();
    let (past, after) = without_week(&whole, past.len())
        .split_at_checked(past.len())
        .map(|(p, a)| (p.to_vec(), a.to_vec()))?;
    let own = hac::step(past.get(past.len() - window..)?, &after)?;
    let steps = (window..=past.len() - window).step_by(WEEK).filter_map(|at| {
        let (before, after) = (past.get(at - window..at)?, past.get(at..at + window)?);
        let step = hac::step(before, after).filter(|_| is_covered(before) && is_covered(after))?;
        Some(step.height.powi(2))
    });
    let steps: Vec<f64> = steps.collect();
    // Of a past with holes few steps are left, and they would say that it never moves.
    if steps.len() < LEAST_WINDOWS {
        return None;
    }
    let spread = mean(&steps)?.sqrt();
    // Windows of the past overlap: they are worth no more than those that do not.
    let freedom = (past.len() / (2 * window)) as f64;
    if spread <= 0.0 {
        return None;
    }
    let errors = student_quantile(0.05, freedom)? * spread;
    let half = errors.max(normal_quantile(0.05) * own.error);
    Some(Verdict {
        height: own.height,
        interval: [own.height - half, own.height + half],
        p: own.p.max(student_p(own.height / spread, freedom)?),
        compared: steps.len(),
        unusual_before: last_week_is_unusual(&past),
    })
}

/// Three of four days have a value, in whole days.
pub fn is_covered(days: &[Option<f64>]) -> bool {
    let [of, all] = COVERED;
    days.iter().flatten().count() >= days.len() * of / all
}

fn last_week_is_unusual(past: &[Option<f64>]) -> bool {
    let weeks: Vec<f64> = past
        .rchunks(WEEK)
        .filter_map(|week| mean(&week.iter().flatten().copied().collect::<Vec<f64>>()))
        .collect();
    let Some((last, earlier)) = weeks.split_first() else {
        return true;
    };
    let usual = mean(earlier).zip(deviation(earlier));
    usual.is_none_or(|(level, spread)| (last - level).abs() > normal_quantile(UNUSUAL) * spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: usize = 14;

    /// A wave with noise of its own, `share` of four days with a value, and then a step.
    fn series(share: usize) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
        let value = |day: usize, level: f64| level + ((day * day) as f64 * 0.7).sin();
        let past = (0..12 * WINDOW).map(|day| (day % 4 < share).then(|| value(day, 10.0)));
        let after = (0..WINDOW).map(|day| Some(value(day + 1_000, 30.0)));
        (past.collect(), after.collect())
    }

    #[test]
    fn a_past_with_holes_says_nothing() {
        let found = |share: usize| {
            let (past, after) = series(share);
            verdict(&past, &after, WINDOW)
        };
        assert!(
            found(4).is_some_and(|verdict| verdict.p < 0.01),
            "the step is there to be seen"
        );
        assert!(found(3).is_some(), "three of four days are enough");
        assert!(found(2).is_none() && found(1).is_none());
        // Enough days in all, but in few windows.
        let (mut past, after) = series(4);
        for (day, value) in past.iter_mut().enumerate() {
            if (day / WINDOW) % 3 == 1 && day % WINDOW < 10 {
                *value = None;
            }
        }
        assert!(is_covered(&past) && verdict(&past, &after, WINDOW).is_none());
    }
}
