//! What a run may ask of models, as its job says.

use async_trait::async_trait;
use bus::worker::{Coordinator, JobContext};
use contracts::work;
use llm::{Chosen, Grant, ModelRef, Standing};
use std::sync::Arc;
use workflow::vocabulary::WorkKind;

/// Runs the work of a job: within its grant, and asking first what a rollout chose for it and did not turn back since.
pub async fn within<T>(job: &JobContext, work: impl Future<Output = T>) -> T {
    let chosen: Vec<Chosen> = job.job.models.iter().map(chosen).collect();
    let standing = Said {
        coordinator: job.coordinator().clone(),
        tenant: job.item.tenant.clone(),
        role: role(job.item.kind),
    };
    let standing: Option<Arc<dyn Standing>> = match chosen.is_empty() {
        true => None,
        false => Some(Arc::new(standing)),
    };
    llm::asking(chosen, standing, llm::within(grant(&job.job), work)).await
}

/// What coordinators say of choices.
struct Said {
    coordinator: Coordinator,
    tenant: String,
    role: &'static str,
}

#[async_trait]
impl Standing for Said {
    async fn holds(&self, model: &ModelRef) -> bool {
        let ModelRef { provider, model } = model;
        self.coordinator.may_ask(&self.tenant, self.role, provider, model).await
    }
}

/// As the table of rollouts names it.
fn role(kind: WorkKind) -> &'static str {
    match kind {
        WorkKind::Plan => "planner",
        WorkKind::Assess => "judge",
        WorkKind::Execute | WorkKind::Format | WorkKind::Publish | WorkKind::Notify | WorkKind::Discover => "writer",
    }
}

fn chosen(choice: &work::ModelChoice) -> Chosen {
    Chosen {
        model: ModelRef {
            provider: choice.provider.clone(),
            model: choice.model.clone(),
        },
        answers_as: choice.answers_as.clone(),
    }
}

fn grant(job: &work::Job) -> Grant {
    let grant = job.grant.unwrap_or_default();
    Grant {
        usd_micros: grant.bounds_usd.then_some(grant.usd_micros),
        tokens: grant.bounds_tokens.then_some(grant.tokens),
        calls: grant.bounds_calls.then_some(grant.calls),
        cheaper: grant.cheaper,
    }
}
