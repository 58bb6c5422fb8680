use super::super::evidence::{Evidence, Moments};
use super::*;

/// Spread of scores from 0 to 1.
const SPREAD: f64 = 0.15;

/// How outcomes come about.
#[derive(Clone, Copy, Debug)]
pub enum Scores {
    /// Beta distributed around a mean, with a standard deviation of 0.15.
    Graded(f64),
    /// Passed with a chance, or not.
    Passed(f64),
    /// The mean of a user's 20 tasks, which are alike (intraclass correlation 0.2).
    User(f64),
}

/// Two arms.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub control: Scores,
    pub challenger: Scores,
    /// Share of the challenger's tasks that crash.
    pub crashes: f64,
    pub units: usize,
}

/// One experiment: units until something was said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub promoted: Option<usize>,
    pub rolled_back: Option<usize>,
    /// The e-value said that the arms differ.
    pub different: Option<usize>,
    pub naive: Option<usize>,
    pub probably_best: Option<usize>,
    pub held: bool,
    /// The interval left the truth out at some look.
    pub missed: bool,
}

pub struct Rng(pub fastrand::Rng);

impl Rng {
    pub fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.0.f64(), self.0.f64());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    /// Marsaglia and Tsang, for shapes above 1.
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && (1.0 - self.0.f64()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

impl Scores {
    pub fn mean(self) -> f64 {
        let (Self::Graded(mean) | Self::Passed(mean) | Self::User(mean)) = self;
        mean
    }

    pub fn draw(self, rng: &mut Rng) -> f64 {
        match self {
            Self::Graded(mean) => {
                let both = mean * (1.0 - mean) / (SPREAD * SPREAD) - 1.0;
                let (one, other) = (rng.gamma(mean * both), rng.gamma((1.0 - mean) * both));
                one / (one + other)
            }
            Self::Passed(chance) => f64::from(u8::from(rng.0.f64() < chance)),
            Self::User(_) => self.tasks(rng).iter().sum::<f64>() / 20.0,
        }
    }

    /// Of one user.
    pub fn tasks(self, rng: &mut Rng) -> [f64; 20] {
        let user = rng.normal() * 0.2_f64.sqrt();
        [(); 20].map(|()| self.mean() + SPREAD * (user + 0.8_f64.sqrt() * rng.normal()))
    }
}

impl World {
    pub fn same(scores: Scores, units: usize) -> Self {
        Self::of(scores, scores, units)
    }

    pub fn of(control: Scores, challenger: Scores, units: usize) -> Self {
        Self {
            control,
            challenger,
            crashes: 0.0,
            units,
        }
    }

    pub fn unit(&self, rng: &mut Rng) -> UnitOutcome {
        let side = if rng.0.bool() { Side::Control } else { Side::Challenger };
        let (scores, crashes) = match side {
            Side::Control => (self.control, 0.0),
            Side::Challenger => (self.challenger, self.crashes),
        };
        let failed = rng.0.f64() < crashes;
        outcome(side, if failed { 0.0 } else { scores.draw(rng) }, failed)
    }

    pub fn runs(&self, runs: u32) -> Vec<Run> {
        self.runs_of(runs, |_| true)
    }

    /// With only those units counted of which `counts` holds.
    pub fn runs_of(&self, runs: u32, counts: impl Fn(&UnitOutcome) -> bool) -> Vec<Run> {
        let mut rng = Rng(fastrand::Rng::with_seed(20_260_101));
        let truth = (1.0 - self.crashes) * self.challenger.mean() - self.control.mean();
        let mut run = || {
            let units = std::iter::repeat_with(|| self.unit(&mut rng)).take(self.units);
            watched(units, truth, &counts)
        };
        (0..runs).map(|_| run()).collect()
    }
}

pub fn outcome(side: Side, score: f64, failed: bool) -> UnitOutcome {
    let outcome = Outcome {
        score,
        failed: f64::from(u8::from(failed)),
        cost_usd: 0.01,
        seconds: 1.0,
    };
    UnitOutcome {
        side,
        assigned_at: Timestamp(0),
        outcome,
    }
}

/// Looks after every unit, as delivered; all of them were assigned.
pub fn watched(units: impl Iterator<Item = UnitOutcome>, truth: f64, counts: impl Fn(&UnitOutcome) -> bool) -> Run {
    watched_by(&settings(), units, truth, counts)
}

/// Likewise by other settings.
pub fn watched_by(
    settings: &Settings,
    units: impl Iterator<Item = UnitOutcome>,
    truth: f64,
    counts: impl Fn(&UnitOutcome) -> bool,
) -> Run {
    let course = Course::begin(settings, Timestamp(0));
    let (mut facts, mut run) = (Facts::default(), Run::default());
    for (n, unit) in units.enumerate() {
        *facts.assigned.get_mut(unit.side) += 1;
        if counts(&unit) {
            facts.count(&unit, settings, &course);
        }
        let look = look(settings, &course, &facts, Timestamp(0));
        let said = |was: Option<usize>, now: bool| was.or(now.then_some(n + 1));
        if run.promoted.or(run.rolled_back).is_none() {
            run.promoted = said(None, look.decision == Decision::Promote);
            run.rolled_back = said(None, matches!(look.decision, Decision::RollBack { .. }));
        }
        run.different = said(run.different, look.e_value >= 1.0 / settings.alpha);
        run.held |= matches!(look.decision, Decision::Hold { .. });
        let outside = |[least, most]: [f64; 2]| truth < least || truth > most;
        run.missed |= look.effect.interval.is_some_and(outside);
        let z = naive_z(&facts.evidence);
        run.naive = said(run.naive, z.abs() > 1.96);
        // The chance that one is better, flat beforehand.
        run.probably_best = said(run.probably_best, z.abs() > 1.645);
    }
    run
}

/// How many errors the difference is wide, as for a single look.
pub fn naive_z(evidence: &Evidence) -> f64 {
    let Arms { control, challenger } = evidence.score;
    let error = |moments: Moments| moments.variance() / moments.n as f64;
    match control.n.min(challenger.n) < 10 {
        true => 0.0,
        false => (challenger.mean - control.mean) / (error(control) + error(challenger)).sqrt(),
    }
}
