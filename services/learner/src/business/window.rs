//! The days before and after, and which of them are over.

use crate::store::Daily;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// Days of a series' past that are read.
pub const PAST_DAYS: usize = 364;

/// Days on each side of the time at which something began, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// When it began.
    pub began: DateTime<Utc>,
    /// Days on each side.
    pub days: usize,
    /// All days after are over.
    pub is_over: bool,
    /// The day it began belongs to neither side, unless it began with the day.
    skips: bool,
}

/// First and last day of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    since: NaiveDate,
    until: NaiveDate,
}

impl Windows {
    /// Around `began`, seen at `now`.
    pub fn around(began: DateTime<Utc>, days: usize, now: DateTime<Utc>) -> Self {
        let mut windows = Self {
            began,
            days,
            is_over: false,
            skips: began.time() != NaiveTime::MIN,
        };
        windows.is_over = windows.end() <= now.date_naive();
        windows
    }

    /// The first day whose past is read.
    pub fn first(&self) -> NaiveDate {
        earlier(self.day(), PAST_DAYS)
    }

    /// The day behind the last one after.
    pub fn end(&self) -> NaiveDate {
        later(self.day(), self.days + usize::from(self.skips))
    }

    /// The days before.
    pub fn before(&self) -> Window {
        Window {
            since: earlier(self.day(), self.days),
            until: earlier(self.day(), 1),
        }
    }

    /// The days after.
    pub fn after(&self) -> Window {
        Window {
            since: later(self.day(), usize::from(self.skips)),
            until: earlier(self.end(), 1),
        }
    }

    /// The days of a series.
    pub fn lay(&self, values: &BTreeMap<NaiveDate, f64>) -> Sides {
        let value = |day: NaiveDate| values.get(&day).copied();
        let past: Vec<_> = self.first().iter_days().take(PAST_DAYS).map(value).collect();
        let known = past.iter().position(Option::is_some).unwrap_or(past.len());
        // A past that begins within the window is shorter than it: the window keeps its days.
        let begins = known.min(past.len().saturating_sub(self.days));
        let after = self.day().iter_days().take(self.days + usize::from(self.skips));
        let after = after.map(|day| value(day).filter(|_| !(self.skips && day == self.day())));
        Sides::new(
            past.get(begins..).unwrap_or_default().to_vec(),
            after.collect(),
            self.days,
        )
    }

    fn day(&self) -> NaiveDate {
        self.began.date_naive()
    }
}

/// A series before and after; the days follow each other without a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    /// From the first day with a value on; no fewer than the window's.
    pub past: Vec<Option<f64>>,
    /// From the day it began on.
    pub after: Vec<Option<f64>>,
    days: usize,
}

impl Sides {
    /// `days`: how many of the past are the window before.
    pub fn new(past: Vec<Option<f64>>, after: Vec<Option<f64>>, days: usize) -> Self {
        Self { past, after, days }
    }

    /// The window before.
    pub fn before(&self) -> &[Option<f64>] {
        self.past
            .get(self.past.len().saturating_sub(self.days)..)
            .unwrap_or_default()
    }
}

/// The days of each series.
pub fn by_series(daily: &[Daily]) -> BTreeMap<i64, BTreeMap<NaiveDate, f64>> {
    let mut series: BTreeMap<i64, BTreeMap<NaiveDate, f64>> = BTreeMap::new();
    for day in daily {
        series.entry(day.series).or_default().insert(day.day, day.value);
    }
    series
}

pub(super) fn earlier(day: NaiveDate, days: usize) -> NaiveDate {
    day.checked_sub_days(Days::new(days as u64)).unwrap_or(NaiveDate::MIN)
}

fn later(day: NaiveDate, days: usize) -> NaiveDate {
    day.checked_add_days(Days::new(days as u64)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::days::change;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_day_it_began_counts_only_where_it_is_whole() {
        let now = time("2030-03-20T12:00:00Z");
        let noon = Windows::around(time("2030-03-06T12:00:00Z"), 14, now);
        assert_eq!(
            (noon.after().since.to_string().as_str(), noon.end().to_string().as_str()),
            ("2030-03-07", "2030-03-21")
        );
        assert!(!noon.is_over, "the last day after is not");
        let midnight = Windows::around(time("2030-03-06T00:00:00Z"), 14, now);
        assert_eq!(midnight.after().since.to_string(), "2030-03-06");
        assert!(midnight.is_over);
        assert_eq!(midnight.before().until.to_string(), "2030-03-05");
    }

    #[test]
    fn weekdays_stay_in_step_across_the_day_it_began() {
        let windows = Windows::around(time("2030-03-06T12:00:00Z"), 14, time("2030-06-01T00:00:00Z"));
        let days = windows.first().iter_days().take(PAST_DAYS + 15);
        let weekday = |day: NaiveDate| f64::from(chrono::Datelike::weekday(&day).num_days_from_monday());
        let values: BTreeMap<NaiveDate, f64> = days.skip(PAST_DAYS - 10).map(|day| (day, weekday(day))).collect();
        let sides = windows.lay(&values);
        assert_eq!(
            (sides.past.len(), sides.before().len(), sides.after.len()),
            (14, 14, 15)
        );
        assert_eq!(sides.after.first(), Some(&None));
        let found = change(sides.before(), &sides.after).unwrap();
        assert_eq!((found.before, found.after), (3.0, 3.0));
    }
}
