//! The same figures by OTLP: counters and gauges are read when it is time to send, histograms record twice.

use super::histogram::Distribution;
use super::registry::{Families, Series};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use std::sync::{Mutex, PoisonError, Weak};

type Source = Weak<Mutex<Families>>;

pub(super) fn attributes(labels: &[(&str, &str)]) -> Vec<KeyValue> {
    let attribute = |(name, value): &(&str, &str)| KeyValue::new((*name).to_owned(), (*value).to_owned());
    labels.iter().map(attribute).collect()
}

/// Has all series of a metric read, now and later. `first` tells of which kind they are.
pub(super) fn observe(meter: &Meter, name: &'static str, help: &'static str, first: &Series, source: Source) {
    match first {
        Series::Counter(_) => {
            let read = meter.u64_observable_counter(name).with_description(help);
            let read = read.with_callback(move |observer| {
                each(&source, name, |series, labels| {
                    if let Series::Counter(counter) = series {
                        observer.observe(counter.get(), labels);
                    }
                });
            });
            read.build();
        }
        Series::Gauge(_) => {
            let read = meter.f64_observable_gauge(name).with_description(help);
            let read = read.with_callback(move |observer| {
                each(&source, name, |series, labels| {
                    if let Series::Gauge(gauge) = series {
                        observer.observe(gauge.get(), labels);
                    }
                });
            });
            read.build();
        }
        // Tells its values itself.
        Series::Histogram(_) => {}
    }
}

fn each(source: &Source, name: &str, mut told: impl FnMut(&Series, &[KeyValue])) {
    let Some(families) = source.upgrade() else { return };
    let families = families.lock().unwrap_or_else(PoisonError::into_inner);
    for labelled in families
        .family(name)
        .into_iter()
        .flat_map(|family| family.series.values())
    {
        told(&labelled.series, &labelled.labels);
    }
}

pub(super) fn histogram(meter: &Meter, metric: Distribution) -> Histogram<f64> {
    meter
        .f64_histogram(metric.otlp_name)
        .with_unit(metric.unit)
        .with_description(metric.help)
        .with_boundaries(metric.bounds.to_vec())
        .build()
}
