//! TaskService: what the gateway and the learner ask. Documents are the JSON of the public contract.

mod control;
mod decide;
mod decision;
mod erase;
mod facts;
mod fork;
mod judges;
mod lists;
mod records;
mod submit;
mod trace;
mod word;

use super::{asking, cursor};
use crate::writer::Shared;
use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{
    ApprovalRequest, ControlRequest, DecideRequest, Document, EraseUserTasksRequest, EraseUserTasksResponse,
    ForkRequest, ForkResponse, GetRecordsRequest, JudgesRequest, ListEventsRequest, ListFinishedRequest,
    ListFinishedResponse, ListRequest, ListTasksRequest, RateJudgementRequest, RateJudgementResponse, SubmitRequest,
    SubmitResponse, TaskRequest,
};
use serde_json::Value;
use service::config::Config;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The service.
pub struct Tasks {
    pub shared: Arc<Shared>,
    pub config: Arc<Config>,
}

fn document(json: &Value) -> Response<Document> {
    text(json.to_string())
}

fn text(json: String) -> Response<Document> {
    Response::new(Document { json, replayed: false })
}

#[tonic::async_trait]
impl TaskService for Tasks {
    type GetRecordsStream = records::Records;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        self.accept(request.into_inner()).await.map(Response::new)
    }

    async fn get_task(&self, request: Request<TaskRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        let caller = asking::caller(request.caller)?;
        self.status(&caller.tenant, asking::task_id(&request.task_id)?).await
    }

    async fn get_trace(&self, request: Request<TaskRequest>) -> Result<Response<Document>, Status> {
        self.trace(request.into_inner()).await
    }

    async fn get_approval(&self, request: Request<ApprovalRequest>) -> Result<Response<Document>, Status> {
        self.approval(request.into_inner()).await
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<Document>, Status> {
        self.take_decision(request.into_inner()).await
    }

    async fn rate_judgement(
        &self,
        request: Request<RateJudgementRequest>,
    ) -> Result<Response<RateJudgementResponse>, Status> {
        let labelled = self.rate(request.into_inner()).await?;
        Ok(Response::new(RateJudgementResponse { labelled }))
    }

    async fn get_judges(&self, request: Request<JudgesRequest>) -> Result<Response<Document>, Status> {
        self.show_judges(request.into_inner()).await
    }

    async fn list_tasks(&self, request: Request<ListTasksRequest>) -> Result<Response<Document>, Status> {
        self.page_of_tasks(request.into_inner()).await
    }

    async fn list_approvals(&self, request: Request<ListRequest>) -> Result<Response<Document>, Status> {
        self.page_of_approvals(request.into_inner()).await
    }

    async fn fork(&self, request: Request<ForkRequest>) -> Result<Response<ForkResponse>, Status> {
        self.fork_task(request.into_inner()).await.map(Response::new)
    }

    async fn control(&self, request: Request<ControlRequest>) -> Result<Response<Document>, Status> {
        self.steer(request.into_inner()).await
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<Document>, Status> {
        self.page_of_events(request.into_inner()).await
    }

    async fn list_finished(
        &self,
        request: Request<ListFinishedRequest>,
    ) -> Result<Response<ListFinishedResponse>, Status> {
        self.page_of_finished(request.into_inner()).await.map(Response::new)
    }

    async fn get_records(
        &self,
        request: Request<GetRecordsRequest>,
    ) -> Result<Response<Self::GetRecordsStream>, Status> {
        self.records(request.into_inner())
    }

    async fn erase_user_tasks(
        &self,
        request: Request<EraseUserTasksRequest>,
    ) -> Result<Response<EraseUserTasksResponse>, Status> {
        self.erase(request.into_inner()).await.map(Response::new)
    }
}

#[cfg(test)]
pub(super) mod tests;
