//! Plans: the document, its published schema, its validation and its frozen form.

mod fan_out;
mod form;
mod fragments;
mod frozen;
mod model;
mod pointer;
mod schema;
mod slots;
mod validate;

pub use fan_out::{FanOut, GATHERER, ITEMS};
pub use form::{containment, signature, similarity};
pub use fragments::{FRAGMENT_STEPS, Fragment, fragments, part};
pub use frozen::{FrozenPlan, FrozenStep};
pub use model::{AcceptanceCheck, ForEach, Plan, PlanStep, SUBMISSION, Tier, ValueOf, When};
pub use schema::plan_schema;
pub use slots::{MalformedItem, MalformedReference, Reference, Slots, is_template};
pub use validate::{PlanFault, PlanLimits, compile_acceptance_schema, freeze};
