//! Training at a provider.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// That models may be trained at this provider, with exports of training data, and for how much.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FineTuningConfig {
    /// USD per million tokens that are trained, by model that is trained further; `*` at the end stands for the rest of a
    /// name. What has no price here costs nobody knows how much, and is told so.
    #[schemars(extend("additionalProperties" = { "type": "number", "minimum": 0.0, "maximum": 1_000_000.0 }))]
    pub prices: BTreeMap<String, f64>,
    /// Most USD a job may be expected to cost. With it only a job whose price and `n_epochs` are known is started.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub max_usd: Option<f64>,
    /// Files of examples stay with the provider when a job has ended. Those of an erased user go all the same.
    pub keep_files: bool,
}

impl FineTuningConfig {
    /// USD per million tokens; none: not known.
    pub fn price(&self, model: &str) -> Option<f64> {
        let fits = |name: &str| match name.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == name,
        };
        let exact = self.prices.get(model);
        let longest = || {
            self.prices
                .iter()
                .filter(|(name, _)| fits(name))
                .max_by_key(|(name, _)| name.len())
        };
        exact.or_else(|| longest().map(|(_, price)| price)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_is_that_of_the_name_that_says_most() {
        let prices = [("small", 1.0), ("small*", 2.0), ("small-2*", 3.0)];
        let config = FineTuningConfig {
            prices: prices.map(|(name, price)| (name.to_owned(), price)).into(),
            ..FineTuningConfig::default()
        };
        let price = |model| config.price(model);
        assert_eq!(
            ["small", "small-1", "small-2-b", "large"].map(price),
            [Some(1.0), Some(2.0), Some(3.0), None]
        );
    }
}
