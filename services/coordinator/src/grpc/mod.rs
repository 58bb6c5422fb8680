//! gRPC: what the gateway, the learner and the workers ask.

mod asking;
mod cursor;
mod paging;
pub mod problems;
pub mod tasks;
pub mod tools;
pub mod worker;
