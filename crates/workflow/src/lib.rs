//! The pure core of the orchestrator: identifiers, the plan and its validation, and the state
//! machine of a task. No async, no clock, no IO, no randomness: everything comes in as an argument
//! and every consequence goes out as data.

pub mod agreement;
pub mod blame;
pub mod decide;
pub mod decision;
pub mod deliverable;
pub mod erasing;
pub mod forecast;
pub mod fork;
pub mod hash;
pub mod ids;
pub mod input;
pub mod judge;
pub mod links;
pub mod money;
pub mod obligations;
pub mod plan;
pub mod risk;
pub mod rollout;
pub mod schema;
pub mod state;
pub mod submission;
pub mod time;
pub mod tool;
pub mod vocabulary;
