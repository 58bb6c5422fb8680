//! The development installation: Postgres, NATS and the six services as real processes on this
//! machine, supervised.

mod account;
mod banner;
mod board;
mod broker;
mod child;
mod cluster;
mod configuration;
mod credentials;
mod database;
mod detached;
mod endpoints;
mod fleet;
mod foreground;
mod lock;
mod ports;
mod probe;
mod process;
pub mod programs;
mod random;
mod records;
mod settings;
mod signals;
mod stage;
mod supervisor;

use crate::terminal;

pub use banner::ready as announce;
pub use board::{DevDocument, Entry};
pub use configuration::load as configuration;
pub use detached::{down, reset, up};
pub use endpoints::Endpoints;
pub use foreground::run;
pub use lock::Lock;
pub use settings::flag;
pub use signals::Signals;
pub use supervisor::{ConfigurationFault, Supervisor};

/// Begins every line the supervisor says.
const PREFIX: &str = "==> ";

/// To people, never to a program that reads our output.
pub fn say(text: &str) {
    terminal::remark(format_args!("{PREFIX}{text}"));
}

/// A detached supervisor ended instead of getting ready; it has said why itself.
#[derive(Debug, thiserror::Error)]
#[error("the supervisor could not start everything")]
pub struct SupervisorFailed {
    /// Its exit code, where it had one.
    pub code: Option<i32>,
}
