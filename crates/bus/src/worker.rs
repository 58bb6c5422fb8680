//! The worker loop that planner, executor and assessor share.
//!
//! One task owns all state and reacts to notes; runs, calls and publications are tasks of their own
//! that send a note when they end. Nothing in the loop waits for anything but the next note.

mod admission;
mod asked;
mod coordinator;
mod drain;
mod effects;
mod event_loop;
mod held;
mod job;
mod life;
mod payload;
mod pulse;
mod reporting;
mod results;
mod run;
mod spans;
mod take;

pub use coordinator::{CallError, Client, Coordinator, EndpointError, Notices, Signals};
pub use effects::{EffectEnd, EffectRequest, Licence};
pub use job::{Ended, Handler, ItemContext, JobContext, inline, json_of};
pub use payload::{MAX_INLINE, MAX_PAYLOAD};

use crate::connection::Bus;
use crate::names::Token;
use crate::topology::TopologyError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::vocabulary::WorkKind;

/// A kind of work that a worker takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Serves {
    /// Its subject.
    pub kind: WorkKind,
    /// Jobs at once: 256 for work that mostly waits, the machine's own figure for work that computes.
    pub slots: usize,
}

/// Time and ids, which come in from the edge.
#[derive(Clone, Copy)]
pub struct Sources {
    /// A new run id.
    pub run_id: fn() -> Uuid,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: fn() -> i64,
}

/// What is fixed about a worker.
pub struct WorkerConfig {
    /// Stable for the life of the process, and nobody else's.
    pub worker_id: String,
    /// The pool whose work it takes.
    pub pool: Token,
    /// Kinds, each once.
    pub serves: Vec<Serves>,
    /// How long running jobs may go on after the shutdown was asked for.
    pub drain_deadline: Duration,
    /// Time and ids.
    pub sources: Sources,
    /// Told how it goes, for readiness and metrics.
    pub status: watch::Sender<Status>,
}

/// How a worker is doing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Status {
    /// Takes new items: connected to NATS, and the coordinator answered its last beat.
    pub admitting: bool,
    /// Jobs it runs.
    pub busy: usize,
}

/// Why a worker ended by itself.
#[derive(thiserror::Error, Debug)]
pub enum WorkerError {
    /// Its consumer is set up differently.
    #[error("the worker cannot read its work")]
    Topology(#[source] TopologyError),
}

/// Takes and runs work until `shutdown` fires, then drains.
///
/// # Errors
/// When the server holds a consumer that an operator has to change.
pub async fn run<H: Handler>(
    bus: Bus,
    coordinator: Coordinator,
    config: WorkerConfig,
    handler: Arc<H>,
    shutdown: CancellationToken,
) -> Result<(), WorkerError> {
    event_loop::Worker::new(bus, coordinator, config, handler)
        .run(shutdown)
        .await
}
