//! The trace of a task: reading what it is made from.

use super::{Tasks, asking, document};
use crate::grpc::problems;
use crate::store::StoreError;
use crate::store::runs;
use crate::store::tasks::{self, ended, lists};
use crate::view::{self, Sources};
use contracts::coordinator::{Document, TaskRequest};
use serde_json::Value;
use tonic::{Response, Status};
use workflow::ids::TaskId;
use workflow::plan::FrozenPlan;

/// Events that are read; the rest of a longer history is left out.
const MAX_EVENTS: i64 = 5_000;
/// Plans and judgements that are read.
const MAX_DOCUMENTS: i64 = 500;

impl Tasks {
    /// The trace document.
    pub(super) async fn trace(&self, request: TaskRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let id = asking::task_id(&request.task_id)?;
        let found = self.find(&caller.tenant, id).await?;
        let sources = self.sources(&caller.tenant, id).await.map_err(problems::stored)?;
        let facts = self.facts(found).await?;
        Ok(document(&view::trace(&facts, sources)))
    }

    async fn sources(&self, tenant: &str, id: TaskId) -> Result<Sources, StoreError> {
        let pool = &self.shared.pool;
        let events = lists::events(pool, tenant, id, 0, MAX_EVENTS + 1)
            .await?
            .unwrap_or_default();
        let runs = runs::of_task(pool, id).await?;
        let is_full = |length: usize, most: i64| i64::try_from(length).unwrap_or(i64::MAX) >= most;
        let reasons = tasks::reasons(pool, id, MAX_DOCUMENTS + 1).await?;
        let told: usize = runs.iter().map(|run| run.calls.len()).sum();
        // Where as much of the runs was kept as may be, more may have been left out.
        let truncated = is_full(events.len(), MAX_EVENTS + 1)
            || is_full(reasons.len(), MAX_DOCUMENTS + 1)
            || is_full(runs.len(), runs::MAX_RUNS)
            || is_full(told, runs::MAX_BYTES);
        let mut plans: Vec<(FrozenPlan, Value)> = Vec::new();
        let (mut assessments, mut planning) = (Vec::new(), Value::Null);
        for (kind, text) in reasons {
            match kind.as_str() {
                // The planner's document is stored right before its plan.
                "intent" => planning = serde_json::from_str(&text).unwrap_or_default(),
                "plan" => {
                    let planning = std::mem::take(&mut planning);
                    let Ok(plan) = serde_json::from_str::<FrozenPlan>(&text) else {
                        continue;
                    };
                    match plans.last_mut().filter(|(known, _)| known.version == plan.version) {
                        // The same with the items of a list that was made since.
                        Some((known, _)) => *known = plan,
                        None => plans.push((plan, planning)),
                    }
                }
                _ => assessments.push(serde_json::from_str(&text).unwrap_or_default()),
            }
        }
        Ok(Sources {
            events: events.into_iter().map(|(_, body)| body).collect(),
            gates: ended::gates(pool, &[id.0]).await?,
            runs,
            effects: tasks::effects(pool, id).await?,
            plans,
            assessments,
            truncated,
        })
    }
}
