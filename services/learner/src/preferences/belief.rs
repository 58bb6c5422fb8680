//! What somebody prefers without saying so: a discounted Dirichlet over the values they showed.
//!
//! Each later statement of a source leaves what it showed before at [`KEPT`] of its weight, so that a change is followed within
//! a few tasks and one slip changes nothing. What weaker sources show against a value wears it out likewise: edits of long
//! ago do not stand for ever against what somebody has asked for since; and what a stronger one shows against it counts
//! against it. A value counts once it is likely to be what is wanted in most
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
/// Numbers within this share of their median count as the same, by their mean.
const SPREAD: f64 = 0.25;
/// The sources in the order in which they count.
const SHOWN: [Source; 3] = [Source::Edit, Source::Rating, Source::Behaviour];

/// What is believed of one preference.
#[derive(Clone, Debug, PartialEq)]
pub struct Belief {
    pub value: Value,
    pub source: Source,
    /// Probability that it is wanted in more than half of the cases; of a mean no more than how near the numbers lie to it.
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
            } else if pool.source > statement.source && statement.against {
                pool.doubt(statement);
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
    acting: Option<Acting>,
}

#[derive(Default)]
struct Weights {
    value: Value,
    speaks_for: f64,
    against: f64,
}

/// What counts, and how likely it is wanted.
type Decided = (Option<String>, Value, f64);

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
            acting: None,
        }
    }

    fn fade(&mut self) {
        self.weight *= KEPT;
        self.squares *= KEPT * KEPT;
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
        }
    }

    /// A stronger source speaks against what this one shows: rejections of what was asked for are no reason to ask for it again.
    fn doubt(&mut self, statement: &Statement) {
        let shown = statement.value.as_ref().map(Value::to_string);
        if let Some(weights) = shown.and_then(|shown| self.values.get_mut(&shown)) {
            weights.against += statement.weight;
        }
    }

    fn is_contradicted_by(&self, statement: &Statement) -> bool {
        let (Some(acting), Some(value)) = (&self.acting, &statement.value) else {
            return self.acting.is_some() && !statement.against;
        };
        statement.against == acting.is_same(value)
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
    fn favourite(&self) -> Option<Decided> {
        let heaviest = self
            .values
            .iter()
            .max_by(|(_, a), (_, b)| a.speaks_for.total_cmp(&b.speaks_for))?;
        let (named, weights) = heaviest;
        let strength = self.probability(named);
        (strength >= ACT).then(|| (Some(named.clone()), weights.value.clone(), strength))
    }

    /// The mean of the numbers that count now, whatever did before.
    fn mean(&self) -> Option<Decided> {
        self.around(self.median()?, ACT)
    }

    /// What counted before, where nothing speaks against it.
    fn still(&self) -> Option<Decided> {
        let acting = self.acting.as_ref()?;
        let Some(named) = &acting.named else {
            return self.around(acting.value.as_f64()?, STAY);
        };
        let strength = self.probability(named);
        (strength >= STAY).then(|| (Some(named.clone()), acting.value.clone(), strength))
    }

    /// The number with half of the weight of all on either side.
    fn median(&self) -> Option<f64> {
        let mut numbers: Vec<(f64, f64)> = self.values.values().filter_map(Weights::number).collect();
        numbers.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let half = numbers.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
        let mut passed = 0.0;
        let middle = numbers.iter().find(|(_, weight)| {
            passed += weight;
            passed >= half
        });
        middle.map(|(number, _)| *number)
    }

    /// The mean of the numbers near a centre, where it is likely enough that such a number is wanted in more than half of the
    /// cases: whatever else was shown speaks against it, and whoever rejected such a number.
    fn around(&self, centre: f64, least: f64) -> Option<Decided> {
        let (mut weight, mut sum, mut squares, mut against) = (0.0, 0.0, 0.0, 0.0);
        let mut whole = true;
        for weights in self.values.values() {
            let Some(number) = weights.value.as_f64().filter(|number| is_near(*number, centre)) else {
                against += weights.speaks_for;
                continue;
            };
            let distance = number - centre;
            weight += weights.speaks_for;
            sum += weights.speaks_for * distance;
            squares += weights.speaks_for * distance * distance;
            against += weights.against;
            whole &= number.fract() == 0.0 || weights.speaks_for <= NEGLIGIBLE;
        }
        let likely = majority(weight, against);
        if weight <= NEGLIGIBLE || likely < least {
            return None;
        }
        let shift = sum / weight;
        let mean = centre + shift;
        let spread = (squares / weight - shift * shift).max(0.0).sqrt() / mean.abs();
        let value = if whole {
            Value::from(mean.round() as i64)
        } else {
            Value::from(mean)
        };
        Some((None, value, likely.min(1.0 - spread)))
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

impl Weights {
    /// A number that was shown, and its weight.
    fn number(&self) -> Option<(f64, f64)> {
        let number = self.value.as_f64()?;
        (self.speaks_for > 0.0).then_some((number, self.speaks_for))
    }
}

impl Acting {
    fn is_same(&self, value: &Value) -> bool {
        match (self.named.is_none(), self.value.as_f64(), value.as_f64()) {
            (true, Some(mean), Some(number)) => is_near(number, mean),
            _ => self.value == *value,
        }
    }
}

fn is_near(number: f64, centre: f64) -> bool {
    (number - centre).abs() <= centre.abs() * SPREAD
}

/// Probability that more than half of the cases are for something: the upper half of Beta(1 + for, 1 + against).
pub fn majority(speaks_for: f64, against: f64) -> f64 {
    // What is summed up and faded may come out a hair below nothing.
    1.0 - beta_reg(1.0 + speaks_for.max(0.0), 1.0 + against.max(0.0), 0.5)
}
