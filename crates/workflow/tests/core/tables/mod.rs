//! The state machine by example: a scenario a test, a subject a file.

mod acceptance;
pub mod acts;
mod agreement;
mod asking;
mod attention;
mod auto_approval;
mod control;
mod effects;
mod escalation;
mod failures;
mod fan_out;
mod forking;
mod gates;
pub mod given;
mod labels;
mod leases;
mod money;
mod planning;
mod publication;
mod queue;
mod repair;
mod repeated_effects;
pub mod scenario;
mod steps;
mod timers;
mod tools;
mod versions;
