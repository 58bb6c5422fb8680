//! How far a judge and people agree: counts of what both said of the same, and what follows from them.

/// Of the standard normal distribution, for 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// What a judge and people said of the same judgements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Both: good enough.
    pub both_good: u64,
    /// The judge found good enough what people did not.
    pub only_judge_good: u64,
    /// People found good enough what the judge did not.
    pub only_people_good: u64,
    /// Both: not good enough.
    pub both_bad: u64,
}

/// A measured value, where it can be told.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Measured {
    /// None: it cannot be told, which is not 0.
    pub value: Option<f64>,
    /// 95 %; none: too little to tell.
    pub interval: Option<[f64; 2]>,
}

impl Counts {
    /// One thing that both said something of.
    pub fn add(&mut self, judge_good: bool, people_good: bool) {
        let count = match (judge_good, people_good) {
            (true, true) => &mut self.both_good,
            (true, false) => &mut self.only_judge_good,
            (false, true) => &mut self.only_people_good,
            (false, false) => &mut self.both_bad,
        };
        *count += 1;
    }

    /// Those of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            both_good: self.both_good + other.both_good,
            only_judge_good: self.only_judge_good + other.only_judge_good,
            only_people_good: self.only_people_good + other.only_people_good,
            both_bad: self.both_bad + other.both_bad,
        }
    }

    /// All of them.
    pub const fn n(&self) -> u64 {
        self.agreed() + self.only_judge_good + self.only_people_good
    }

    /// Those of which both said the same.
    pub const fn agreed(&self) -> u64 {
        self.both_good + self.both_bad
    }

    /// The share of which both said the same, 0-1, with Wilson's interval.
    pub fn agreement(&self) -> Measured {
        if self.n() == 0 {
            return Measured::default();
        }
        let (n, p) = (real(self.n()), real(self.agreed()) / real(self.n()));
        let centre = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        Measured {
            value: Some(p),
            interval: Some([((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)]),
        }
    }

    /// Cohen's kappa, -1 to 1: agreement beyond what both would reach by chance. It cannot be told where one of them only
    /// ever said the same: then it would be 0, or nothing, whatever the other said. The interval is Cohen's (large
    /// samples); none where they always or never agreed, for then it would have no width.
    pub fn kappa(&self) -> Measured {
        let judge = [
            self.both_good + self.only_judge_good,
            self.only_people_good + self.both_bad,
        ];
        let people = [
            self.both_good + self.only_people_good,
            self.only_judge_good + self.both_bad,
        ];
        if judge.contains(&0) || people.contains(&0) {
            return Measured::default();
        }
        let n = real(self.n());
        let chance: f64 = judge
            .iter()
            .zip(people)
            .map(|(a, b)| real(*a) / n * (real(b) / n))
            .sum();
        let beyond = 1.0 - chance;
        let agreed = real(self.agreed()) / n;
        let kappa = (agreed - chance) / beyond;
        let half = Z * (agreed * (1.0 - agreed) / n).sqrt() / beyond;
        Measured {
            value: Some(kappa),
            interval: (half > 0.0).then(|| [(kappa - half).max(-1.0), (kappa + half).min(1.0)]),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of decisions are far below 2^52")]
fn real(n: u64) -> f64 {
    n as f64
}
