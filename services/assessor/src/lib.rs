//! The assessor: deterministic checks first, then a judge for each quality dimension.
//!
//! Stateless. Scores are the judge's; what they mean is the coordinator's to say.

mod acceptance;
mod case;
mod found;
mod judging;
#[cfg(test)]
mod judging_tests;
#[cfg(test)]
mod mutations;
mod samples;

use bus::worker::{Ended, Handler, JobContext};
use contracts::gen_ai;
use contracts::work::job;
use llm::Engine;
use service::Context;
use service::config::Role;
use std::sync::Arc;
use tracing::Instrument;
use workflow::vocabulary::WorkKind;

/// Runs the assessor until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let engine = worker::engine(&ctx.config.llm, Role::Judge)?;
    let connections = worker::connect(&ctx).await?;
    worker::serve(&ctx, connections, &[WorkKind::Assess], Arc::new(Assessor { engine })).await
}

struct Assessor {
    engine: Arc<dyn Engine>,
}

impl Handler for Assessor {
    async fn run(&self, job: JobContext) -> Ended {
        let Some(job::Spec::Assess(spec)) = &job.job.spec else {
            return Ended::failure("worker_protocol", "not an assessment", false);
        };
        let assessed = judging::assess(&*self.engine, &job.submission, spec, job.deadline);
        worker::within(&job, assessed)
            .instrument(gen_ai::evaluate(spec.round))
            .await
    }
}
