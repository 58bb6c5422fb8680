//! What was found of a metric, and the one sentence that says it.

use super::level::Level;
use crate::statistics::days::Change;
use crate::statistics::randomised::Difference;

/// What was found. Its level is a function of it, and so are its words.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Too little to say anything.
    Insufficient(String),
    /// What was before, and what after.
    Described(Change),
    /// The step is larger than those the series made by itself.
    BeyondPast {
        change: Change,
        step: f64,
        interval: [f64; 2],
    },
    /// It moved away from what was not touched, farther than any of that did.
    BesideControls {
        change: Change,
        effect: f64,
        interval: [f64; 2],
        controls: usize,
    },
    /// Groups that chance made differ, at all looks together.
    Caused { difference: Difference, interval: [f64; 2] },
    /// They do not, or that cannot be told.
    Groups(Difference),
}

/// The figures of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Numbers {
    pub before: Option<f64>,
    pub after: Option<f64>,
    pub effect: Option<f64>,
    pub interval: Option<[f64; 2]>,
    /// Days, or tasks.
    pub n: usize,
}

/// What a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'s> {
    pub name: &'s str,
    /// Empty: the whole.
    pub segment: &'s str,
    /// What began, as words behind "of".
    pub began: &'s str,
    /// Days on each side.
    pub days: usize,
}

impl Finding {
    /// None: nothing can be said.
    pub fn level(&self) -> Option<Level> {
        match self {
            Self::Insufficient(_) => None,
            Self::Described(_) | Self::Groups(_) => Some(Level::Descriptive),
            Self::BeyondPast { .. } => Some(Level::SingleSeries),
            Self::BesideControls { .. } => Some(Level::Controlled),
            Self::Caused { .. } => Some(Level::Randomised),
        }
    }

    /// Its figures.
    pub fn numbers(&self) -> Numbers {
        let of = |change: &Change, effect: f64, interval| Numbers {
            before: Some(change.before),
            after: Some(change.after),
            effect: Some(effect),
            interval,
            n: change.days,
        };
        let groups = |difference: &Difference| Numbers {
            before: Some(difference.control),
            after: Some(difference.treated),
            effect: Some(difference.effect),
            interval: difference.interval,
            n: difference.n,
        };
        match self {
            Self::Insufficient(_) => Numbers::default(),
            Self::Described(change) => of(change, change.after - change.before, None),
            Self::BeyondPast { change, step, interval } => of(change, *step, Some(*interval)),
            Self::BesideControls {
                change,
                effect,
                interval,
                ..
            } => of(change, *effect, Some(*interval)),
            Self::Caused { difference, .. } | Self::Groups(difference) => groups(difference),
        }
    }

    /// One sentence, in the words of its level.
    pub fn statement(&self, subject: Subject<'_>) -> String {
        let metric = metric(subject);
        let says = self.level().map_or("", Level::says);
        match self {
            Self::Insufficient(why) => format!("insufficient data about {metric}: {why}"),
            Self::Described(change) => {
                let (before, after) = (shown(change.before), shown(change.after));
                let days = format!("same weekdays, {} days on each side", subject.days);
                if before == after {
                    format!("{metric} stayed at {after} ({days})")
                } else {
                    format!("{metric} {says} {before} to {after} ({days})")
                }
            }
            Self::BeyondPast { change, step, interval } => format!(
                "{metric} {says}: from {} to {}, a step of {}",
                shown(change.before),
                shown(change.after),
                around(*step, *interval),
            ),
            Self::BesideControls {
                change,
                effect,
                interval,
                controls,
            } => format!(
                "that {metric} went from {} to {} {says} {}: {} beside {controls} series that it did not touch",
                shown(change.before),
                shown(change.after),
                subject.began,
                around(*effect, *interval),
            ),
            Self::Caused { difference, interval } => format!(
                "offering learned patterns {says} {metric} to be {} instead of {}: {}, over {} tasks that chance put into \
                 two groups",
                shown(difference.treated),
                shown(difference.control),
                around(difference.effect, *interval),
                difference.n,
            ),
            Self::Groups(difference) => format!(
                "{metric} was {} for tasks planned without memory and {} for others ({} tasks); chance alone may tell \
                 them apart so far",
                shown(difference.control),
                shown(difference.treated),
                difference.n,
            ),
        }
    }
}

