//! Business metrics of a record: figures, and what may be said of them.

use super::TrainingRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A figure of the business, and what was found of it before and after the task.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessMetric {
    /// As the client gave it with the request; null: it was reported for the task otherwise.
    pub value: Option<f64>,
    /// Level of evidence, 0-3, of what is stated; null: insufficient data, or not settled yet, and then nothing is stated.
    #[schemars(range(min = 0, max = 3))]
    pub level: Option<u8>,
    /// The part of the business that was compared; absent: the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Mean of the days before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// Mean of the days after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// By how much it changed, as the level tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// 95 %, of the effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// One sentence, in the words of the level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

impl From<f64> for BusinessMetric {
    fn from(value: f64) -> Self {
        Self {
            value: Some(value),
            ..Self::default()
        }
    }
}

impl TrainingRecord {
    /// Beside the figures of the request: what was settled of the task's metrics, JSON of names and [`BusinessMetric`]s
    /// without values.
    ///
    /// # Errors
    /// When it is not that.
    pub fn settled(&mut self, levels: &str) -> Result<(), serde_json::Error> {
        let levels: BTreeMap<String, BusinessMetric> = serde_json::from_str(levels)?;
        for (name, level) in levels {
            let metric = self.business_metrics.entry(name).or_default();
            *metric = BusinessMetric {
                value: metric.value,
                ..level
            };
        }
        Ok(())
    }
}

/// As they are now, or were in version 1: figures alone.
pub(super) fn read<'de, D: Deserializer<'de>>(reader: D) -> Result<BTreeMap<String, BusinessMetric>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Figure(f64),
        Metric(BusinessMetric),
    }
    let told = BTreeMap::<String, Told>::deserialize(reader)?;
    let metric = |told| match told {
        Told::Figure(figure) => figure.into(),
        Told::Metric(metric) => metric,
    };
    Ok(told.into_iter().map(|(name, told)| (name, metric(told))).collect())
}
