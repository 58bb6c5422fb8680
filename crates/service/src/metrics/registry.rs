use super::Metric;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The metrics of a process, shared.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<&'static str, Family>>>);

#[derive(Debug)]
struct Family {
    help: &'static str,
    series: BTreeMap<String, Series>,
}

#[derive(Clone, Debug)]
enum Series {
    Counter(Counter),
    Gauge(Gauge),
}

/// A figure that only rises.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// `by` more.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// The figure.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A figure that rises and falls; the bits of an `f64`.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Changes it.
    pub fn add(&self, by: f64) {
        let changed = |bits| Some((f64::from_bits(bits) + by).to_bits());
        // Never an error: the closure always answers.
        let (Ok(_) | Err(_)) = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    /// The figure.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Registry {
    /// The counter of these labels; the same handle for the same labels. A detached one where the name is a gauge's.
    pub fn counter(&self, metric: Metric, labels: &[(&str, &str)]) -> Counter {
        match self.series(metric, labels, || Series::Counter(Counter::default())) {
            Series::Counter(counter) => counter,
            Series::Gauge(_) => Counter::default(),
        }
    }

    /// The gauge of these labels; the same handle for the same labels. A detached one where the name is a counter's.
    pub fn gauge(&self, metric: Metric, labels: &[(&str, &str)]) -> Gauge {
        match self.series(metric, labels, || Series::Gauge(Gauge::default())) {
            Series::Gauge(gauge) => gauge,
            Series::Counter(_) => Gauge::default(),
        }
    }

    fn series(&self, metric: Metric, labels: &[(&str, &str)], new: impl FnOnce() -> Series) -> Series {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(metric.name).or_insert_with(|| Family {
            help: metric.help,
            series: BTreeMap::new(),
        });
        family.series.entry(label_text(labels)).or_insert_with(new).clone()
    }

    /// Everything, in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, family) in families.iter() {
            family.render(name, &mut text);
        }
        text
    }
}

impl Family {
    fn render(&self, name: &str, text: &mut String) {
        let kind = match self.series.values().next() {
            Some(Series::Counter(_)) => "counter",
            _ => "gauge",
        };
        line(text, format_args!("# HELP {name} {}\n# TYPE {name} {kind}", self.help));
        for (labels, series) in &self.series {
            match series {
                Series::Counter(counter) => line(text, format_args!("{name}{labels} {}", counter.get())),
                Series::Gauge(gauge) => line(text, format_args!("{name}{labels} {}", gauge.get())),
            }
        }
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.push_str(&content.to_string());
    text.push('\n');
}

fn label_text(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::names;

    #[test]
    fn figures_are_rendered_by_name_and_labels() {
        let registry = Registry::default();
        registry.counter(names::INPUTS, &[("outcome", "applied")]).add(2);
        registry.counter(names::INPUTS, &[("outcome", "applied")]).inc();
        registry.gauge(names::JOBS_RUNNING, &[]).add(1.5);
        let text = registry.render();
        assert!(text.contains("# TYPE orchestrator_inputs_total counter"));
        assert!(text.contains("orchestrator_inputs_total{outcome=\"applied\"} 3\n"));
        assert!(text.contains("orchestrator_jobs_running 1.5\n"));
    }
}
