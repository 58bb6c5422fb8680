use super::histogram::{Distribution, Histogram};
use super::{Metric, otlp};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Series of one metric whose labels come from outside; further ones are counted nowhere.
const MAX_SERIES: usize = 500;

/// The metrics of a process, shared.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<Families>>);

#[derive(Debug, Default)]
pub(super) struct Families {
    by_name: BTreeMap<&'static str, Family>,
    /// Where they are exported by OTLP, too.
    meter: Option<Meter>,
}

#[derive(Debug)]
pub(super) struct Family {
    help: &'static str,
    pub(super) series: BTreeMap<String, Labelled>,
    /// It is read for OTLP already.
    observed: bool,
}

/// A series and its labels.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    pub(super) labels: Vec<KeyValue>,
    pub(super) series: Series,
}

#[derive(Clone, Debug)]
pub(super) enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
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
            Series::Gauge(_) | Series::Histogram(_) => Counter::default(),
        }
    }

    /// The gauge of these labels; the same handle for the same labels. A detached one where the name is a counter's.
    pub fn gauge(&self, metric: Metric, labels: &[(&str, &str)]) -> Gauge {
        match self.series(metric, labels, || Series::Gauge(Gauge::default())) {
            Series::Gauge(gauge) => gauge,
            Series::Counter(_) | Series::Histogram(_) => Gauge::default(),
        }
    }

    /// Takes all series of a metric away, where what it says is not known any more. Handles to it go on unseen.
    pub fn forget(&self, metric: Metric) {
        if let Some(family) = self.lock().by_name.get_mut(metric.name) {
            family.series.clear();
        }
    }

    /// The histogram of these labels; the same handle for the same labels. Labels may come from outside: there
    /// is an end to how many are told apart.
    pub fn histogram(&self, metric: Distribution, labels: &[(&str, &str)]) -> Histogram {
        let mut families = self.lock();
        let text = label_text(labels);
        let known = families.by_name.get(metric.name);
        let full = known.is_some_and(|known| known.series.len() >= MAX_SERIES && !known.series.contains_key(&text));
        if full {
            return Histogram::detached(metric);
        }
        let exported = families.meter.as_ref().map(|meter| otlp::histogram(meter, metric));
        let labels = otlp::attributes(labels);
        let new = || Labelled {
            series: Series::Histogram(Histogram::new(metric, exported, &labels)),
            labels: labels.clone(),
        };
        let family = families.by_name.entry(metric.name).or_insert_with(|| Family {
            help: metric.help,
            series: BTreeMap::new(),
            observed: false,
        });
        match &family.series.entry(text).or_insert_with(new).series {
            Series::Histogram(histogram) => histogram.clone(),
            Series::Counter(_) | Series::Gauge(_) => Histogram::detached(metric),
        }
    }

    fn series(&self, metric: Metric, labels: &[(&str, &str)], new: impl FnOnce() -> Series) -> Series {
        let mut families = self.lock();
        let families = &mut *families;
        let family = families.by_name.entry(metric.name).or_insert_with(|| Family {
            help: metric.help,
            series: BTreeMap::new(),
            observed: false,
        });
        let new = || Labelled {
            labels: otlp::attributes(labels),
            series: new(),
        };
        let series = family
            .series
            .entry(label_text(labels))
            .or_insert_with(new)
            .series
            .clone();
        if let Some(meter) = &families.meter
            && !std::mem::replace(&mut family.observed, true)
        {
            otlp::observe(meter, metric.name, metric.help, &series, Arc::downgrade(&self.0));
        }
        series
    }

    /// Exports them by OTLP as well, those that are there and those to come.
    pub fn export_by(&self, meter: Meter) {
        let mut families = self.lock();
        for (name, family) in &mut families.by_name {
            if let Some(first) = family.series.values().next() {
                family.observed = true;
                otlp::observe(&meter, name, family.help, &first.series, Arc::downgrade(&self.0));
            }
        }
        families.meter = Some(meter);
    }

    fn lock(&self) -> MutexGuard<'_, Families> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let families = self.lock();
        let mut text = String::new();
        for (name, family) in families.by_name.iter().filter(|(_, family)| !family.series.is_empty()) {
            family.render(name, &mut text);
        }
        text
    }
}

impl Families {
    pub(super) fn family(&self, name: &str) -> Option<&Family> {
        self.by_name.get(name)
    }
}

impl Family {
    fn render(&self, name: &str, text: &mut String) {
        let kind = match self.series.values().next().map(|labelled| &labelled.series) {
            Some(Series::Counter(_)) => "counter",
            Some(Series::Histogram(_)) => "histogram",
            Some(Series::Gauge(_)) | None => "gauge",
        };
        line(text, format_args!("# HELP {name} {}\n# TYPE {name} {kind}", self.help));
        for (labels, Labelled { series, .. }) in &self.series {
            match series {
                Series::Counter(counter) => line(text, format_args!("{name}{labels} {}", counter.get())),
                Series::Gauge(gauge) => line(text, format_args!("{name}{labels} {}", gauge.get())),
                Series::Histogram(histogram) => histogram.render(name, labels, text),
            }
        }
    }
}

pub(super) fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
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
        // A name with dots is OpenTelemetry's; Prometheus has them with underscores.
        .map(|(name, value)| format!("{}=\"{}\"", name.replace('.', "_"), escape(value)))
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
        registry.forget(names::JOBS_RUNNING);
        assert!(!registry.render().contains("orchestrator_jobs_running"));
    }
}
