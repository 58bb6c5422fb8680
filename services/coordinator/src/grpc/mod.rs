//! gRPC: what the gateway, the learner and the workers ask.

mod asking;
mod cursor;
pub mod notices;
mod paging;
pub mod problems;
pub mod rollouts;
pub mod tasks;
pub mod tools;
pub mod worker;
