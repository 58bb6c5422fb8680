use super::FakeCoordinator;
use contracts::coordinator::rollout_service_server::RolloutService;
use contracts::coordinator::*;
use tonic::{Request, Response, Status};
use workflow::rollout::RolloutTable;

#[tonic::async_trait]
impl RolloutService for FakeCoordinator {
    async fn set_rollouts(
        &self,
        request: Request<SetRolloutsRequest>,
    ) -> Result<Response<SetRolloutsResponse>, Status> {
        self.present()?;
        let request = request.into_inner();
        let table: RolloutTable = serde_json::from_str(&request.table_json).unwrap();
        self.with(|state| {
            if let Some((held, _)) = state.tables.get(&request.tenant) {
                if held.version >= table.version {
                    let version = held.version;
                    return Ok(Response::new(SetRolloutsResponse { version }));
                }
                held.check_next(&table)
                    .map_err(|refused| Status::failed_precondition(refused.to_string()))?;
            }
            let version = table.version;
            state.tables.insert(request.tenant, (table, request.models));
            Ok(Response::new(SetRolloutsResponse { version }))
        })
    }

    async fn list_asked(&self, _: Request<ListAskedRequest>) -> Result<Response<ListAskedResponse>, Status> {
        Err(Status::unimplemented("workers ask this"))
    }

    async fn list_assigned(
        &self,
        request: Request<ListAssignedRequest>,
    ) -> Result<Response<ListAssignedResponse>, Status> {
        self.present()?;
        let request = request.into_inner();
        let after: Option<usize> = request.after.parse().ok();
        let from = after.map_or(0, |place| place + 1);
        // Small pages, so that there are several.
        let most = usize::try_from(request.limit).unwrap().min(30);
        let page = self.with(|state| {
            let numbered = state.assigned.iter().enumerate().skip(from).take(most);
            let placed = numbered.map(|(place, assigned)| Assigned {
                place: place.to_string(),
                ..assigned.clone()
            });
            placed.collect()
        });
        Ok(Response::new(ListAssignedResponse { assigned: page }))
    }
}
