//! gRPC: what the gateway, the learner and the workers ask.

pub mod problems;
pub mod tasks;
pub mod worker;
