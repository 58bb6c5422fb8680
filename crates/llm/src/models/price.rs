//! What tokens cost.

use crate::provider::Tokens;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Prices of the models of well-known providers.
const TABLE: &str = include_str!("../../prices.toml");

/// USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of the prompt.
    pub input: f64,
    /// Of the prompt, read from a cache; none: as the rest of it.
    pub cached_input: Option<f64>,
    /// Of the reply.
    pub output: f64,
}

/// Price by model, or by the beginning of its name followed by `*`.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    own: BTreeMap<String, Price>,
    table: BTreeMap<String, Price>,
}

/// The table that is a part of this program cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the embedded price table cannot be read")]
pub struct TableError(#[from] toml::de::Error);

impl Prices {
    /// The table, and before it what the operator says.
    pub(crate) fn new(own: BTreeMap<String, Price>) -> Result<Self, TableError> {
        let table = toml::from_str(TABLE)?;
        Ok(Self { own, table })
    }

    /// None: nobody knows.
    pub(crate) fn of(&self, model: &str) -> Option<Price> {
        find(&self.own, model).or_else(|| find(&self.table, model))
    }
}

/// The name itself, else the longest beginning.
fn find(prices: &BTreeMap<String, Price>, model: &str) -> Option<Price> {
    let begins = |pattern: &str| pattern.strip_suffix('*').is_some_and(|start| model.starts_with(start));
    let exact = prices.get(model);
    let longest = || {
        prices
            .iter()
            .filter(|(pattern, _)| begins(pattern))
            .max_by_key(|(pattern, _)| pattern.len())
    };
    exact.or_else(|| longest().map(|(_, price)| price)).copied()
}

impl Price {
    /// Micro-USD: one for each token at one dollar a million.
    pub(crate) fn micros(&self, tokens: &Tokens) -> i64 {
        #[expect(clippy::cast_precision_loss, reason = "believed counts are far below 2^52")]
        let cost = |count: u64, price: f64| count as f64 * price;
        let fresh = tokens.input.saturating_sub(tokens.cached);
        let total = cost(fresh, self.input)
            + cost(tokens.cached, self.cached_input.unwrap_or(self.input))
            + cost(tokens.output, self.output);
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
        let micros = total.round() as i64;
        micros
    }

    /// Nothing it does costs anything.
    pub(crate) fn is_zero(&self) -> bool {
        self.input == 0.0 && self.output == 0.0 && self.cached_input.unwrap_or_default() == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_the_longest_name_wins() {
        let own = BTreeMap::from([(
            "local*".to_owned(),
            Price {
                input: 0.0,
                cached_input: None,
                output: 0.0,
            },
        )]);
        let prices = Prices::new(own).unwrap();
        let price = |model: &str| prices.of(model).map(|price| (price.input, price.output));
        assert_eq!(price("gpt-4o"), Some((2.5, 10.0)));
        assert_eq!(price("gpt-4o-2024-08-06"), Some((2.5, 10.0)));
        assert_eq!(price("gpt-4o-mini"), Some((0.15, 0.6)));
        assert_eq!(price("gpt-4o-audio-preview"), None);
        assert_eq!(price("claude-opus-4-5-20251101"), Some((5.0, 25.0)));
        assert_eq!(price("claude-opus-4-20250514"), Some((15.0, 75.0)));
        assert_eq!(price("local/llama"), Some((0.0, 0.0)));
        assert_eq!(price("llama"), None);
    }

    #[test]
    fn cached_tokens_cost_their_own_price() {
        let price = Price {
            input: 3.0,
            cached_input: Some(0.3),
            output: 15.0,
        };
        let tokens = Tokens {
            input: 1000,
            cached: 400,
            output: 100,
            reasoning: 50,
        };
        assert_eq!(price.micros(&tokens), 1800 + 120 + 1500);
        let uncached = Price {
            cached_input: None,
            ..price
        };
        assert_eq!(uncached.micros(&tokens), 3000 + 1500);
    }
}
