//! What planner, executor and assessor do the same way: connect, take work, tell whether they can, open their
//! model, and report what a model cost.

mod asking;
mod deadline;
mod model;
mod readiness;
mod report;
mod serving;

pub use asking::within;
pub use deadline::give_up_at;
pub use model::{chosen, embedder, engine};
pub use report::{calls, ended, usage};
pub use serving::{Connections, connect, serve};
