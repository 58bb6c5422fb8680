//! What a run may ask of models, as its job says.

use contracts::work;
use llm::{Chosen, Grant, ModelRef};

/// Runs the work of a job: within its grant, and asking first what a rollout chose for it.
pub async fn within<T>(job: &work::Job, work: impl Future<Output = T>) -> T {
    llm::asking(job.models.iter().map(chosen).collect(), llm::within(grant(job), work)).await
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
