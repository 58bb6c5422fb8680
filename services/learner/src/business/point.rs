//! Points of business metrics: what is taken, and what is not.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Beyond, sums of squares lose what is small.
pub const LARGEST: f64 = 1e15;
/// Characters of a name and of a segment.
pub const MAX_NAME: usize = 64;
/// Points of one report.
pub const MOST_POINTS: usize = 1000;
/// How far back a point may lie.
const PAST: TimeDelta = TimeDelta::days(3650);
/// How far ahead: clocks differ, and a day's figure may bear the day's end.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// A value of a metric at a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub name: String,
    /// Empty: the whole.
    pub segment: String,
    pub value: f64,
    pub at: DateTime<Utc>,
    /// The task it is about.
    pub task: Option<Uuid>,
}

/// A point as it is reported.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    pub name: String,
    pub value: f64,
    pub at: Option<DateTime<Utc>>,
    pub task_id: Option<Uuid>,
    #[serde(default)]
    pub segment: Option<String>,
}

/// Why a point is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not finite, or beyond what can be computed with.
    #[error("the value must be a finite number from -1e15 to 1e15")]
    Value,
    /// Empty, too long, or with NUL.
    #[error("a name has 1 to 64 characters, a segment at most 64, none of them NUL")]
    Name,
    /// Long ago, or yet to come.
    #[error("the time must lie within the last ten years, and at most a day ahead")]
    Time,
}

impl Unfit {
    /// In a word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Value => "value_out_of_range",
            Self::Name => "unfit_name",
            Self::Time => "time_out_of_range",
        }
    }
}

impl Point {
    /// Checked against `now`.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn checked(self, now: DateTime<Utc>) -> Result<Self, Unfit> {
        let names = [&self.name, &self.segment];
        if !self.value.is_finite() || self.value.abs() > LARGEST {
            Err(Unfit::Value)
        } else if self.name.is_empty() || names.iter().any(|name| !is_name(name)) {
            Err(Unfit::Name)
        } else if self.at < now - PAST || self.at > now + AHEAD {
            Err(Unfit::Time)
        } else {
            Ok(self)
        }
    }
}

impl Reported {
    /// As it is kept; without a time of its own it is of `now`.
    pub fn into_point(self, now: DateTime<Utc>) -> Point {
        Point {
            name: self.name,
            segment: self.segment.unwrap_or_default(),
            value: self.value,
            at: truncated(self.at.unwrap_or(now)),
            task: self.task_id,
        }
    }
}

fn is_name(text: &str) -> bool {
    text.chars().nth(MAX_NAME).is_none() && !text.contains('\0')
}

/// The database keeps microseconds: more would never be found again.
pub fn truncated(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_computed_with_is_told_apart() {
        let now = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
        let point = Point {
            name: "revenue".into(),
            segment: String::new(),
            value: 1.0,
            at: now,
            task: None,
        };
        assert_eq!(point.clone().checked(now), Ok(point.clone()));
        let with = |change: fn(&mut Point)| {
            let mut point = point.clone();
            change(&mut point);
            point.checked(now).unwrap_err()
        };
        for value in [
            |p: &mut Point| p.value = f64::NAN,
            |p: &mut Point| p.value = 1e300,
            |p: &mut Point| p.value = -f64::INFINITY,
        ] {
            assert_eq!(with(value), Unfit::Value);
        }
        assert_eq!(with(|p| p.name = String::new()), Unfit::Name);
        assert_eq!(with(|p| p.segment = "x".repeat(65)), Unfit::Name);
        assert_eq!(with(|p| p.at += TimeDelta::days(2)), Unfit::Time);
        assert_eq!(with(|p| p.at -= TimeDelta::days(4000)), Unfit::Time);
    }
}
