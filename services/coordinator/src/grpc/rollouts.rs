//! RolloutService: the learner says which models serve whom, and asks whom that met.

#[cfg(test)]
mod tests;

use super::worker::{parse, unavailable};
use crate::rollouts::{self, Reached, Set};
use crate::store;
use crate::writer::Shared;
use contracts::coordinator::rollout_service_server::RolloutService;
use contracts::coordinator::{
    Asked, Assigned, ListAskedRequest, ListAskedResponse, ListAssignedRequest, ListAssignedResponse, ServedModel,
    SetRolloutsRequest, SetRolloutsResponse,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use uuid::Uuid;
use workflow::rollout::RolloutTable;
use workflow::time::Timestamp;

/// Tasks in one answer.
const MAX_PAGE: u32 = 1_000;
/// Bytes of a table, and models beside it: a tenant has three roles with a champion and a challenger each.
const MAX_TABLE: usize = 64 << 10;
const MAX_MODELS: usize = 64;

/// The service.
pub struct Rollouts(pub Arc<Shared>);

#[tonic::async_trait]
impl RolloutService for Rollouts {
    async fn set_rollouts(
        &self,
        request: Request<SetRolloutsRequest>,
    ) -> Result<Response<SetRolloutsResponse>, Status> {
        let ask = request.into_inner();
        if ask.table_json.len() > MAX_TABLE || ask.models.len() > MAX_MODELS {
            return Err(Status::invalid_argument("the table is too large"));
        }
        bus::Token::parse(&ask.tenant).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let table: RolloutTable = serde_json::from_str(&ask.table_json)
            .map_err(|error| Status::invalid_argument(format!("table_json: {error}")))?;
        let models = ask.models.into_iter().map(reached).collect::<Result<_, Status>>()?;
        // The clock that ids of tasks are made by.
        let now = Timestamp(service::clock::now_ms());
        let set = rollouts::set(&self.0.pool, &ask.tenant, &table, &models, now)
            .await
            .map_err(unavailable)?;
        match set {
            Set::Holds(version) => {
                self.0.rollouts.refresh(&self.0.pool).await.map_err(unavailable)?;
                Ok(Response::new(SetRolloutsResponse { version }))
            }
            Set::Refused(reason) => Err(Status::failed_precondition(reason)),
            Set::Faulty(reason) => Err(Status::invalid_argument(reason)),
        }
    }

    async fn list_asked(&self, request: Request<ListAskedRequest>) -> Result<Response<ListAskedResponse>, Status> {
        let rollouts = self.0.rollouts.current();
        let asked = rollouts.asked(&request.get_ref().tenant).into_iter();
        let asked = asked.map(|(role, reached)| Asked {
            role: role.to_owned(),
            provider: reached.provider.clone(),
            model: reached.model.clone(),
        });
        Ok(Response::new(ListAskedResponse { asked: asked.collect() }))
    }

    async fn list_assigned(
        &self,
        request: Request<ListAssignedRequest>,
    ) -> Result<Response<ListAssignedResponse>, Status> {
        let ask = request.into_inner();
        let experiment: Uuid = parse(&ask.experiment_id, "experiment_id")?;
        let (transaction, task) = place(&ask.after)?;
        let limit = ask.limit.clamp(1, MAX_PAGE);
        let lines = store::rollouts::assigned(&self.0.pool, &ask.tenant, experiment, (&transaction, task), limit).await;
        let assigned = lines.map_err(unavailable)?.into_iter().map(|line| Assigned {
            place: format!("{}:{}", line.transaction, line.task_id),
            task_id: line.task_id.to_string(),
            user: line.actor,
            arm: line.arm,
            step: u32::try_from(line.step).unwrap_or(0),
            propensity: line.propensity,
            at_unix_ms: line.at.timestamp_millis(),
        });
        Ok(Response::new(ListAssignedResponse {
            assigned: assigned.collect(),
        }))
    }
}

fn reached(model: ServedModel) -> Result<(Uuid, Reached), Status> {
    let reached = Reached {
        name: model.name,
        provider: model.provider,
        model: model.model,
        answers_as: model.answers_as,
    };
    Ok((parse(&model.model_id, "model_id")?, reached))
}

/// Transaction and task, as an answer said them.
fn place(text: &str) -> Result<(String, Uuid), Status> {
    if text.is_empty() {
        return Ok(("0".to_owned(), Uuid::nil()));
    }
    let unreadable = || Status::invalid_argument("after is no place");
    let (transaction, task) = text.split_once(':').ok_or_else(unreadable)?;
    let transaction: u64 = transaction.parse().map_err(|_| unreadable())?;
    Ok((transaction.to_string(), task.parse().map_err(|_| unreadable())?))
}
