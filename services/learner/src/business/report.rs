//! `POST /business-metrics`: points as somebody reports them.

use super::point::{MOST_POINTS, Point, Reported};
use crate::store::{NewReport, Outcome, Store, StoreError};
use chrono::{DateTime, Utc};
use contracts::learner::RecordBusinessMetricsRequest;
use contracts::problem::{FieldError, Problem};
use serde_json::{Value, json};
use workflow::hash::Fingerprint;

/// Why points are not kept. Then none of them is.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// What the gateway checks before.
    #[error("the points cannot be read: {0}")]
    Unreadable(String),
    /// Some cannot be kept: which, and why.
    #[error("some points cannot be kept")]
    Unfit(Vec<(usize, String)>),
    /// Something else was reported under this key.
    #[error("another request had this idempotency key")]
    KeyReused,
    /// The tenant has as many series or points as it may.
    #[error("{0}")]
    Full(&'static str),
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps the points of a report; the document, and whether an earlier request had reported them.
///
/// # Errors
/// When they cannot be read or kept; then none is kept.
pub async fn take(
    store: &Store,
    request: RecordBusinessMetricsRequest,
    now: DateTime<Utc>,
) -> Result<(Value, bool), ReportError> {
    let reported: Vec<Reported> =
        serde_json::from_str(&request.points_json).map_err(|error| ReportError::Unreadable(error.to_string()))?;
    if reported.is_empty() || reported.len() > MOST_POINTS {
        return Err(ReportError::Unreadable(format!(
            "a report has 1 to {MOST_POINTS} points"
        )));
    }
    let points = checked(reported, now)?;
    let report = NewReport {
        tenant: request.tenant,
        actor: request.actor,
        // Of what was said: a point without a time is another point each time, its report is not.
        body_hash: Fingerprint::of([request.points_json.as_bytes()]).to_string(),
        idempotency_key: Some(request.idempotency_key).filter(|key| !key.is_empty()),
        points,
    };
    match store.note_report(&report, document).await? {
        Outcome::Noted(answer) => Ok((answer, false)),
        Outcome::Replayed { answer, body_hash } if body_hash == report.body_hash => Ok((answer, true)),
        Outcome::Replayed { .. } => Err(ReportError::KeyReused),
        Outcome::TooManySeries => Err(ReportError::Full(
            "the tenant has as many series (names and segments) as it may; report under names that are there",
        )),
        Outcome::TooManyPoints => Err(ReportError::Full(
            "one of the series has as many points as it may; report fewer, such as one a day",
        )),
    }
}

fn checked(reported: Vec<Reported>, now: DateTime<Utc>) -> Result<Vec<Point>, ReportError> {
    let mut points = Vec::with_capacity(reported.len());
    let mut unfit = Vec::new();
    for (at, reported) in reported.into_iter().enumerate() {
        match reported.into_point(now).checked(now) {
            Ok(point) => points.push(point),
            Err(why) => unfit.push((at, why.to_string())),
        }
    }
    if unfit.is_empty() {
        Ok(points)
    } else {
        Err(ReportError::Unfit(unfit))
    }
}

/// What became of each point: new, a correction of one of the same series, time and task, or known already.
fn document(points: &[Point], became: &[&'static str]) -> Value {
    let count = |what: &str| became.iter().filter(|became| **became == what).count();
    let shown = points.iter().zip(became).map(|(point, became)| {
        json!({
            "name": point.name,
            "segment": Some(&point.segment).filter(|segment| !segment.is_empty()),
            "value": point.value,
            "at": service::clock::rfc3339(point.at.timestamp_millis()),
            "task_id": point.task,
            "state": became,
        })
    });
    json!({
        "recorded": count("recorded"),
        "corrected": count("corrected"),
        "unchanged": count("unchanged"),
        "points": shown.collect::<Vec<_>>(),
    })
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Unreadable(why) => Self::new(422, "validation", why),
            ReportError::Unfit(unfit) => {
                let mut problem = Self::new(422, "validation", "some points cannot be kept, so none is; see errors");
                problem.errors = unfit
                    .into_iter()
                    .map(|(at, detail)| FieldError {
                        pointer: format!("/points/{at}"),
                        detail,
                    })
                    .collect();
                problem
            }
            ReportError::KeyReused => Self::new(
                422,
                "idempotency_key_reused",
                "another request had this Idempotency-Key; use a new one",
            ),
            ReportError::Full(why) => Self::new(409, "too_many_business_metrics", why),
            ReportError::Store(error) => crate::rpc::away(&error),
        }
    }
}
