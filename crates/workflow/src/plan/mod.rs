//! Plans: the document, its published schema, its validation and its frozen form.

mod frozen;
mod model;
mod schema;
mod validate;

pub use frozen::{FrozenPlan, FrozenStep};
pub use model::{AcceptanceCheck, Plan, PlanStep, When};
pub use schema::plan_schema;
pub use validate::{PlanFault, PlanLimits, freeze};
