//! The planner: makes intent and plan from a request, over the tools of the catalog.
//!
//! Stateless. What it makes is untrusted: the coordinator validates it again with the same function.

mod catalog;
mod memory;
#[cfg(test)]
mod memory_tests;
mod planning;
#[cfg(test)]
mod planning_tests;
mod verified;

use anyhow::Context as _;
use bus::worker::{Ended, Handler, JobContext};
use catalog::KnownTools;
use contracts::gen_ai;
use contracts::work::job;
use llm::Engine;
use memory::Learner;
use planning::Planning;
use service::Context;
use service::config::Role;
use std::sync::Arc;
use tracing::Instrument;
use verified::Verifier;
use workflow::plan::PlanLimits;
use workflow::vocabulary::WorkKind;

/// Runs the planner until the process is asked to end and what it holds is done.
///
/// # Errors
/// When the configuration cannot be served.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let config = &ctx.config;
    let engine = worker::engine(&config.llm, Role::Planner)?;
    let connections = worker::connect(&ctx).await?;
    let planner = Planner {
        engine,
        learner: Learner::at(&config.worker.learner_url).context("worker.learner_url")?,
        tools: KnownTools::new(connections.coordinator.clone()),
        verifier: Verifier::new(PlanLimits {
            max_steps: config.policy.max_steps,
            max_fan_out: config.policy.max_fan_out,
            max_depth: config.policy.max_depth,
        }),
    };
    worker::serve(&ctx, connections, &[WorkKind::Plan], Arc::new(planner)).await
}

struct Planner {
    engine: Arc<dyn Engine>,
    learner: Learner,
    tools: KnownTools,
    verifier: Verifier,
}

impl Handler for Planner {
    async fn run(&self, job: JobContext) -> Ended {
        let Some(job::Spec::Plan(spec)) = &job.job.spec else {
            return Ended::failure("worker_protocol", "not a planning", false);
        };
        let context: llm::Context = match serde_json::from_str(&job.submission) {
            Ok(context) => context,
            Err(error) => return Ended::failure("worker_protocol", format!("the submission: {error}"), false),
        };
        let planning = Planning {
            engine: &*self.engine,
            learner: &self.learner,
            known: &self.tools,
            verifier: &self.verifier,
            task_id: &job.item.task_id,
            tenant: &job.item.tenant,
            context: &context,
            feedback: &spec.feedback,
            deadline: job.deadline,
        };
        planning.run().instrument(gen_ai::plan(spec.version)).await
    }
}
