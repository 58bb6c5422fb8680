//! What somebody prefers without saying so: a discounted Dirichlet over the values they showed.
//!
//! Each later statement of a source leaves what it showed before at [`KEPT`] of its weight, so that a change is followed within
//! a few tasks and one slip changes nothing. What weaker sources show against a value wears it out likewise: edits of long
//! ago do not stand for ever against what somebody has asked for since. A value counts once it is likely to be what is wanted in most
//! cases, and until it is not; between the two nothing flaps.

use super::{Source, Statement};
use chrono::{DateTime, Utc};
use serde_json::Value;
use statrs::function::beta::beta_reg;
use std::collections::BTreeMap;

/// What one more statement leaves of the weight of those before it.
const KEPT: f64 = 0.75;
/// A value counts from this probability on, that it is wanted in more than half of the cases,
const ACT: f64 = 0.8;
/// and stops to count below this one: what was shown against it, or so long ago that it tells nothing any more.
const STAY: f64 = 0.6;
/// Lighter than this a value is forgotten.
const NEGLIGIBLE: f64 = 1e-6;
/// Numbers count as their mean while they lie within this share of it.
const SPREAD: f64 = 0.25;
/// The sources in the order in which they count.
const SHOWN: [Source; 3] = [Source::Edit, Source::Rating, Source::Behaviour];

/// What is believed of one preference.
#[derive(Clone, Debug, PartialEq)]
pub struct Belief {
    pub value: Value,
    pub source: Source,
    /// Probability that it is wanted in more than half of the cases; of a mean, how near the numbers lie to it.
    pub strength: f64,
    /// When it began to count.
    pub since: DateTime<Utc>,
    /// Statements of its source, as many as count in full would tell the same (Kish).
    pub effective_n: f64,
}

/// What the statements on one preference of one person show; in the order of their time, none of them explicit.
pub fn believed<'s>(statements: impl IntoIterator<Item = &'s Statement>) -> Option<Belief> {
    let mut believer = Believer::default();
    for statement in statements {
        believer.take(statement);
    }
    believer.belief()
}

/// Takes the statements on one preference of one person one by one.
pub struct Believer {
    pools: [Pool; 3],
}

impl Default for Believer {
    fn default() -> Self {
        Self {
            pools: SHOWN.map(Pool::of),
        }
    }
}

impl Believer {
    /// The next statement; none of an earlier time, none that is explicit.
    pub fn take(&mut self, statement: &Statement) {
        for pool in &mut self.pools {
            if pool.source == statement.source {
                pool.fade();
                pool.take(statement);
            } else if pool.source < statement.source && pool.is_contradicted_by(statement) {
                pool.fade();
            } else {
                continue;
            }
            pool.decide(statement.valid_at);
        }
    }

    /// What is believed now.
    pub fn belief(&self) -> Option<Belief> {
        self.pools.iter().find_map(Pool::belief)
    }
}

/// Effective statements a source needs before it counts. An edit is work, done for that one reason.
fn least(source: Source) -> f64 {
    match source {
        Source::Explicit => 1.0,
        Source::Edit => 2.5,
        Source::Rating | Source::Behaviour => 5.0,
    }
}

/// What one source shows.
struct Pool {
    source: Source,
    /// By JSON: weight for and against a value.
    values: BTreeMap<String, Weights>,
    /// Sums over the weights, and over their squares.
    weight: f64,
    squares: f64,
    numbers: Numbers,
    acting: Option<Acting>,
}

#[derive(Default)]
struct Weights {
    value: Value,
    speaks_for: f64,
    against: f64,
}

/// Sums over values that are numbers, as long as all are.
#[derive(Default)]
struct Numbers {
    weight: f64,
    sum: f64,
    squares: f64,
    whole: bool,
    others: bool,
}

struct Acting {
    /// Its JSON; none: the mean.
    named: Option<String>,
    value: Value,
    strength: f64,
    since: DateTime<Utc>,
}

impl Pool {
    fn of(source: Source) -> Self {
        Self {
            source,
            values: BTreeMap::new(),
            weight: 0.0,
            squares: 0.0,
            numbers: Numbers {
                whole: true,
                ..Numbers::default()
            },
            acting: None,
        }
    }

    fn fade(&mut self) {
        self.weight *= KEPT;
        self.squares *= KEPT * KEPT;
        self.numbers.fade();
        for weights in self.values.values_mut() {
            weights.speaks_for *= KEPT;
            weights.against *= KEPT;
        }
        self.values
            .retain(|_, weights| weights.speaks_for + weights.against > NEGLIGIBLE);
    }

