//! Having executors look again.

use super::Tools;
use super::looking::answer;
use crate::catalog::discovery::difference;
use crate::grpc::{asking, problems};
use crate::store::catalog::{self, ToolRow, announcing, signals};
use contracts::coordinator::{DiscoverToolsRequest, Document};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tonic::{Response, Status};

/// Executors hear of it with their next beat, within 5 s; servers they ask take their time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at who has announced.
const LOOK: Duration = Duration::from_millis(100);

impl Tools {
    pub(super) async fn discover(&self, request: DiscoverToolsRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let pool = &self.shared.pool;
        let until = Instant::now() + PATIENCE;
        let before = self.seen_by(&caller.tenant).await?;
        let discovery = signals::discover(pool).await.map_err(problems::stored)?;
        self.shared.catalog.refresh(pool).await.map_err(problems::stored)?;
        let complete = loop {
            if announcing::missing(pool, discovery).await.map_err(problems::stored)? == 0 {
                break true;
            }
            if Instant::now() >= until {
                break false;
            }
            sleep(LOOK).await;
        };
        let after = self.seen_by(&caller.tenant).await?;
        Ok(answer(json!(difference(&before, &after, complete)).to_string(), false))
    }

    async fn seen_by(&self, tenant: &str) -> Result<Vec<ToolRow>, Status> {
        let mut rows = catalog::all(&self.shared.pool).await.map_err(problems::stored)?;
        rows.retain(|row| row.is_seen_by(tenant));
        Ok(rows)
    }
}
