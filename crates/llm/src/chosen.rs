//! The model that a rollout chose for the work that asks. It travels with the work, like what it may spend.

use crate::models::ModelRef;
use async_trait::async_trait;
use std::sync::Arc;

/// Name of the decision that what a rollout chose gave nothing, and that others are asked.
pub const PASSED_OVER: &str = "passed_over";

/// Name of the decision that what a rollout chose is turned back since, and was not asked.
pub const TURNED_BACK: &str = "turned_back";

tokio::task_local! {
    static CHOSEN: Given;
}

/// Knows what became of a choice since it was made: work waits, for its turn and for that of its call.
#[async_trait]
pub trait Standing: Send + Sync {
    /// The model may be asked still. Asked right before each call.
    async fn holds(&self, model: &ModelRef) -> bool;
}

#[derive(Clone)]
struct Given {
    models: Arc<[Chosen]>,
    /// None: a choice is for ever.
    standing: Option<Arc<dyn Standing>>,
}

/// A model to be asked before those that are configured, which stand in for it where it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The model.
    pub model: ModelRef,
    /// What its answers must name as the model that gave them; empty: they need not.
    pub answers_as: String,
}

impl Chosen {
    /// As results name it.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.model.provider, self.model.model)
    }
}

/// Runs `work`, which asks the chosen models first, in their order, as long as `standing` lets it.
pub async fn asking<T>(chosen: Vec<Chosen>, standing: Option<Arc<dyn Standing>>, work: impl Future<Output = T>) -> T {
    let given = Given {
        models: chosen.into(),
        standing,
    };
    CHOSEN.scope(given, work).await
}

/// Of the work that asks, in the order they are to be asked.
pub(crate) fn current() -> Arc<[Chosen]> {
    CHOSEN.try_with(|given| Arc::clone(&given.models)).unwrap_or_default()
}

/// The one to be asked first.
pub(crate) fn first() -> Option<Chosen> {
    current().first().cloned()
}

/// Whether a chosen model may be asked still.
pub(crate) async fn holds(model: &ModelRef) -> bool {
    match CHOSEN.try_with(|given| given.standing.clone()) {
        Ok(Some(standing)) => standing.holds(model).await,
        Ok(None) | Err(_) => true,
    }
}