    fn take(&mut self, statement: &Statement) {
        let Some(value) = &statement.value else { return };
        self.weight += statement.weight;
        self.squares += statement.weight * statement.weight;
        let weights = self.values.entry(value.to_string()).or_insert_with(|| Weights {
            value: value.clone(),
            ..Weights::default()
        });
        if statement.against {
            weights.against += statement.weight;
        } else {
            weights.speaks_for += statement.weight;
            self.numbers.take(value, statement.weight);
        }
    }

    fn is_contradicted_by(&self, statement: &Statement) -> bool {
        let other = |acting: &Acting| statement.against == (statement.value.as_ref() == Some(&acting.value));
        self.acting.as_ref().is_some_and(other)
    }

    fn effective_n(&self) -> f64 {
        if self.squares > 0.0 {
            self.weight * self.weight / self.squares
        } else {
            0.0
        }
    }

    /// Probability that a value is wanted in more than half of the cases, from the even prior.
    fn probability(&self, named: &str) -> f64 {
        let own = self.values.get(named);
        let speaks_for = own.map_or(0.0, |weights| weights.speaks_for);
        let all: f64 = self.values.values().map(|weights| weights.speaks_for).sum();
        let against = all - speaks_for + own.map_or(0.0, |weights| weights.against);
        majority(speaks_for, against)
    }

    fn decide(&mut self, now: DateTime<Utc>) {
        let mut decided = None;
        if self.effective_n() >= least(self.source) {
            decided = self.favourite().or_else(|| self.mean());
        }
        if decided.is_none() {
            decided = self.still();
        }
        self.acting = decided.map(|(named, value, strength)| {
            let before = self.acting.take().filter(|acting| acting.named == named);
            Acting {
                since: before.map_or(now, |acting| acting.since),
                named,
                value,
                strength,
            }
        });
    }

    /// The value that counts now, whatever did before.
    fn favourite(&self) -> Option<(Option<String>, Value, f64)> {
        let heaviest = self
            .values
            .iter()
            .max_by(|(_, a), (_, b)| a.speaks_for.total_cmp(&b.speaks_for))?;
        let (named, weights) = heaviest;
        let strength = self.probability(named);
        (strength >= ACT).then(|| (Some(named.clone()), weights.value.clone(), strength))
    }

    fn mean(&self) -> Option<(Option<String>, Value, f64)> {
        let (value, strength) = self.numbers.mean()?;
        Some((None, value, strength))
    }

    /// What counted before, where nothing speaks against it.
    fn still(&self) -> Option<(Option<String>, Value, f64)> {
        let acting = self.acting.as_ref()?;
        let named = acting.named.as_ref()?;
        let strength = self.probability(named);
        (strength >= STAY).then(|| (Some(named.clone()), acting.value.clone(), strength))
    }

    fn belief(&self) -> Option<Belief> {
        let acting = self.acting.as_ref()?;
        Some(Belief {
            value: acting.value.clone(),
            source: self.source,
            strength: acting.strength,
            since: acting.since,
            effective_n: self.effective_n(),
        })
    }
}

impl Numbers {
    fn fade(&mut self) {
        self.weight *= KEPT;
        self.sum *= KEPT;
        self.squares *= KEPT;
    }

    fn take(&mut self, value: &Value, weight: f64) {
        let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
            self.others = true;
            return;
        };
        self.whole &= number.fract() == 0.0;
        self.weight += weight;
        self.sum += weight * number;
        self.squares += weight * number * number;
    }

    /// The exponentially weighted mean, where the numbers agree.
    fn mean(&self) -> Option<(Value, f64)> {
        if self.others || self.weight <= NEGLIGIBLE {
            return None;
        }
        let mean = self.sum / self.weight;
        let deviation = (self.squares / self.weight - mean * mean).max(0.0).sqrt();
        let spread = deviation / mean.abs();
        let value = if self.whole {
            Value::from(mean.round() as i64)
        } else {
            Value::from(mean)
        };
        (spread <= SPREAD).then_some((value, 1.0 - spread))
    }
}

/// Probability that more than half of the cases are for something: the upper half of Beta(1 + for, 1 + against).
pub fn majority(speaks_for: f64, against: f64) -> f64 {
    // What is summed up and faded may come out a hair below nothing.
    1.0 - beta_reg(1.0 + speaks_for.max(0.0), 1.0 + against.max(0.0), 0.5)
}
