//! `GET /business-metrics-analysis`: what is asked.

use crate::store::Beginning;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use contracts::learner::AnalyseBusinessMetricsRequest;
use contracts::problem::Problem;
use uuid::Uuid;

/// Days on each side, where nobody says otherwise.
pub const USUAL_DAYS: u32 = 14;
const DAYS: std::ops::RangeInclusive<u32> = 7..=90;
/// How far back a comparison may begin.
const PAST: TimeDelta = TimeDelta::days(3650);

/// What before and after are told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something the learner knows of.
    Of(Beginning),
    /// A time that the caller knows.
    Since(DateTime<Utc>),
}

/// A question about metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub tenant: String,
    /// None: all.
    pub name: Option<String>,
    /// None: all.
    pub segment: Option<String>,
    /// Other metrics that the caller says were not touched.
    pub controls: Vec<String>,
    pub asked: Asked,
    /// Days on each side.
    pub days: usize,
    /// What came later is not looked at.
    pub now: DateTime<Utc>,
}

impl Query {
    /// Read, and checked against `now`.
    ///
    /// # Errors
    /// 400 and 422, as the gateway answers them.
    #[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
    pub fn read(request: AnalyseBusinessMetricsRequest, now: DateTime<Utc>) -> Result<Self, Problem> {
        let days = if request.days == 0 { USUAL_DAYS } else { request.days };
        if !DAYS.contains(&days) {
            return Err(unfit("days", "must be an integer from 7 to 90"));
        }
        let until = time("until", &request.until)?.map_or(now, |until| until.min(now));
        let since = time("since", &request.since)?;
        if since.is_some_and(|since| since > now || since < now - PAST) {
            return Err(unfit("since", "must lie within the last ten years"));
        }
        Ok(Self {
            asked: asked(&request.task_id, &request.pattern_id, since)?,
            tenant: request.tenant,
            name: Some(request.name).filter(|name| !name.is_empty()),
            segment: Some(request.segment).filter(|segment| !segment.is_empty()),
            controls: request.controls,
            days: days as usize,
            now: until,
        })
    }
}

#[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
fn asked(task: &str, pattern: &str, since: Option<DateTime<Utc>>) -> Result<Asked, Problem> {
    let id = |text: &str| {
        let id = Uuid::parse_str(text).ok();
        id.ok_or_else(|| Problem::new(400, "invalid_id", "an id is a UUID of 36 characters, such as a task_id"))
    };
    match (task, pattern, since) {
        ("", "", None) => Ok(Asked::Of(Beginning::FirstTask)),
        ("", "", Some(since)) => Ok(Asked::Since(since)),
        (task, "", None) => id(task).map(|task| Asked::Of(Beginning::Task(task))),
        ("", pattern, None) => id(pattern).map(|pattern| Asked::Of(Beginning::Pattern(pattern))),
        _ => Err(unfit(
            "since",
            "stands beside task_id or pattern_id; one of the three says when it began",
        )),
    }
}

/// A time, or a day, which begins at midnight UTC.
#[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
fn time(name: &str, text: &str) -> Result<Option<DateTime<Utc>>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = || {
        text.parse::<chrono::NaiveDate>()
            .ok()
            .map(|day| day.and_time(NaiveTime::MIN).and_utc())
    };
    let time = DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.to_utc())
        .or_else(day);
    time.map(Some).ok_or_else(|| {
        unfit(
            name,
            "must be a time such as 2030-01-31T09:00:00Z, or a day such as 2030-01-31",
        )
    })
}

fn unfit(name: &str, detail: &str) -> Problem {
    let mut problem = Problem::new(422, "validation", format!("query parameter {name} {detail}"));
    problem.errors = vec![contracts::problem::FieldError {
        pointer: format!("?{name}"),
        detail: detail.to_owned(),
    }];
    problem
}
