//! Pages: tasks, the inbox, events.

use super::cursor::{self, Timed};
use super::{Tasks, asking, document, text};
use crate::grpc::paging::{cut, limit, one_more};
use crate::grpc::problems;
use crate::store::tasks::lists::{self, Filter, Waiting};
use crate::store::{StoreError, load};
use crate::view;
use contracts::coordinator::{Document, ListEventsRequest, ListRequest, ListTasksRequest};
use serde_json::Value;
use std::collections::HashMap;
use tonic::{Response, Status};
use workflow::ids::TaskId;
use workflow::plan::FrozenPlan;
use workflow::risk::{Outside, risk};
use workflow::state::{Gate, PayloadNo};
use workflow::vocabulary::{EffectClass, GateKind};

impl Tasks {
    pub(super) async fn page_of_tasks(&self, request: ListTasksRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let before = cursor::read_task(&request.cursor)?;
        let limit = limit(request.limit);
        let filter = Filter {
            status: &request.status,
            q: &request.q,
        };
        let rows = lists::tasks(&self.shared.pool, &caller.tenant, filter, before, one_more(limit)).await;
        let mut rows = rows.map_err(problems::stored)?;
        let next = cut(&mut rows, limit, |listed| cursor::write_task(listed.task.id.0));
        Ok(document(&view::page(rows.iter().map(view::task_entry).collect(), next)))
    }

    pub(super) async fn page_of_approvals(&self, request: ListRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let after = Timed::Gates.read(&request.cursor)?;
        let limit = limit(request.limit);
        let rows = lists::waiting(
            &self.shared.pool,
            &caller.tenant,
            &request.assignee,
            after,
            one_more(limit),
        )
        .await;
        let mut rows = rows.map_err(problems::stored)?;
        let next = cut(&mut rows, limit, |w| Timed::Gates.write(w.opened_at, w.gate.0));
        let documents = self.documents_of(&rows).await.map_err(problems::stored)?;
        let items = rows.iter().filter_map(|waiting| self.inbox_entry(waiting, &documents));
        Ok(document(&view::page(items.collect(), next)))
    }

    /// Plans of the gates whose risk depends on one.
    async fn documents_of(&self, rows: &[Waiting]) -> Result<HashMap<(TaskId, PayloadNo), FrozenPlan>, StoreError> {
        let plan = |waiting: &Waiting| {
            let gate = gate_of(waiting)?;
            let needed = matches!(gate.kind, GateKind::Plan | GateKind::Step);
            let plan = waiting.of.task.plan.as_ref().filter(|_| needed)?;
            Some((waiting.of.task.id, plan.payload))
        };
        let mut wanted: Vec<_> = rows.iter().filter_map(plan).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let mut connection = self.shared.pool.acquire().await.map_err(StoreError::at("connect"))?;
        let texts = load::bodies(&mut connection, &wanted).await?;
        let plans = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, serde_json::from_str(&text).ok()?)));
        Ok(plans.collect())
    }

    fn inbox_entry(&self, waiting: &Waiting, plans: &HashMap<(TaskId, PayloadNo), FrozenPlan>) -> Option<Value> {
        let task = &waiting.of.task;
        let gate = gate_of(waiting)?;
        let plan = task.plan.as_ref().and_then(|p| plans.get(&(task.id, p.payload)));
        let outside = Outside {
            plan,
            channel: &|name| self.channel_effects(name),
        };
        let risk = risk(task, gate, outside);
        let step_key = gate
            .step
            .and_then(|i| plan?.plan.steps.get(usize::from(i)))
            .map(|s| s.key.as_str());
        Some(view::inbox_entry(
            waiting,
            gate,
            step_key,
            risk,
            self.shared.clock.now(),
        ))
    }

    /// What repeating a publication does, as far as the configuration says.
    fn channel_effects(&self, name: &str) -> Option<EffectClass> {
        let channel = self.config.channels.iter().find(|c| c.name == name)?;
        EffectClass::parse(channel.effects().as_str())
    }

    pub(super) async fn page_of_events(&self, request: ListEventsRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let task = asking::task_id(&request.task_id)?;
        let after = i64::try_from(request.after).map_err(|_| problems::invalid_cursor().to_status())?;
        let limit = limit(request.limit);
        let rows = lists::events(&self.shared.pool, &caller.tenant, task, after, one_more(limit)).await;
        let rows = rows.map_err(problems::stored)?;
        let mut rows = rows.ok_or_else(|| problems::not_found().to_status())?;
        let next = cut(&mut rows, limit, |(sequence, _)| sequence.to_string());
        // The events are the stored bytes, as they were told.
        let bodies: Vec<&str> = rows.iter().map(|(_, body)| body.as_str()).collect();
        let next = next.map_or_else(|| "null".to_owned(), |sequence| format!("\"{sequence}\""));
        Ok(text(format!(
            "{{\"items\":[{}],\"next_cursor\":{next}}}",
            bodies.join(",")
        )))
    }
}

/// The gate in the state of its task; none where it was decided meanwhile.
fn gate_of(waiting: &Waiting) -> Option<&Gate> {
    let task = &waiting.of.task;
    task.gates.iter().find(|g| task.id.gate(g.serial) == waiting.gate)
}
