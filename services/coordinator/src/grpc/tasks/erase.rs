//! Orders to erase a user's tasks.

use super::Tasks;
use crate::erasing;
use crate::grpc::problems;
use crate::store::erasure::Order;
use chrono::DateTime;
use contracts::coordinator::{EraseUserTasksRequest, EraseUserTasksResponse};
use contracts::problem::Problem;
use tonic::Status;

impl Tasks {
    pub(super) async fn erase(&self, request: EraseUserTasksRequest) -> Result<EraseUserTasksResponse, Status> {
        let is_name = !request.user.is_empty() && !request.user.contains('\0');
        let ordered_at = DateTime::from_timestamp_millis(request.asked_at_ms);
        let (Ok(_), Some(ordered_at), true) = (bus::Token::parse(&request.tenant), ordered_at, is_name) else {
            let detail = "an erasure names a tenant, a user and when it was asked for";
            return Err(Problem::new(422, "validation", detail).to_status());
        };
        let order = Order {
            tenant: request.tenant,
            actor: request.user,
            ordered_at,
        };
        let progress = erasing::order(&self.shared, &order).await.map_err(problems::stored)?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok(EraseUserTasksResponse {
            erased: count(progress.erased),
            running: count(progress.running),
            up_to_date: progress.up_to_date,
        })
    }
}
