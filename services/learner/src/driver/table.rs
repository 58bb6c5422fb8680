//! Saying a tenant's table until the coordinator holds it.

use super::{DriveError, Driver};
use crate::store::models::Models;
use crate::store::rollouts::Rollouts;
use contracts::coordinator::{ServedModel, SetRolloutsRequest};
use std::cmp::Ordering;
use workflow::rollout::RolloutTable;

impl Driver {
    /// Says the table as it is now.
    pub(super) async fn tell(&mut self, rollouts: &Rollouts) -> Result<(), DriveError> {
        let table = rollouts.table().await?;
        let request = SetRolloutsRequest {
            tenant: rollouts.tenant().to_owned(),
            table_json: serde_json::to_string(&table)?,
            models: self.models(rollouts.tenant(), &table).await?,
        };
        let held = self.coordinator.set_rollouts(request).await?;
        match held.cmp(&table.version) {
            Ordering::Equal => drop(self.told.insert(rollouts.tenant().to_owned(), held)),
            // Ours is of before something that is lost here; said again in the next round.
            Ordering::Greater => rollouts.go_above(held, table.version).await?,
            Ordering::Less => {}
        }
        Ok(())
    }

    async fn models(&self, tenant: &str, table: &RolloutTable) -> Result<Vec<ServedModel>, DriveError> {
        let models = Models::of(&self.store, tenant);
        let mut reached = Vec::new();
        for id in table.versions() {
            let found = models.get(id).await?;
            let served = found.as_ref().and_then(|model| Some((model, model.served()?)));
            let Some((model, served)) = served else {
                tracing::warn!(model_id = %id, "a model that nobody serves has a part in a rollout");
                continue;
            };
            reached.push(ServedModel {
                model_id: id.to_string(),
                name: crate::models::version::served_name(&model.name, model.version),
                provider: served.provider,
                model: served.model,
                answers_as: served.answers_as.unwrap_or_default(),
            });
        }
        Ok(reached)
    }
}
