//! Trying a model beside the one that serves: what is known, what it is worth, and what happens next. Pure functions; the
//! clock, the observations and the settings come in.
//!
//! `observation` says what came of each assigned unit and which of them may be counted, `evidence` adds those up,
//! `guardrail` and `limit` watch, `look` puts all of it in one row, `decision` decides, `course` is where an experiment
//! stands and what that means for the table of `workflow::rollout`.

mod arms;
mod contrast;
mod course;
mod decision;
mod evidence;
mod facts;
mod guardrail;
mod limit;
mod look;
mod observation;
mod settings;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod triable;

pub use arms::{Arms, Side};
pub use course::{Action, Course, Over, Override, Stage};
pub use decision::{Decision, Hold, Reason};
pub use evidence::{Effect, Evidence};
pub use facts::{Facts, Tally};
pub use guardrail::{Guardrail, Health, Reading};
pub use limit::Limit;
pub use look::{Look, look};
pub use observation::{Ended, Observation, Outcome, Patience, Settled, UnitOutcome, settle};
pub use settings::{Goal, Limits, Margins, Settings, Step};
pub use triable::{Untriable, check};
