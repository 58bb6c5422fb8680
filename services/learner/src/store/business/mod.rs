//! Business metrics: series and their points, and what began when.

mod arms;
mod began;
mod daily;
mod levels;
mod points;
mod requested;

pub use arms::{Arm, Outcomes};
pub use began::{Began, Beginning, MOST_TOUCHES, Touch};
pub use daily::{Daily, Series, TaskDay};
pub use levels::{DueLevel, SettledLevel};
pub use points::{NewReport, Outcome};
pub(super) use requested::note_unless_busy;
