//! Status and approval: reading what a document is made from, and making it.

use super::{Tasks, asking, document};
use crate::grpc::problems;
use crate::store::StoreError;
use crate::store::tasks::{self, CostTotals, Texts};
use crate::store::{rollouts, runs};
use crate::view::{self, Bodies, Facts};
use contracts::coordinator::{ApprovalRequest, Document};
use tonic::{Response, Status};
use workflow::ids::TaskId;
use workflow::state::{SUBMISSION, Task};

/// Bytes of large outputs shown in one document; a message has 64 MiB.
pub(super) const MAX_SHOWN: u64 = 40 << 20;

impl Tasks {
    /// The task, when it is the tenant's.
    pub(super) async fn find(&self, tenant: &str, id: TaskId) -> Result<(Task, CostTotals), Status> {
        let found = tasks::find(&self.shared.pool, tenant, id)
            .await
            .map_err(problems::stored)?;
        found.ok_or_else(|| problems::not_found().to_status())
    }

    pub(super) async fn facts(&self, (task, costs): (Task, CostTotals)) -> Result<Facts, Status> {
        let wanted = view::wanted(&task);
        let texts = tasks::texts(&self.shared.pool, task.id, &wanted, MAX_SHOWN)
            .await
            .map_err(problems::stored)?;
        assemble(task, texts, costs).map_err(problems::stored)
    }

    /// The status document.
    pub(super) async fn status(&self, tenant: &str, id: TaskId) -> Result<Response<Document>, Status> {
        let found = self.find(tenant, id).await?;
        let postponed = match view::may_wait(&found.0) {
            true => runs::postponed(&self.shared.pool, id).await.map_err(problems::stored)?,
            false => Vec::new(),
        };
        let mut facts = self.facts(found).await?;
        if self.shared.rollouts.current().has(tenant) {
            let given = rollouts::of_tasks(&self.shared.pool, &[id.0]).await;
            facts.given = given.map_err(problems::stored)?;
        }
        let mut status = view::status(&facts, &postponed);
        let budget = self.shared.tenant_budgets.of(tenant);
        if let Some(budget) = budget.filter(|_| !facts.task.status.is_terminal()) {
            let (shared, window) = (&self.shared, budget.begin(self.shared.clock.now()));
            let used = shared.shown.used(&shared.pool, tenant, window).await;
            let used = used.map_err(problems::stored)?;
            let seen = self.shared.seen();
            view::add_window(&mut status, &facts, (budget, used), &self.shared.env(&seen));
        }
        Ok(document(&status))
    }

    /// The approval document of an open gate.
    pub(super) async fn approval(&self, request: ApprovalRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let id = asking::task_id(&request.task_id)?;
        let gate_id = asking::gate_id(&request.gate_id)?;
        let found = self.find(&caller.tenant, id).await?;
        let gate = view::choose_gate(&found.0, gate_id);
        let gate = gate.map_err(|refusal| problems::refused(refusal).to_status())?.clone();
        let effects = match found.0.effects.as_slice() {
            [] => Vec::new(),
            _ => tasks::effects(&self.shared.pool, id).await.map_err(problems::stored)?,
        };
        let facts = self.facts(found).await?;
        let catalog = self.shared.catalog.current();
        let step = gate
            .step
            .and_then(|i| facts.plan.as_ref()?.plan.steps.get(usize::from(i)));
        let tool = step.and_then(|step| catalog.of(&caller.tenant).get(&step.tool_id));
        let schema = tool.map(|tool| &tool.spec.input_schema);
        Ok(document(&view::approval(&facts, &gate, &effects, schema)))
    }
}

/// Facts from what was read of a task.
///
/// # Errors
/// Its submission or plan cannot be read.
pub(super) fn assemble(task: Task, texts: Texts, costs: CostTotals) -> Result<Facts, StoreError> {
    let bodies = Bodies::new(texts);
    let id = task.id.0;
    let corrupt = |what| move |source| StoreError::Corrupt { what, task: id, source };
    let text = |no| bodies.text(no).unwrap_or_default();
    let submission = serde_json::from_str(text(SUBMISSION)).map_err(corrupt("the submission"))?;
    let plan = task
        .plan
        .as_ref()
        .map(|p| serde_json::from_str(text(p.payload)).map_err(corrupt("the plan")));
    Ok(Facts {
        plan: plan.transpose()?,
        submission,
        task,
        bodies,
        costs,
        given: Vec::new(),
    })
}
