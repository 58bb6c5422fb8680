//! JetStream: names, topology, publishing, consuming, dead letters, and the worker loop.

pub mod connection;
pub mod dead_letter;
mod forget;
pub mod intake;
pub mod lookup;
pub mod names;
pub mod publish;
pub mod topology;
pub mod worker;

pub use connection::{Bus, BusConfig};
pub use forget::ForgetError;
pub use names::{Lane, Names, Token};
pub use publish::{Outgoing, PublishError, Stored};
