//! Metrics that move together with the tasks that were done: associations, and no more.

use crate::statistics::days::without_week;
use crate::statistics::fdr;
use crate::statistics::spearman::{Correlation, correlation};
use crate::store::{Series, TaskDay};
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::BTreeMap;

/// Days with both, below which nothing is said.
const LEAST_DAYS: usize = 30;
/// Of associations that are called found at most this share is false.
pub const MOST_FALSE: f64 = 0.1;

/// Two things that may go together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Association {
    /// `business_metric`: a metric by day; `success`: how tasks went.
    pub kind: &'static str,
    pub feature: String,
    pub outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    pub method: &'static str,
    /// Rank correlation, or difference of shares or scores.
    pub effect: f64,
    pub interval: [f64; 2],
    /// Days, or tasks.
    pub n: usize,
    /// Independent ones they are worth.
    pub effective_n: Option<f64>,
    /// Smallest share of false discoveries among all that are at least as clear.
    pub q: f64,
    pub significant: bool,
    pub statement: String,
}

/// Correlations of every series with the days' tasks, the clearest first. `days`: first and last day that is looked at.
pub fn associations(
    series: &[&Series],
    values: &BTreeMap<i64, BTreeMap<NaiveDate, f64>>,
    tasks: &[TaskDay],
    [first, end]: [NaiveDate; 2],
) -> Vec<Association> {
    let Some(begin) = tasks.iter().map(|day| day.day).min().map(|day| day.max(first)) else {
        return Vec::new();
    };
    let days: Vec<NaiveDate> = begin.iter_days().take_while(|day| *day < end).collect();
    let lay = |value: &dyn Fn(&NaiveDate) -> Option<f64>| {
        let laid: Vec<Option<f64>> = days.iter().map(value).collect();
        without_week(&laid, laid.len())
    };
    let by_day: BTreeMap<NaiveDate, &TaskDay> = tasks.iter().map(|day| (day.day, day)).collect();
    // A day without tasks is a day with none completed, and one whose quality is not known.
    let features = [
        (
            "tasks_completed",
            lay(&|day| Some(by_day.get(day).map_or(0.0, |day| day.completed as f64))),
        ),
        ("task_quality", lay(&|day| by_day.get(day)?.quality)),
    ];
    let mut found: Vec<(&'static str, &Series, Correlation)> = Vec::new();
    for series in series {
        let Some(values) = values.get(&series.id) else { continue };
        let metric = lay(&|day| values.get(day).copied());
        for (feature, laid) in &features {
            let both = correlation(laid, &metric).filter(|found| found.n >= LEAST_DAYS);
            found.extend(both.map(|both| (*feature, *series, both)));
        }
    }
    let q = fdr::adjusted(&found.iter().map(|(.., both)| both.p).collect::<Vec<f64>>());
    let mut all: Vec<Association> = found
        .into_iter()
        .zip(q)
        .map(|((feature, series, both), q)| association(feature, series, both, q))
        .collect();
    all.sort_by(|a, b| {
        a.q.total_cmp(&b.q)
            .then_with(|| b.effect.abs().total_cmp(&a.effect.abs()))
    });
    all
}

fn association(feature: &'static str, series: &Series, both: Correlation, q: f64) -> Association {
    let significant = q <= MOST_FALSE;
    let outcome = match series.segment.as_str() {
        "" => format!("\u{201c}{}\u{201d}", series.name),
        segment => format!("\u{201c}{}\u{201d} of \u{201c}{segment}\u{201d}", series.name),
    };
    let statement = if significant {
        let direction = if both.rho > 0.0 { "higher" } else { "lower" };
        format!(
            "days with higher {feature} are associated with {direction} {outcome}; which of them moves the other, or \
                 what moves both, is not told"
        )
    } else {
        format!("no association of {feature} with {outcome} can be told from chance")
    };
    Association {
        kind: "business_metric",
        feature: feature.to_owned(),
        outcome: series.name.clone(),
        segment: Some(series.segment.clone()).filter(|segment| !segment.is_empty()),
        method: "spearman, by independent days (Bartlett), weekdays taken out",
        effect: both.rho,
        interval: both.interval,
        n: both.n,
        effective_n: Some((both.effective * 10.0).round() / 10.0),
        q,
        significant,
        statement,
    }
}
