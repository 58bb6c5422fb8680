//! A coordinator that knows only finished tasks, and who serves whom.

mod rollouts;

use contracts::coordinator::rollout_service_server::RolloutServiceServer;
use contracts::coordinator::task_service_server::{TaskService, TaskServiceServer};
use contracts::coordinator::*;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use workflow::ids::TaskId;
use workflow::rollout::RolloutTable;

/// Ids in one page, whatever is asked for.
const MOST_IDS: usize = 100;

/// What the coordinator knows, and how it fails.
#[derive(Default)]
pub struct State {
    /// In the order of their end.
    pub finished: Vec<TaskId>,
    /// Records other than the usual one.
    pub records: BTreeMap<TaskId, String>,
    /// Asking for these breaks the stream.
    pub broken: BTreeSet<TaskId>,
    /// Answers nothing.
    pub away: bool,
    /// Number of ids in each question for records.
    pub asked: Vec<usize>,
    /// Orders to erase.
    pub erasures: Vec<EraseUserTasksRequest>,
    /// Tables of rollouts that hold, by tenant, with how their models are reached.
    pub tables: BTreeMap<String, (RolloutTable, Vec<ServedModel>)>,
    /// Tasks that an experiment took in, in their order.
    pub assigned: Vec<Assigned>,
}

#[derive(Clone, Default)]
pub struct FakeCoordinator(Arc<Mutex<State>>);

/// The raw record the fake gives.
pub fn raw(task: TaskId) -> String {
    json!({
        "task": {"task_id": task, "status": "completed", "quality": {"overall": 0.9, "passed": true},
                 "finished_at": "2030-01-01T00:00:00.000Z"},
        "submission": {"request": format!("request of {task}")},
    })
    .to_string()
}

impl FakeCoordinator {
    /// Serves on a loopback port; tells its URL.
    pub async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = TaskServiceServer::new(self.clone());
        let server = tonic::transport::Server::builder()
            .add_service(service)
            .add_service(RolloutServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        url
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn present(&self) -> Result<(), Status> {
        if self.with(|state| state.away) {
            return Err(Status::unavailable("away"));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl TaskService for FakeCoordinator {
    async fn list_finished(
        &self,
        request: Request<ListFinishedRequest>,
    ) -> Result<Response<ListFinishedResponse>, Status> {
        self.present()?;
        let request = request.into_inner();
        let from: usize = request.cursor.parse().unwrap_or(0);
        // Small pages, so that there are several.
        let most = usize::try_from(request.limit).unwrap().min(MOST_IDS);
        let page: Vec<TaskId> = self.with(|state| state.finished.iter().skip(from).take(most).copied().collect());
        Ok(Response::new(ListFinishedResponse {
            cursor: (from + page.len()).to_string(),
            task_ids: page.iter().map(ToString::to_string).collect(),
        }))
    }

    type GetRecordsStream = BoxStream<'static, Result<Record, Status>>;

    async fn get_records(
        &self,
        request: Request<GetRecordsRequest>,
    ) -> Result<Response<Self::GetRecordsStream>, Status> {
        self.present()?;
        let asked: Vec<TaskId> = request
            .into_inner()
            .task_ids
            .iter()
            .map(|id| id.parse().unwrap())
            .collect();
        let answers = self.with(|state| {
            state.asked.push(asked.len());
            let known = asked.into_iter().filter(|task| state.finished.contains(task));
            let answer = |task: TaskId| {
                if state.broken.contains(&task) {
                    return Err(Status::internal("this record cannot be made"));
                }
                Ok(Record {
                    task_id: task.to_string(),
                    tenant: "default".to_owned(),
                    json: state.records.get(&task).cloned().unwrap_or_else(|| raw(task)),
                })
            };
            known.map(answer).collect::<Vec<_>>()
        });
        Ok(Response::new(stream::iter(answers).boxed()))
    }

    async fn submit(&self, _: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_task(&self, _: Request<TaskRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_trace(&self, _: Request<TaskRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_approval(&self, _: Request<ApprovalRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn rate_judgement(
        &self,
        _: Request<RateJudgementRequest>,
    ) -> Result<Response<RateJudgementResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_judges(&self, _: Request<JudgesRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn decide(&self, _: Request<DecideRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn list_tasks(&self, _: Request<ListTasksRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn list_approvals(&self, _: Request<ListRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn fork(&self, _: Request<ForkRequest>) -> Result<Response<ForkResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn control(&self, _: Request<ControlRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn erase_user_tasks(
        &self,
        request: Request<EraseUserTasksRequest>,
    ) -> Result<Response<EraseUserTasksResponse>, Status> {
        self.present()?;
        self.with(|state| state.erasures.push(request.into_inner()));
        Ok(Response::new(EraseUserTasksResponse {
            erased: 2,
            running: 1,
            up_to_date: true,
        }))
    }

    async fn list_events(&self, _: Request<ListEventsRequest>) -> Result<Response<Document>, Status> {
        Err(Status::unimplemented(""))
    }
}
