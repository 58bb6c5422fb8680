use super::registry::{Gauge, line};
use opentelemetry::KeyValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A metric of which the spread matters; all stand in [`super::gen_ai`].
#[derive(Clone, Copy, Debug)]
pub struct Distribution {
    /// What scrapers see.
    pub name: &'static str,
    /// What OTLP receivers see.
    pub otlp_name: &'static str,
    /// Of its values, as OpenTelemetry writes units.
    pub unit: &'static str,
    /// What it measures, with its labels and unit.
    pub help: &'static str,
    /// Upper bounds of its buckets, rising; the last bucket has none.
    pub bounds: &'static [f64],
}

/// How often values fell into each bucket.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [f64],
    /// One more than bounds.
    counts: Vec<AtomicU64>,
    sum: Gauge,
    exported: Option<(opentelemetry::metrics::Histogram<f64>, Vec<KeyValue>)>,
}

impl Histogram {
    pub(super) fn new(
        metric: Distribution,
        exported: Option<opentelemetry::metrics::Histogram<f64>>,
        labels: &[KeyValue],
    ) -> Self {
        Self(Arc::new(Inner {
            bounds: metric.bounds,
            counts: (0..=metric.bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: Gauge::default(),
            exported: exported.map(|histogram| (histogram, labels.to_vec())),
        }))
    }

    /// One that nobody sees.
    pub(super) fn detached(metric: Distribution) -> Self {
        Self::new(metric, None, &[])
    }

    /// One more value.
    pub fn record(&self, value: f64) {
        let inner = &self.0;
        let bucket = inner.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = inner.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        inner.sum.add(value);
        if let Some((histogram, labels)) = &inner.exported {
            histogram.record(value, labels);
        }
    }

    pub(super) fn render(&self, name: &str, labels: &str, text: &mut String) {
        let inner = &self.0;
        let others = labels.trim_start_matches('{').trim_end_matches('}');
        let comma = if others.is_empty() { "" } else { "," };
        let mut below = 0;
        let bounds = inner.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (count, bound) in inner.counts.iter().zip(bounds) {
            below += count.load(Ordering::Relaxed);
            line(
                text,
                format_args!("{name}_bucket{{{others}{comma}le=\"{bound}\"}} {below}"),
            );
        }
        line(text, format_args!("{name}_sum{labels} {}", inner.sum.get()));
        line(text, format_args!("{name}_count{labels} {below}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Registry, gen_ai};

    #[test]
    fn values_are_counted_up_to_each_bound_under_names_that_prometheus_takes() {
        let registry = Registry::default();
        let labels = [("gen_ai.request.model", "m"), ("gen_ai.token.type", "input")];
        for tokens in [1.0, 3.0, 4.0, 1e9] {
            registry.histogram(gen_ai::TOKEN_USAGE, &labels).record(tokens);
        }
        let text = registry.render();
        let has = |line: &str| assert!(text.contains(line), "no {line} in {text}");
        has("# TYPE gen_ai_client_token_usage histogram");
        let series = "{gen_ai_request_model=\"m\",gen_ai_token_type=\"input\"";
        for (bound, count) in [("1", 1), ("4", 3), ("67108864", 3), ("+Inf", 4)] {
            has(&format!(
                "gen_ai_client_token_usage_bucket{series},le=\"{bound}\"}} {count}\n"
            ));
        }
        has(&format!("gen_ai_client_token_usage_sum{series}}} 1000000008\n"));
        has(&format!("gen_ai_client_token_usage_count{series}}} 4\n"));
    }

    #[test]
    fn labels_from_outside_cannot_fill_the_memory() {
        let registry = Registry::default();
        for tool in 0..2000 {
            let labels = [("gen_ai.tool.name", tool.to_string())];
            let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
            registry.histogram(gen_ai::EXECUTE_TOOL_DURATION, &labels).record(1.0);
        }
        assert!(registry.render().lines().count() < 20_000);
    }
}
