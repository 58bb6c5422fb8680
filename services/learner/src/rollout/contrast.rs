//! What one unit says about the difference between two arms.
//!
//! A unit of the challenger bets that its outcome is above what outcomes were so far, one of the control that it is
//! below. Which of the two it is was the toss of a fair coin, made when it was assigned and of no influence on the units
//! before it. So, if the arms do not differ, the value is as likely to be `v` as `-v` given all that came before in the
//! order of assignment: no unit waits for a partner, arms may arrive as unevenly as chance has it, and the level may
//! drift as it likes.

use super::arms::Side;
use serde::{Deserialize, Serialize};

/// The first centres rest on so many outcomes of a half that nobody has seen.
const IMAGINED: f64 = 4.0;

/// Turns outcomes from 0 to 1 into values from -1 to 1 whose mean is half of what the challenger is higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    n: u64,
    sum: f64,
}

impl Contrast {
    /// The centre is settled by what came before, then the outcome is looked at.
    pub fn value(&mut self, side: Side, outcome: f64) -> f64 {
        let centre = (self.sum + 0.5 * IMAGINED) / (self.n as f64 + IMAGINED);
        self.n += 1;
        self.sum += outcome;
        match side {
            Side::Control => centre - outcome,
            Side::Challenger => outcome - centre,
        }
    }
}

/// A value that is above 0 on the average where `value` is above half of minus `margin`; still from -1 to 1.
pub fn beyond(value: f64, margin: f64) -> f64 {
    (value + margin / 2.0) / (1.0 + margin.abs() / 2.0)
}
