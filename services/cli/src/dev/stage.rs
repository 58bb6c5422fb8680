//! The order in which processes are stopped.

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// What stops together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Gateway,
    Workers,
    Coordinator,
    Learner,
    Nats,
    Postgres,
}

impl Stage {
    /// Nothing new comes in, work in flight ends, decisions are written, then the ground goes away.
    pub const STOP_ORDER: [Self; 6] = [
        Self::Gateway,
        Self::Workers,
        Self::Coordinator,
        Self::Learner,
        Self::Nats,
        Self::Postgres,
    ];

    /// What asks a process of this stage to stop; for Postgres it is the fast shutdown.
    pub const fn stop_signal(self) -> Signal {
        match self {
            Self::Postgres => Signal::SIGINT,
            _ => Signal::SIGTERM,
        }
    }
}
