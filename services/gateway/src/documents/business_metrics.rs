//! `POST /business-metrics`, and the query of `GET /business-metrics-analysis`.

use super::faults::Faults;
use super::fields::Fields;
use super::names::{MAX_NAME, unfit_name};
use crate::identifiers;
use crate::json::kind;
use crate::query::{Parameters, unfit};
use crate::refusal::Refusal;
use chrono::DateTime;
use contracts::learner::AnalyseBusinessMetricsRequest;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use uuid::Uuid;

const MOST_POINTS: usize = 1000;
/// Tasks one report may name: each is looked up.
const MOST_TASKS: usize = 100;
const LARGEST: f64 = 1e15;
const DAYS: std::ops::RangeInclusive<u32> = 7..=90;
const MOST_CONTROLS: usize = 20;
/// Characters of a time in a query.
const MAX_TIME: usize = 40;

/// A value of a metric, as the learner reads it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Point {
    pub name: String,
    pub value: f64,
    /// RFC 3339; absent: now.
    pub at: Option<String>,
    /// The task it is about.
    pub task_id: Option<Uuid>,
    /// The part of the business it was measured in; absent: the whole.
    pub segment: Option<String>,
}

/// Reads and checks a point, or `{"points": […]}`.
///
/// # Errors
/// 422 with every fault.
pub fn read(mut body: Map<String, Value>) -> Result<Vec<Point>, Refusal> {
    let mut faults = Faults::default();
    let points = match body.remove("points") {
        None => vec![point(body, "", &mut faults)],
        Some(points) => {
            Fields::new(body, "", &mut faults).finish();
            list(points, &mut faults)
        }
    };
    if tasks(&points).len() > MOST_TASKS {
        faults.value("/points", format!("may name at most {MOST_TASKS} tasks"));
    }
    faults.check(points)
}

/// The tasks that points are about, each once.
pub fn tasks(points: &[Point]) -> BTreeSet<Uuid> {
    points.iter().filter_map(|point| point.task_id).collect()
}

fn list(points: Value, faults: &mut Faults) -> Vec<Point> {
    let Value::Array(points) = points else {
        faults.value("/points", format!("must be an array, it is {}", kind(&points)));
        return Vec::new();
    };
    if !(1..=MOST_POINTS).contains(&points.len()) {
        faults.value("/points", format!("must have 1 to {MOST_POINTS} items"));
        return Vec::new();
    }
    let mut read = Vec::with_capacity(points.len());
    for (index, item) in points.into_iter().enumerate() {
        let base = format!("/points/{index}");
        match item {
            Value::Object(members) => read.push(point(members, &base, faults)),
            other => faults.value(base, format!("must be an object, it is {}", kind(&other))),
        }
    }
    read
}

fn point(members: Map<String, Value>, base: &str, faults: &mut Faults) -> Point {
    let mut fields = Fields::new(members, base, faults);
    let point = Point {
        name: required_name(&mut fields),
        value: required_value(&mut fields),
        at: time(&mut fields),
        task_id: task(&mut fields),
        segment: name(&mut fields, "segment"),
    };
    fields.finish();
    point
}

fn required_name(fields: &mut Fields) -> String {
    let before = fields.faults().len();
    name(fields, "name").unwrap_or_else(|| {
        if fields.faults().len() == before {
            fields.required("name", "what is measured, such as conversion_rate");
        }
        String::new()
    })
}

fn required_value(fields: &mut Fields) -> f64 {
    let before = fields.faults().len();
    fields.number("value", -LARGEST..=LARGEST).unwrap_or_else(|| {
        if fields.faults().len() == before {
            fields.required("value", "a finite number");
        }
        0.0
    })
}

fn name(fields: &mut Fields, field: &str) -> Option<String> {
    let text = fields.text(field, 0..=MAX_NAME)?;
    if let Some(why) = unfit_name(&text) {
        fields.fault(field, why);
    }
    Some(text)
}

fn time(fields: &mut Fields) -> Option<String> {
    let text = fields.text("at", 0..=MAX_TIME)?;
    if DateTime::parse_from_rfc3339(&text).is_err() {
        fields.fault("at", "must be a time such as 2026-01-31T09:00:00Z");
    }
    Some(text)
}

fn task(fields: &mut Fields) -> Option<Uuid> {
    let text = fields.text("task_id", 0..=64)?;
    let id = identifiers::parse(&text);
    if id.is_none() {
        fields.fault("task_id", "must be a UUID");
    }
    id
}

/// Reads the query of an analysis; what its times mean is the learner's to judge.
///
/// # Errors
/// 400 for an id that is none, 422 for what is out of range.
pub fn query(query: &Parameters) -> Result<AnalyseBusinessMetricsRequest, Refusal> {
    let days = match query.get("days") {
        None => 0,
        Some(text) => {
            let days = text.parse().ok().filter(|days| DAYS.contains(days));
            days.ok_or_else(|| {
                unfit(
                    "days",
                    format!("must be an integer from {} to {}", DAYS.start(), DAYS.end()),
                )
            })?
        }
    };
    let controls = query.text("controls", MOST_CONTROLS * (MAX_NAME + 1))?;
    check(AnalyseBusinessMetricsRequest {
        tenant: String::new(),
        name: query.text("name", MAX_NAME)?,
        segment: query.text("segment", MAX_NAME)?,
        task_id: query.text("task_id", MAX_NAME)?,
        pattern_id: query.text("pattern_id", MAX_NAME)?,
        since: query.text("since", MAX_TIME)?,
        until: query.text("until", MAX_TIME)?,
        days,
        controls: controls
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

/// What REST and gRPC ask alike.
///
/// # Errors
/// As [`query`].
pub fn check(request: AnalyseBusinessMetricsRequest) -> Result<AnalyseBusinessMetricsRequest, Refusal> {
    for id in [&request.task_id, &request.pattern_id] {
        if !id.is_empty() {
            identifiers::require(id)?;
        }
    }
    if request.controls.len() > MOST_CONTROLS {
        return Err(unfit("controls", format!("must have at most {MOST_CONTROLS} names")));
    }
    Ok(request)
}