/// Names are quoted: what they say is theirs.
fn metric(subject: Subject<'_>) -> String {
    let name = format!("\u{201c}{}\u{201d}", subject.name);
    match subject.segment {
        "" => name,
        segment => format!("{name} of \u{201c}{segment}\u{201d}"),
    }
}

fn around(value: f64, [least, most]: [f64; 2]) -> String {
    format!("{} (95 %: {} to {})", signed(value), signed(least), signed(most))
}

fn signed(value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", shown(value))
}

/// Four digits that tell.
pub fn shown(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !size.is_finite() {
        return format!("{}", value + 0.0);
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 7);
    let text = format!("{value:.*}", decimals.unsigned_abs() as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business::compare::Needs;
    use crate::business::level::level_for;

    fn difference(interval: Option<[f64; 2]>) -> Difference {
        Difference {
            control: 3.0,
            treated: 3.5,
            effect: 0.5,
            interval,
            n: 200,
            n_treated: 120,
        }
    }

    fn findings() -> Vec<Finding> {
        let change = |after| Change {
            before: 3.0,
            after,
            days: 28,
        };
        let interval = [-0.5, 1.25];
        let mut all = vec![
            Finding::Described(change(3.5)),
            Finding::Described(change(3.0)),
            Finding::Described(change(-3e12)),
            Finding::BeyondPast {
                change: change(3.5),
                step: 0.5,
                interval,
            },
            Finding::BesideControls {
                change: change(3.5),
                effect: 0.5,
                interval,
                controls: 20,
            },
            Finding::Caused {
                difference: difference(Some(interval)),
                interval,
            },
            Finding::Groups(difference(Some(interval))),
            Finding::Groups(difference(None)),
        ];
        all.extend(
            Needs::all()
                .iter()
                .map(|needs| Finding::Insufficient(needs.to_string())),
        );
        all
    }

    #[test]
    fn no_statement_has_a_word_of_a_higher_level_and_each_has_its_own() {
        for finding in findings() {
            for began in [
                "task 0192",
                "the first task that ran pattern 0192",
                "what began at 2030-01-01",
            ] {
                let subject = Subject {
                    name: "caused effects because of impact",
                    segment: "significant",
                    began,
                    days: 14,
                };
                let level = finding.level();
                let mut text = finding.statement(subject).to_lowercase();
                // What people call their metrics is in quotes, and theirs.
                for name in [subject.name, subject.segment] {
                    text = text.replace(&format!("\u{201c}{name}\u{201d}"), "");
                }
                let own = level.map_or(&[][..], Level::words);
                assert!(own.is_empty() || own.iter().any(|word| text.contains(word)), "{text}");
                for higher in Level::ALL.into_iter().filter(|higher| Some(*higher) > level) {
                    for word in higher.words() {
                        assert!(!text.contains(word), "{word:?} is above {level:?}: {text}");
                    }
                }
                // One that claims too much would be found.
                assert_eq!(level == Some(Level::Randomised), text.contains("caus"), "{text}");
            }
        }
    }

    #[test]
    fn a_task_has_the_highest_level_its_metrics_reached() {
        assert_eq!(level_for([]), None);
        assert_eq!(level_for([None, Some(Level::Descriptive)]), Some(Level::Descriptive));
        assert_eq!(
            level_for([Some(Level::Controlled), None, Some(Level::SingleSeries)]),
            Some(Level::Controlled)
        );
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (3.24159, "3.242"),
            (-0.01234567, "-0.01235"),
            (51234.6, "51235"),
            (12e9, "1.200e10"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }
}
