//! Business metrics over gRPC: requests read as REST reads them, documents told in part.

use super::learning::{Learning, parsed, text};
use crate::caller::Caller;
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::json;
use crate::query::unfit;
use crate::refusal::Refusal;
use contracts::learner;
use contracts::v1::{
    AnalyseBusinessMetricsRequest, BusinessMetric, BusinessMetricPoint, BusinessMetricsAnalysis,
    RecordBusinessMetricsRequest, RecordedBusinessMetrics,
};
use serde_json::{Map, Value, json};

const MAX_TEXT: usize = 64;

impl Learning {
    pub(super) async fn record_points(
        &self,
        caller: Caller,
        key: Option<Vec<u8>>,
        request: RecordBusinessMetricsRequest,
    ) -> Result<RecordedBusinessMetrics, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let points: Vec<Value> = request.points.into_iter().map(point).collect();
        let mut body = Map::new();
        body.insert("points".to_owned(), Value::Array(points));
        json::refuse_nul(&body)?;
        let points = documents::business_metrics::read(body)?;
        let kept = self.app.record_business_metrics(caller, &points, key).await?;
        let document = parsed(&kept.json)?;
        let count = |name: &str| {
            let count = document.get(name).and_then(Value::as_u64);
            count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
        };
        Ok(RecordedBusinessMetrics {
            recorded: count("recorded"),
            corrected: count("corrected"),
            unchanged: count("unchanged"),
            replayed: kept.replayed,
            document_json: kept.json,
        })
    }

    pub(super) async fn analyse_points(
        &self,
        request: AnalyseBusinessMetricsRequest,
    ) -> Result<BusinessMetricsAnalysis, Refusal> {
        let texts = [
            ("name", &request.name),
            ("segment", &request.segment),
            ("since", &request.since),
            ("until", &request.until),
        ];
        for (name, text) in texts {
            if text.chars().nth(MAX_TEXT).is_some() || text.contains('\0') {
                return Err(unfit(
                    name,
                    format!("must have at most {MAX_TEXT} characters, none of them NUL"),
                ));
            }
        }
        if request
            .controls
            .iter()
            .any(|name| name.chars().nth(MAX_TEXT).is_some() || name.contains('\0'))
        {
            return Err(unfit("controls", "must be names of metrics".to_owned()));
        }
        let question = documents::business_metrics::check(learner::AnalyseBusinessMetricsRequest {
            tenant: String::new(),
            name: request.name,
            segment: request.segment,
            task_id: request.task_id,
            pattern_id: request.pattern_id,
            since: request.since,
            until: request.until,
            days: request.days,
            controls: request.controls,
        })?;
        let document_json = self.app.analyse_business_metrics(question).await?.json;
        let document = parsed(&document_json)?;
        let metrics = document.get("metrics").and_then(Value::as_array).into_iter().flatten();
        Ok(BusinessMetricsAnalysis {
            metrics: metrics.map(metric).collect(),
            document_json,
        })
    }
}

/// The document REST takes. Empty strings are absent; JSON has no number for what is not finite.
fn point(point: BusinessMetricPoint) -> Value {
    let mut members = Map::new();
    let texts = [
        ("name", point.name),
        ("at", point.at),
        ("task_id", point.task_id),
        ("segment", point.segment),
    ];
    for (name, text) in texts {
        if !text.is_empty() {
            members.insert(name.to_owned(), Value::String(text));
        }
    }
    members.insert("value".to_owned(), json!(point.value));
    Value::Object(members)
}

fn metric(document: &Value) -> BusinessMetric {
    let number = |name: &str| document.get(name).and_then(Value::as_f64);
    let count = |name: &str| document.get(name).and_then(Value::as_u64);
    BusinessMetric {
        name: text(document, "name"),
        segment: text(document, "segment"),
        level: count("level").and_then(|level| u32::try_from(level).ok()),
        before: number("before"),
        after: number("after"),
        effect: number("effect"),
        n: count("n").unwrap_or_default(),
        statement: text(document, "statement"),
    }
}
