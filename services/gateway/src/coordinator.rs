//! Asking the coordinators: multiplexed connections, deadlines, another one where one is away.

use crate::refusal::Refusal;
use contracts::coordinator::task_service_client::TaskServiceClient;
use contracts::coordinator::tool_service_client::ToolServiceClient;
use contracts::coordinator::{
    ApprovalRequest, ControlRequest, DecideRequest, Document, ForkRequest, ForkResponse, JudgesRequest,
    ListEventsRequest, ListRequest, ListTasksRequest, RateJudgementRequest, RateJudgementResponse, SubmitRequest,
    SubmitResponse, TaskRequest,
};
use contracts::problem::Problem;
use contracts::trace;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, ConnectError, Request, Response, Status};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon a half-open connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Flow-control windows; the default 64 KiB would stall pages of documents.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Problems ride in headers; one with 64 faults is far over the default of 16 KiB.
const MAX_HEADERS: u32 = 256 << 10;
/// Largest document read: a task's outputs may be tens of megabytes.
const MAX_DOCUMENT: usize = 64 << 20;
const MAX_REQUEST: usize = 4 << 20;

type Inject = fn(Request<()>) -> Result<Request<()>, Status>;
type Client = TaskServiceClient<InterceptedService<Channel, Inject>>;
pub(crate) type ToolClient = ToolServiceClient<InterceptedService<Channel, Inject>>;

/// A channel that connects when first used and again whenever it has to.
///
/// # Errors
/// The address is not a URL.
pub fn channel(url: &str) -> Result<Channel, tonic::transport::Error> {
    Ok(endpoint(url)?.timeout(TIMEOUT).connect_lazy())
}

/// The same for calls whose answer comes after all that is sent, however long that takes. A peer that is gone is noticed.
///
/// # Errors
/// The address is not a URL.
pub fn patient_channel(url: &str) -> Result<Channel, tonic::transport::Error> {
    Ok(endpoint(url)?.connect_lazy())
}

fn endpoint(url: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(url.trim().to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_HEADERS);
    Ok(endpoint)
}

/// The coordinators as the gateway needs them; any can answer anything.
#[derive(Clone)]
pub struct Coordinator {
    clients: Arc<[Client]>,
    tools: Arc<[ToolClient]>,
    turn: Arc<AtomicUsize>,
}

/// Whether a request may be sent a second time when nobody knows what became of the first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Safe,
    Unsafe,
}

/// What makes a task is made once by its key.
fn repeat_with(idempotency_key: &str) -> Repeat {
    match idempotency_key.is_empty() {
        true => Repeat::Unsafe,
        false => Repeat::Safe,
    }
}

impl Coordinator {
    /// Over one channel a coordinator.
    pub fn new(channels: impl IntoIterator<Item = Channel>) -> Self {
        let channels: Vec<Channel> = channels.into_iter().collect();
        let client = |channel: &Channel| {
            TaskServiceClient::with_interceptor(channel.clone(), trace::inject as Inject)
                .max_decoding_message_size(MAX_DOCUMENT)
                .max_encoding_message_size(MAX_REQUEST)
        };
        let tools = |channel: &Channel| {
            ToolServiceClient::with_interceptor(channel.clone(), trace::inject as Inject)
                .max_decoding_message_size(MAX_DOCUMENT)
                .max_encoding_message_size(MAX_REQUEST)
        };
        Self {
            clients: channels.iter().map(client).collect(),
            tools: channels.iter().map(tools).collect(),
            turn: Arc::default(),
        }
    }

