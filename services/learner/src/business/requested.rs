//! Figures that came with a request: points of the time it was made, about its task.

use super::point::{Point, truncated};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a record tells of its request. Free-form: a record must not be lost for what stands here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Request {
    #[serde(default)]
    business_metrics: Value,
}

/// The figures of a raw record; none where its request told none.
pub fn requested(task: Uuid, raw: &str) -> Option<Requested> {
    #[derive(Deserialize)]
    struct Raw {
        task: Task,
        submission: Request,
    }
    #[derive(Deserialize)]
    struct Task {
        created_at: DateTime<Utc>,
    }
    let raw: Raw = serde_json::from_str(raw).ok()?;
    Requested::of(raw.submission, task, raw.task.created_at)
}

/// Points to keep, and how many are not kept and why.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Requested {
    pub points: Vec<Point>,
    pub left_out: BTreeMap<&'static str, i64>,
}

impl Requested {
    /// Of a task that was made at `at`; none where its request told no figures.
    pub fn of(request: Request, task: Uuid, at: DateTime<Utc>) -> Option<Self> {
        let Value::Object(metrics) = request.business_metrics else {
            return None;
        };
        if metrics.is_empty() {
            return None;
        }
        let mut requested = Self::default();
        for (name, value) in metrics {
            let point = Point {
                name,
                segment: String::new(),
                value: value.as_f64().unwrap_or(f64::NAN),
                at: truncated(at),
                task: Some(task),
            };
            // Of its own time: how long ago that is says nothing against it.
            match point.checked(at) {
                Ok(point) => requested.points.push(point),
                Err(why) => *requested.left_out.entry(why.code()).or_default() += 1,
            }
        }
        Some(requested)
    }
}
