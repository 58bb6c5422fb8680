//! Experiments with models: where they stand, what was seen at each look, and the table that follows from them.

mod begin;
mod improvement;
mod read;
mod record;
mod rows;
mod standing;
mod take_back;
mod told;
mod units;

pub use begin::{BeginError, Begun, NewExperiment};
pub use improvement::Improvement;
pub use record::NewLook;
pub use rows::{Experiment, KeptLook};
pub use standing::Standing;
pub use take_back::TakenBack;
pub use units::{NewUnit, UnreadOutcome};

pub(in crate::store) use units::forget;

use super::Store;
use sqlx::PgConnection;

/// Experiments of one tenant.
#[derive(Clone, Debug)]
pub struct Rollouts {
    store: Store,
    tenant: String,
}

impl Rollouts {
    /// Of `tenant`.
    pub fn of(store: &Store, tenant: &str) -> Self {
        Self {
            store: store.clone(),
            tenant: tenant.to_owned(),
        }
    }

    /// Whose they are.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The version of the table rises; whoever else changes it waits.
    async fn changed(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO learner.rollout (tenant, version) VALUES ($1, 1)
             ON CONFLICT (tenant) DO UPDATE SET version = learner.rollout.version + 1",
        )
        .bind(&self.tenant)
        .execute(connection)
        .await?;
        Ok(())
    }
}
