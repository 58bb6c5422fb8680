//! What this worker does with a job, by kind.

mod asking;
mod elsewhere;
mod execute;
mod format;
mod publish;
mod tool_call;

use crate::channels::Channels;
use crate::definitions::Definitions;
use crate::discovery::Discovery;
use crate::effects::Stop;
use crate::failure::RunFailure;
use crate::tools::registry::Registry;
use bus::worker::{Ended, Handler, JobContext};
use contracts::work::job::Spec;
use contracts::work::job_result::Outcome;

/// Serves execute, format and publish.
pub struct Executor {
    /// What steps can call.
    pub tools: Registry,
    /// Where deliverables go.
    pub channels: Channels,
    /// Registered tools.
    pub definitions: Definitions,
    /// Looking again what there is to serve.
    pub discovery: Discovery,
    /// Longest output of a step, in bytes.
    pub max_output_bytes: usize,
}

impl Handler for Executor {
    async fn run(&self, job: JobContext) -> Ended {
        match &job.job.spec {
            Some(Spec::Step(step)) => worker::within(&job, execute::run(self, &job, step)).await,
            Some(Spec::Format(spec)) => format::run(&job, spec),
            Some(Spec::Publish(spec)) => publish::run(self, &job, spec).await,
            Some(Spec::Plan(_) | Spec::Assess(_)) | None => {
                Ended::failure("internal", "this worker does no work of this kind", false)
            }
        }
    }
}

fn ended(stop: Stop) -> Ended {
    match stop {
        Stop::Failed(failure) => Ended::with(Outcome::Failure(failure.into())),
        Stop::Engine(failed) => worker::ended(*failed),
        // Only a step has a human to ask.
        Stop::Asks(question) => {
            let failure = RunFailure::permanent("tool_needs_input", question.message);
            Ended::with(Outcome::Failure(failure.into()))
        }
        Stop::Released => Ended::released(),
        Stop::Dropped => Ended::dropped(),
    }
}
