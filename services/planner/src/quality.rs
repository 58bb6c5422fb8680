//! How good plans will be, by the scores of tasks before. Pure.
//!
//! A mean of few scores is drawn to the mean of all that is known of requests like this one (empirical Bayes with
//! [`PRIOR`] pseudo-observations), and its error begins with the largest there can be: one lucky task tells nothing.

/// Scores that what is known of all counts for beside a plan's own.
const PRIOR: f64 = 4.0;
/// Variance of scores of which half are 0 and half are 1.
const LARGEST: f64 = 0.25;
/// Plans from scratch are known by at least so many tasks that patterns were withheld from.
const ENOUGH_WITHHELD: u64 = 5;
/// Two qualities nearer than this are equal.
const MARGIN: f64 = 0.02;
/// Of the standard normal distribution: 95 %, on one side and on two.
const ONE_SIDED: f64 = 1.644_853_626_951_472;
const TWO_SIDED: f64 = 1.959_963_984_540_054;

/// Overall scores of judged tasks, 0-1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    pub n: u64,
    pub mean: f64,
    /// Standard deviation of the sample; 0 where there is one score.
    pub deviation: f64,
}

/// A forecast of the overall score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// 0-1.
    pub value: f64,
    /// Standard error.
    pub error: f64,
    /// Scores it rests on, none of them pseudo-observations.
    pub n: u64,
}

impl Scores {
    /// None of what cannot be scores.
    pub fn checked(n: u64, mean: f64, deviation: Option<f64>) -> Option<Self> {
        let deviation = deviation.unwrap_or(0.0);
        let sound = n > 0 && (0.0..=1.0).contains(&mean) && (0.0..=1.0).contains(&deviation);
        sound.then_some(Self { n, mean, deviation })
    }
}

/// Forecasts of each pattern's quality and, last, of a plan from scratch; none: nothing is known.
pub fn forecast(patterns: &[Option<Scores>], withheld: Option<Scores>) -> (Vec<Option<Quality>>, Option<Quality>) {
    let withheld = withheld.filter(|scores| scores.n >= ENOUGH_WITHHELD);
    let known = || patterns.iter().chain([&withheld]).flatten();
    let n: f64 = known().map(|scores| scores.n as f64).sum();
    let common = known().map(|scores| scores.n as f64 * scores.mean).sum::<f64>() / n.max(1.0);
    let shrunk = |scores: &Option<Scores>| scores.map(|scores| shrunk(scores, common));
    (patterns.iter().map(shrunk).collect(), shrunk(&withheld))
}

fn shrunk(scores: Scores, common: f64) -> Quality {
    let n = scores.n as f64;
    let value = (n * scores.mean + PRIOR * common) / (n + PRIOR);
    let own = scores.deviation * scores.deviation;
    let variance = ((n - 1.0) * own + PRIOR * LARGEST) / (n - 1.0 + PRIOR);
    Quality {
        value,
        error: (variance / (n + PRIOR)).sqrt(),
        n: scores.n,
    }
}

impl Quality {
    /// 95 %.
    pub fn interval(&self) -> [f64; 2] {
        let half = TWO_SIDED * self.error;
        [(self.value - half).max(0.0), (self.value + half).min(1.0)]
    }

    /// By more than the margin and than chance explains.
    pub fn is_clearly_above(&self, other: &Self) -> bool {
        let chance = ONE_SIDED * (self.error * self.error + other.error * other.error).sqrt();
        self.value - other.value > chance.max(MARGIN)
    }
}
