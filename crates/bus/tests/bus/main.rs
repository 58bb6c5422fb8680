//! The bus against a real nats-server; workers against a WorkerService of this test's own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on, its helpers too"
)]

mod bursts;
mod consuming;
mod coordinator;
mod effects;
mod ending;
mod faults;
mod fixture;
mod publishing;
mod topology;
mod worker;
