//! Saying which models serve whom, and asking whom that met.

use super::{ANSWER_TIMEOUT, AskError, Coordinator};
use contracts::coordinator::{Assigned, ListAssignedRequest, SetRolloutsRequest};
use tokio::time::timeout;
use tonic::Status;
use uuid::Uuid;

impl Coordinator {
    /// Has a tenant's table take the place of an older one; tells the version that holds now.
    ///
    /// # Errors
    /// When there is no answer, or units would change arms. It may have been taken, and can be said again.
    pub async fn set_rollouts(&self, request: SetRolloutsRequest) -> Result<u64, AskError> {
        let action = "take a table of rollouts";
        let mut client = self.rollouts.clone();
        let answer = timeout(ANSWER_TIMEOUT, client.set_rollouts(request)).await;
        let answer = answer.map_err(|_| AskError::TimedOut { action })?;
        let failed = |status: Status| AskError::Status { action, status };
        Ok(answer.map_err(failed)?.into_inner().version)
    }

    /// Tasks that a tenant's experiment took in after the place `after`, in their order.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn assigned(
        &self,
        tenant: &str,
        experiment: Uuid,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Assigned>, AskError> {
        let action = "list the tasks of an experiment";
        let request = ListAssignedRequest {
            tenant: tenant.to_owned(),
            experiment_id: experiment.to_string(),
            after: after.to_owned(),
            limit,
        };
        let mut client = self.rollouts.clone();
        let answer = timeout(ANSWER_TIMEOUT, client.list_assigned(request)).await;
        let answer = answer.map_err(|_| AskError::TimedOut { action })?;
        let failed = |status: Status| AskError::Status { action, status };
        Ok(answer.map_err(failed)?.into_inner().assigned)
    }
}
