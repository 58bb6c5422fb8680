//! Submit: a request becomes a task, once.

use super::{Tasks, asking};
use crate::grpc::problems;
use crate::policy::{self, Origin};
use crate::writer::inbox::{Answer, Ask, Submit};
use contracts::api::ProcessRequest;
use contracts::coordinator::{SubmitRequest, SubmitResponse};
use contracts::trace;
use std::sync::Arc;
use tonic::Status;
use workflow::ids::TaskId;

impl Tasks {
    /// Answered after the commit.
    pub(super) async fn accept(&self, request: SubmitRequest) -> Result<SubmitResponse, Status> {
        let caller = asking::caller(request.caller)?;
        let asked: ProcessRequest = asking::json(&request.submission_json)?;
        // What follows from the request belongs below it.
        let traceparent = trace::current().map_or(caller.traceparent, |context| context.to_string());
        let origin = Origin {
            actor: &caller.actor,
            traceparent: &traceparent,
        };
        self.meet_new_tools(&caller.tenant, &asked).await?;
        let announced = self.shared.catalog.channels();
        let submission =
            policy::submission(asked, origin, &self.config, &announced).map_err(|problem| problem.to_status())?;
        let submit = Submit {
            tenant: caller.tenant,
            submission: Arc::new(submission),
            reuse: None,
            idempotency: Some((request.idempotency_key, request.body_hash)).filter(|(key, _)| !key.is_empty()),
        };
        self.place(TaskId(service::ids::v7()), submit).await
    }

    /// Hands a new task to the writer; answered after the commit.
    pub(super) async fn place(&self, id: TaskId, submit: Submit) -> Result<SubmitResponse, Status> {
        match self.shared.inbox.ask(id, Ask::Submit(submit)).await {
            Answer::Accepted { task, status, replayed } => {
                tracing::Span::current().record("task_id", tracing::field::display(task));
                Ok(SubmitResponse {
                    task_id: task.to_string(),
                    status: status.as_str().to_owned(),
                    replayed,
                })
            }
            other => {
                problems::settled(other)?;
                Err(problems::unavailable().to_status())
            }
        }
    }

    /// A tool that this coordinator does not know may be one that another one took in just now.
    pub(super) async fn meet_new_tools(&self, tenant: &str, asked: &ProcessRequest) -> Result<(), Status> {
        let catalog = self.shared.catalog.current();
        let catalog = catalog.of(tenant);
        let steps = asked.plan.iter().flat_map(|plan| &plan.steps);
        if steps.clone().all(|step| catalog.active(&step.tool_id).is_some()) {
            return Ok(());
        }
        self.meet_catalog().await
    }
}
