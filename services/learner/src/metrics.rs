//! The figures that tell how well the system works, as a document and for Prometheus.

use crate::figure::{Figure, Window};
use crate::interval::{Estimate, mean, per_success, ratio, share, uplift};
use crate::store::rollouts::Improvement;
use crate::store::{Store, StoreError, Sums};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use service::metrics::{Counter, Gauge, Metric, Registry, names};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pause between two looks at whether there is something new.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The window moves on although nothing new comes.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(300);
/// Reading the figures may take this part of the time, however much there is to read.
const SHARE_OF_TIME: u32 = 50;

/// The figures of a tenant's tasks that ended in the `days` before `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn document(store: &Store, tenant: &str, days: u32, now: DateTime<Utc>) -> Result<Value, StoreError> {
    let since = now - TimeDelta::days(days.into());
    let sums = store.sums(Some(tenant), since).await?;
    let window = Window::new(since, now);
    let figure = |estimate| Figure::new(estimate, Some(window.clone()));
    let improvement = store.improvement(Some(tenant), since).await?;
    let five = Five::of(&sums, &improvement);
    Ok(json!({
        "success_rate": figure(five.success),
        "quality_score": figure(five.quality),
        "cost_efficiency": figure(five.cost),
        "pattern_adoption": figure(five.adoption),
        "custom_llm_improvement": improved(&improvement, &figure(five.custom_model)),
        "memory_uplift": figure(uplift(sums.memory)),
        "quality_distribution": {"n": sums.quality.n, "classes": classes(&sums), "window": window},
        "refinement_rate": figure(share(sums.refined, sums.quality.n)),
        "escalation_rate": figure(share(sums.escalated, sums.ended)),
        "override_rate": figure(share(sums.overridden, sums.decided)),
        "forecast_cost_ratio": figure(ratio(sums.foreseen_usd)),
        "forecast_duration_ratio": figure(ratio(sums.foreseen_seconds)),
        "forecast_quality_error": figure(mean(sums.quality_beyond, [-1.0, 1.0])),
    }))
}

/// The figure with the experiment it is of, or the reason why there is none.
fn improved(improvement: &Improvement, figure: &Figure) -> Value {
    let mut document = json!(figure);
    let of = match improvement {
        Improvement::Seen(experiment, last) => json!({
            "experiment_id": experiment.id,
            "role": experiment.role,
            "model_id": experiment.challenger,
            "stage": experiment.course.stage,
            "e_value": last.look.e_value,
            "reason": null,
        }),
        Improvement::Unseen => json!({"reason": "no task of both sides of an experiment is counted yet"}),
        Improvement::Untried => json!({"reason": "no model was tried in this window"}),
    };
    if let (Some(document), Value::Object(of)) = (document.as_object_mut(), of) {
        document.extend(of);
    }
    document
}

/// How much higher scores are; the interval holds at all looks together.
fn effect(improvement: &Improvement) -> Estimate {
    match improvement {
        Improvement::Seen(_, last) => Estimate {
            value: last.look.effect.value,
            n: last.look.n.control + last.look.n.challenger,
            interval: last.look.effect.interval,
        },
        Improvement::Unseen | Improvement::Untried => Estimate::default(),
    }
}

fn classes(sums: &Sums) -> Vec<Value> {
    let width = 1.0 / sums.classes.len().max(1) as f64;
    let class = |(at, count): (usize, &u64)| {
        // Rounded, so that documents show 0.3 and not 0.30000000000000004.
        let edge = |at: usize| (at as f64 * width * 1000.0).round() / 1000.0;
        json!({"from": edge(at), "to": edge(at + 1), "count": count})
    };
    sums.classes.iter().enumerate().map(class).collect()
}

struct Five {
    success: Estimate,
    quality: Estimate,
    cost: Estimate,
    adoption: Estimate,
    custom_model: Estimate,
}

impl Five {
    fn of(sums: &Sums, improvement: &Improvement) -> Self {
        Self {
            success: share(sums.completed, sums.ended),
            quality: mean(sums.quality, [0.0, 1.0]),
            cost: per_success(sums.cost, sums.completed_cost),
            adoption: share(sums.followed, sums.offered),
            custom_model: effect(improvement),
        }
    }
}

/// Keeps the gauges up to date while records come in.
pub struct Gauges {
    /// Where the figures come from.
    pub store: Store,
    /// Where they go.
    pub registry: Registry,
    /// Days they look back.
    pub days: u32,
}

impl Gauges {
    /// Until `shutdown`. Little is read while nothing happens, for which `kept` stands.
    pub async fn run(self, kept: Counter, shutdown: CancellationToken) {
        let mut seen: Option<(u64, Instant)> = None;
        let mut pause = Duration::ZERO;
        while crate::slept(pause, &shutdown).await {
            pause = LOOK_EVERY;
            let now = kept.get();
            let begun = Instant::now();
            if seen.is_some_and(|(then, at)| then == now && begun - at < LOOK_AT_LEAST_EVERY) {
                continue;
            }
            match self.read().await {
                Ok(()) => seen = Some((now, begun)),
                Err(error) => tracing::warn!(error = crate::chain(&error), "the figures could not be read"),
            }
            pause = pause.max(begun.elapsed() * SHARE_OF_TIME);
        }
    }

    async fn read(&self) -> Result<(), StoreError> {
        let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default();
        let since = now - TimeDelta::days(self.days.into());
        let sums = self.store.sums(None, since).await?;
        let improvement = self.store.improvement(None, since).await?;
        self.show(&Five::of(&sums, &improvement), &sums);
        Ok(())
    }

    /// A figure that was never measured has no gauge: absent is not 0.
    fn show(&self, five: &Five, sums: &Sums) {
        let figures: [(Metric, Estimate); 9] = [
            (names::MEMORY_UPLIFT, uplift(sums.memory)),
            (names::FORECAST_COST_RATIO, ratio(sums.foreseen_usd)),
            (names::FORECAST_DURATION_RATIO, ratio(sums.foreseen_seconds)),
            (names::FORECAST_QUALITY_ERROR, mean(sums.quality_beyond, [-1.0, 1.0])),
            (names::SUCCESS_RATIO, five.success),
            (names::QUALITY_SCORE, five.quality),
            (names::COST_PER_SUCCESS, five.cost),
            (names::PATTERN_ADOPTION_RATIO, five.adoption),
            (names::CUSTOM_MODEL_IMPROVEMENT, five.custom_model),
        ];
        for (metric, estimate) in figures {
            match estimate.value {
                Some(value) => {
                    let gauge: Gauge = self.registry.gauge(metric, &[]);
                    gauge.set(value);
                }
                None => self.registry.forget(metric),
            }
        }
    }
}