    /// To a comma-separated list of addresses.
    ///
    /// # Errors
    /// One of them is not a URL.
    pub fn connect(urls: &str) -> Result<Self, tonic::transport::Error> {
        let channels = urls.split(',').map(channel).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(channels))
    }

    async fn ask<Q, A, F>(&self, repeat: Repeat, request: Q, call: impl Fn(Client, Q) -> F) -> Result<A, Refusal>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.ask_one(&self.clients, repeat, request, call).await
    }

    /// Asks about the catalog.
    pub(crate) async fn ask_tools<Q, A, F>(
        &self,
        repeat: Repeat,
        request: Q,
        call: impl Fn(ToolClient, Q) -> F,
    ) -> Result<A, Refusal>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.ask_one(&self.tools, repeat, request, call).await
    }

    /// Asks the next coordinator, and further ones while a request cannot have been taken.
    async fn ask_one<C, Q, A, F>(
        &self,
        clients: &[C],
        repeat: Repeat,
        request: Q,
        call: impl Fn(C, Q) -> F,
    ) -> Result<A, Refusal>
    where
        C: Clone,
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for again in turn..turn.saturating_add(clients.len()) {
            match call(client(clients, again)?, request.clone()).await {
                Err(status) if may_repeat(repeat, &status) => {
                    tracing::debug!(code = ?status.code(), "a coordinator is away: {}", status.message());
                }
                answer => return conclude(answer),
            }
        }
        conclude(call(client(clients, turn)?, request).await)
    }

    /// Stores a task. 2xx means it is durable.
    ///
    /// # Errors
    /// What the coordinator refuses; 503 when none answers.
    pub async fn submit(&self, request: SubmitRequest) -> Result<SubmitResponse, Refusal> {
        let call = |mut client: Client, request| async move { client.submit(request).await };
        self.ask(repeat_with(&request.idempotency_key), request, call).await
    }

    /// The status document.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn task(&self, request: TaskRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.get_task(request).await };
        self.ask(Repeat::Safe, request, call).await
    }

    /// The trace document.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn trace(&self, request: TaskRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.get_trace(request).await };
        self.ask(Repeat::Safe, request, call).await
    }

    /// The approval document.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn approval(&self, request: ApprovalRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.get_approval(request).await };
        self.ask(Repeat::Safe, request, call).await
    }

    /// A human's answer to a gate.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn decide(&self, request: DecideRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.decide(request).await };
        self.ask(Repeat::Unsafe, request, call).await
    }

    /// A word on a judgement; repeated it changes nothing. A coordinator that is older than judges' labels takes none:
    /// while it is replaced, feedback is still answered.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn rate_judgement(&self, request: RateJudgementRequest) -> Result<RateJudgementResponse, Refusal> {
        let call = |mut client: Client, request| async move {
            match client.rate_judgement(request).await {
                Err(status) if status.code() == Code::Unimplemented => {
                    Ok(Response::new(RateJudgementResponse { labelled: false }))
                }
                answer => answer,
            }
        };
        self.ask(Repeat::Safe, request, call).await
    }

    /// How far people agree with judges.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn judges(&self, request: JudgesRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.get_judges(request).await };
        self.ask(Repeat::Safe, request, call).await
    }

    /// A page of tasks.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn tasks(&self, request: ListTasksRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.list_tasks(request).await };
        self.ask(Repeat::Safe, request, call).await
    }

    /// A page of what waits for a human.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn approvals(&self, request: ListRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.list_approvals(request).await };
        self.ask(Repeat::Safe, request, call).await
    }

    /// Cancel, pause, resume or retry.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn control(&self, request: ControlRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.control(request).await };
        self.ask(Repeat::Unsafe, request, call).await
    }

    /// Stores a task that is forked from another one.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn fork(&self, request: ForkRequest) -> Result<ForkResponse, Refusal> {
        let call = |mut client: Client, request| async move { client.fork(request).await };
        self.ask(repeat_with(&request.idempotency_key), request, call).await
    }

    /// A page of a task's events.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn events(&self, request: ListEventsRequest) -> Result<Document, Refusal> {
        let call = |mut client: Client, request| async move { client.list_events(request).await };
        self.ask(Repeat::Safe, request, call).await
    }
}

fn client<C: Clone>(clients: &[C], turn: usize) -> Result<C, Refusal> {
    let at = turn.checked_rem(clients.len()).unwrap_or_default();
    let client = clients.get(at).cloned();
    client.ok_or_else(|| Refusal::new(503, "unavailable", "no coordinator is configured"))
}

pub(crate) fn conclude<A>(answer: Result<Response<A>, Status>) -> Result<A, Refusal> {
    answer.map(Response::into_inner).map_err(|status| refusal(&status))
}

/// What a status of a service behind the gateway means for the client.
///
/// A status with a source was made on this side: there was no answer, whatever its code.
pub fn refusal(status: &Status) -> Refusal {
    if status.source().is_some() && status.details().is_empty() {
        let detail = "a service behind the gateway does not answer; try again";
        return Refusal::new(503, "unavailable", detail);
    }
    Problem::from_status(status).into()
}

fn may_repeat(repeat: Repeat, status: &Status) -> bool {
    match status.source() {
        Some(source) => repeat == Repeat::Safe || never_sent(source),
        None => false,
    }
}

fn never_sent(error: &(dyn Error + 'static)) -> bool {
    error.is::<ConnectError>() || error.source().is_some_and(never_sent)
}
