//! Amounts of what runs use, and limits of it.

use serde::{Deserialize, Serialize};

fn is_zero_i64(n: &i64) -> bool {
    *n == 0
}

/// Money, tokens and calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Money {
    /// Micro-USD.
    #[serde(rename = "u", default, skip_serializing_if = "is_zero_i64")]
    pub usd_micros: i64,
    /// Tokens, in and out.
    #[serde(rename = "t", default, skip_serializing_if = "is_zero_i64")]
    pub tokens: i64,
    /// Model and tool calls that cost.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero_i64")]
    pub calls: i64,
}

impl Money {
    /// Nothing at all.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Nothing of it below zero.
    pub fn bounded(self) -> Self {
        Self {
            usd_micros: self.usd_micros.max(0),
            tokens: self.tokens.max(0),
            calls: self.calls.max(0),
        }
    }

    /// Sum; saturating, so that a hostile figure cannot wrap.
    pub fn plus(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.saturating_add(other.usd_micros),
            tokens: self.tokens.saturating_add(other.tokens),
            calls: self.calls.saturating_add(other.calls),
        }
    }

    /// The lesser of each.
    pub fn min(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.min(other.usd_micros),
            tokens: self.tokens.min(other.tokens),
            calls: self.calls.min(other.calls),
        }
    }

    /// Difference, not below zero.
    pub fn minus(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.saturating_sub(other.usd_micros).max(0),
            tokens: self.tokens.saturating_sub(other.tokens).max(0),
            calls: self.calls.saturating_sub(other.calls).max(0),
        }
    }
}

/// A limit of each; none: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    /// Micro-USD.
    pub usd_micros: Option<i64>,
    /// Tokens, in and out.
    pub tokens: Option<i64>,
    /// Model and tool calls that cost.
    pub calls: Option<i64>,
}

impl Bounds {
    /// What is left of it; below zero where more is used.
    pub fn less(self, used: Money) -> Self {
        let less = |limit: Option<i64>, used: i64| limit.map(|limit| limit.saturating_sub(used));
        Self {
            usd_micros: less(self.usd_micros, used.usd_micros),
            tokens: less(self.tokens, used.tokens),
            calls: less(self.calls, used.calls),
        }
    }

    /// Raised by so much, where there is a limit.
    pub fn and(self, more: Money) -> Self {
        let and = |limit: Option<i64>, more: i64| limit.map(|limit| limit.saturating_add(more));
        Self {
            usd_micros: and(self.usd_micros, more.usd_micros),
            tokens: and(self.tokens, more.tokens),
            calls: and(self.calls, more.calls),
        }
    }

    /// What both allow.
    pub fn min(self, other: Self) -> Self {
        let min = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        Self {
            usd_micros: min(self.usd_micros, other.usd_micros),
            tokens: min(self.tokens, other.tokens),
            calls: min(self.calls, other.calls),
        }
    }

    /// Whether any of the amount is limited.
    pub fn counts(self, amount: Money) -> bool {
        let counts = |limit: Option<i64>, amount: i64| limit.is_some() && amount != 0;
        counts(self.usd_micros, amount.usd_micros)
            || counts(self.tokens, amount.tokens)
            || counts(self.calls, amount.calls)
    }

    /// Whether so much fits.
    pub fn covers(self, amount: Money) -> bool {
        let covers = |limit: Option<i64>, amount: i64| limit.is_none_or(|limit| amount <= limit);
        covers(self.usd_micros, amount.usd_micros)
            && covers(self.tokens, amount.tokens)
            && covers(self.calls, amount.calls)
    }
}

/// What a tenant's window allows now, all its tasks together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// In the whole window.
    pub limit: Bounds,
    /// Less what was spent in it.
    pub unspent: Bounds,
    /// Less what was spent in it, and what is set aside.
    pub left: Bounds,
    /// None of the tenant's tasks has anything set aside.
    pub idle: bool,
    /// A human is asked where what is unspent does not cover a run; else the run waits for the next window.
    pub asks: bool,
}

impl Allowance {
    /// The same once everything that is set aside has come back.
    pub fn at_rest(self) -> Self {
        Self {
            left: self.unspent,
            idle: true,
            ..self
        }
    }
}
