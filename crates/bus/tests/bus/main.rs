//! The bus against a real nats-server; workers against a WorkerService of this test's own.

mod consuming;
mod coordinator;
mod effects;
mod ending;
mod faults;
mod fixture;
mod publishing;
mod topology;
mod worker;
