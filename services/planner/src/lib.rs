//! The planner: makes intent and plan from a request, over the tools of the catalog.
//!
//! Stateless. What it makes is untrusted: the coordinator validates it again with the same function.

mod candidates;
#[cfg(test)]
mod candidates_tests;
mod catalog;
#[cfg(test)]
mod catalog_tests;
mod choice;
mod flow;
mod forecast;
#[cfg(test)]
mod forecast_tests;
mod meaning;
#[cfg(test)]
mod meaning_tests;
mod memory;
#[cfg(test)]
mod memory_tests;
mod planning;
#[cfg(test)]
mod planning_tests;
mod quality;
mod search;
mod told;
mod trim;
#[cfg(test)]
mod trim_tests;
mod verified;

use anyhow::Context as _;
use bus::worker::{Ended, Handler, JobContext};
use catalog::KnownTools;
use contracts::gen_ai;
use contracts::work::job;
use llm::Engine;
use meaning::Meaning;
use memory::{Asker, Learner};
use planning::Planning;
use service::Context;
use service::config::{Config, Faults, Role};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;
use verified::Verifier;
use workflow::plan::PlanLimits;
use workflow::vocabulary::WorkKind;

/// Finds the keys this process needs and cannot read.
///
/// # Errors
/// The references that lead nowhere.
pub fn check(config: &Config) -> Result<(), Faults> {
    let keys = [config.llm.check_keys(Role::Planner), config.check_embeddings_key()];
    let faults: Vec<_> = keys
        .into_iter()
        .filter_map(Result::err)
        .flat_map(|faults| faults.0)
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

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
        meaning: worker::embedder(config)?.map(|embedder| {
            let patience = Duration::from_secs_f64(config.tools.embeddings.timeout_seconds);
            Meaning::by(embedder, patience)
        }),
    };
    worker::serve(&ctx, connections, &[WorkKind::Plan], Arc::new(planner)).await
}

struct Planner {
    engine: Arc<dyn Engine>,
    learner: Learner,
    tools: KnownTools,
    verifier: Verifier,
    meaning: Option<Meaning>,
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
            meaning: self.meaning.as_ref(),
            asker: Asker {
                task_id: &job.item.task_id,
                tenant: &job.item.tenant,
                user: &spec.actor,
            },
            context: &context,
            feedback: &spec.feedback,
            deadline: job.deadline,
        };
        worker::within(&job, planning.run())
            .instrument(gen_ai::plan(spec.version))
            .await
    }
}
