//! The model that a rollout chose for the work that asks. It travels with the work, like what it may spend.

use crate::models::ModelRef;
use std::sync::Arc;

/// Name of the decision that what a rollout chose gave nothing, and that others are asked.
pub const PASSED_OVER: &str = "passed_over";

tokio::task_local! {
    static CHOSEN: Arc<[Chosen]>;
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

/// Runs `work`, which asks the chosen models first, in their order.
pub async fn asking<T>(chosen: Vec<Chosen>, work: impl Future<Output = T>) -> T {
    CHOSEN.scope(chosen.into(), work).await
}

/// Of the work that asks, in the order they are to be asked.
pub(crate) fn current() -> Arc<[Chosen]> {
    CHOSEN.try_with(Arc::clone).unwrap_or_default()
}

/// The one to be asked first.
pub(crate) fn first() -> Option<Chosen> {
    current().first().cloned()
}
