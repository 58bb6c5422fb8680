//! Which of the candidates is taken: by quality, then cost, then time. Pure.

use crate::forecast::Outlook;
use crate::quality::Quality;

/// Costs and times this near, as a share of the lower, are equal; and also those nearer than the slack of either.
const MARGIN: f64 = 0.05;
const SLACK_USD: f64 = 0.0005;
const SLACK_SECONDS: f64 = 1.0;

/// A candidate, as far as the choice looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rated {
    pub quality: Option<Quality>,
    pub outlook: Outlook,
    /// Why it cannot be taken: it was not made, or the coordinator would refuse it.
    pub out: Option<String>,
}

/// What was chosen, and why each candidate was or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// None where no candidate can be taken.
    pub chosen: Option<usize>,
    /// In the order of the candidates.
    pub reasons: Vec<String>,
}

/// Chooses among candidates that stand in the order of preference where all else is equal.
///
/// What is known to do well goes before what nobody knows. An unknown cost or time is neither low nor high: where one is
/// unknown, it does not decide.
pub fn choose(candidates: &[Rated]) -> Choice {
    let mut race = Race::begin(candidates);
    race.by_quality();
    race.by(&COST);
    race.by(&TIME);
    race.end()
}

/// What is compared where qualities are equal.
struct Measure {
    of: fn(&Rated) -> Option<f64>,
    slack: f64,
    shown: fn(f64) -> String,
    /// Of one that loses by it, and of the one that wins.
    loses: &'static str,
    wins: &'static str,
}

const COST: Measure = Measure {
    of: |rated| rated.outlook.cost_usd.likely,
    slack: SLACK_USD,
    shown: |usd| format!("${usd:.4}"),
    loses: "as good, but dearer",
    wins: "as good as any, and cheaper",
};
const TIME: Measure = Measure {
    of: |rated| rated.outlook.seconds.likely,
    slack: SLACK_SECONDS,
    shown: |seconds| format!("{seconds:.1} s"),
    loses: "as good and cheap, but slower",
    wins: "as good and cheap as any, and quicker",
};

struct Race<'c> {
    candidates: &'c [Rated],
    /// Why each is out; those without are still in.
    out: Vec<Option<String>>,
    /// What set the last one apart from those behind it.
    decided_by: &'static str,
}

impl<'c> Race<'c> {
    fn begin(candidates: &'c [Rated]) -> Self {
        Self {
            candidates,
            out: candidates.iter().map(|rated| rated.out.clone()).collect(),
            decided_by: match candidates {
                [_] => "the only one that was made",
                _ => "the only one that can be taken",
            },
        }
    }

    fn left(&self) -> Vec<(usize, &'c Rated)> {
        let all = self.candidates.iter().enumerate().zip(&self.out);
        all.filter(|(_, out)| out.is_none())
            .map(|(candidate, _)| candidate)
            .collect()
    }

    fn drop(&mut self, at: usize, reason: String, decided_by: &'static str) {
        self.decided_by = decided_by;
        if let Some(out) = self.out.get_mut(at) {
            *out = Some(reason);
        }
    }

    fn by_quality(&mut self) {
        let left = self.left();
        let known = left.iter().filter_map(|(_, rated)| rated.quality);
        let Some(best) = known.max_by(|one, other| one.value.total_cmp(&other.value)) else {
            return;
        };
        for (at, rated) in left {
            match rated.quality {
                None => self.drop(
                    at,
                    "nobody knows how good it will be, and of another it is known".to_owned(),
                    "the best by quality",
                ),
                Some(quality) if best.is_clearly_above(&quality) => {
                    let reason = format!(
                        "quality {:.2} is forecast (of {}), and {:.2} of another (of {})",
                        quality.value, quality.n, best.value, best.n
                    );
                    self.drop(at, reason, "the best by quality");
                }
                Some(_) => {}
            }
        }
    }

    fn by(&mut self, measure: &Measure) {
        let left = self.left();
        let values = left.iter().map(|(_, rated)| (measure.of)(rated));
        let Some(values) = values.collect::<Option<Vec<f64>>>() else {
            return;
        };
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = (least * (1.0 + MARGIN)).max(least + measure.slack);
        for ((at, _), value) in left.into_iter().zip(values) {
            if value > most {
                let shown = measure.shown;
                let reason = format!("{}: {} against {}", measure.loses, shown(value), shown(least));
                self.drop(at, reason, measure.wins);
            }
        }
    }

    fn end(mut self) -> Choice {
        let left: Vec<usize> = self.left().into_iter().map(|(at, _)| at).collect();
        let chosen = left.first().copied();
        for at in left.into_iter().skip(1) {
            let reason = "as good, cheap and quick as the chosen one, which goes before it".to_owned();
            self.drop(at, reason, "as good, cheap and quick as any");
        }
        let decided_by = self.decided_by;
        let reasons = self
            .out
            .into_iter()
            .map(|out| out.unwrap_or_else(|| decided_by.to_owned()));
        Choice {
            chosen,
            reasons: reasons.collect(),
        }
    }
}
