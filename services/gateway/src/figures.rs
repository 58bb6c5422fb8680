//! The figures of the product among the gateway's metrics, as the learner tells them.

use crate::application::Application;
use serde_json::Value;
use service::metrics::{Gauge, Metric, Registry, names};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(15);
/// After so many questions without an answer nothing is said any more.
const PATIENCE: u32 = 4;

/// By their names in `GET /metrics` of the API.
const FIGURES: [(&str, Metric); 9] = [
    ("/success_rate/value", names::SUCCESS_RATIO),
    ("/quality_score/value", names::QUALITY_SCORE),
    ("/cost_efficiency/value", names::COST_PER_SUCCESS),
    ("/pattern_adoption/value", names::PATTERN_ADOPTION_RATIO),
    ("/custom_llm_improvement/value", names::CUSTOM_MODEL_IMPROVEMENT),
    ("/memory_uplift/value", names::MEMORY_UPLIFT),
    ("/forecast_cost_ratio/value", names::FORECAST_COST_RATIO),
    ("/forecast_duration_ratio/value", names::FORECAST_DURATION_RATIO),
    ("/forecast_quality_error/value", names::FORECAST_QUALITY_ERROR),
];

/// Keeps them up to date until it is dropped.
pub async fn follow(app: Arc<Application>, registry: Registry) {
    let mut unanswered = 0;
    loop {
        match app.metrics(None).await {
            Ok(document) => {
                unanswered = 0;
                show(&serde_json::from_str(&document.json).unwrap_or_default(), &registry);
            }
            Err(_) if unanswered < PATIENCE => unanswered += 1,
            Err(_) => show(&Value::Null, &registry),
        }
        sleep(EVERY).await;
    }
}

/// A figure that was never measured has no gauge: absent is not 0.
fn show(document: &Value, registry: &Registry) {
    for (pointer, metric) in FIGURES {
        match document.pointer(pointer).and_then(Value::as_f64) {
            Some(value) => {
                let gauge: Gauge = registry.gauge(metric, &[]);
                gauge.set(value);
            }
            None => registry.forget(metric),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_measured_is_shown_and_what_is_not_known_any_more_is_gone() {
        let registry = Registry::default();
        let figure = |value: Value| json!({"value": value, "n": 3});
        let document = json!({
            "success_rate": figure(json!(0.5)), "quality_score": figure(json!(0.9)), "cost_efficiency": figure(json!(0.02)),
            "pattern_adoption": figure(json!(0.25)), "custom_llm_improvement": figure(Value::Null),
        });
        show(&document, &registry);
        let text = registry.render();
        for line in [
            "orchestrator_success_ratio 0.5",
            "orchestrator_quality_score 0.9",
            "orchestrator_cost_per_success_usd 0.02",
            "orchestrator_pattern_adoption_ratio 0.25",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("custom_model"), "{text}");
        show(&Value::Null, &registry);
        assert!(!registry.render().contains("orchestrator_success_ratio"));
    }
}
