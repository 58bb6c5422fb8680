//! The gRPC side of a worker: one connection, bounded calls, patience while the coordinator is away.

use super::asked::Asked;
use contracts::coordinator::BeatResponse;
use contracts::coordinator::notice_service_client::NoticeServiceClient;
use contracts::coordinator::rollout_service_client::RolloutServiceClient;
use contracts::coordinator::worker_service_client::WorkerServiceClient;
use contracts::trace;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

type Inject = fn(Request<()>) -> Result<Request<()>, Status>;

/// The generated client; the span it is called in goes with every call.
pub type Client = WorkerServiceClient<InterceptedService<Channel, Inject>>;

/// The generated client for events of webhooks.
pub type Notices = NoticeServiceClient<InterceptedService<Channel, Inject>>;

/// The generated client for what rollouts may ask.
pub(super) type Rollouts = RolloutServiceClient<InterceptedService<Channel, Inject>>;

/// Longest wait for the answer to one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the transfer of one payload.
pub(super) const TRANSFER_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of one answer, as many as the coordinator takes: a catalog, or all that callers registered.
const MAX_MESSAGE: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The coordinator's address cannot be used.
#[derive(thiserror::Error, Debug)]
pub enum EndpointError {
    /// No address at all.
    #[error("no coordinator is configured")]
    None,
    /// Not a URL.
    #[error("the coordinator's address {0} is not a URL")]
    Invalid(String),
}

/// Why a call has no answer.
#[derive(thiserror::Error, Clone, Debug)]
pub enum CallError {
    /// It stayed away until the deadline.
    #[error("the coordinator did not answer in time")]
    Away,
    /// It said no.
    #[error("the coordinator refused: {message}")]
    Refused {
        /// gRPC code.
        code: Code,
        /// In its words.
        message: String,
    },
    /// The process is stopping.
    #[error("the call was interrupted")]
    Interrupted,
}

/// Handle on the coordinators; clones share the connections.
#[derive(Clone, Debug)]
pub struct Coordinator {
    client: Client,
    notices: Notices,
    signals: watch::Sender<Signals>,
    asked: Asked,
}

/// What the last answered beat said of the tool catalog: numbers that are others when there is something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signals {
    /// Of the registered tools, see `ListDefinitions`.
    pub definitions: u64,
    /// Another one when tools are to be looked for again.
    pub discover: u64,
}

impl Coordinator {
    /// Connects when first used, to any of the addresses, again and again.
    ///
    /// # Errors
    /// When an address can never work. Must be called within a tokio runtime.
    pub fn connect(addresses: &[String]) -> Result<Self, EndpointError> {
        let endpoint = |address: &String| {
            Endpoint::from_shared(address.clone())
                .map(|endpoint| {
                    endpoint
                        .connect_timeout(CONNECT_TIMEOUT)
                        .tcp_nodelay(true)
                        .http2_keep_alive_interval(KEEP_ALIVE)
                        .keep_alive_timeout(KEEP_ALIVE)
                        .keep_alive_while_idle(true)
                })
                .map_err(|_| EndpointError::Invalid(address.clone()))
        };
        let endpoints = addresses.iter().map(endpoint).collect::<Result<Vec<_>, _>>()?;
        let channel = match endpoints.as_slice() {
            [] => return Err(EndpointError::None),
            [one] => one.connect_lazy(),
            _ => Channel::balance_list(endpoints.into_iter()),
        };
        Ok(Self {
            notices: NoticeServiceClient::with_interceptor(channel.clone(), trace::inject as Inject)
                .max_decoding_message_size(MAX_MESSAGE),
            asked: Asked::by(RolloutServiceClient::with_interceptor(
                channel.clone(),
                trace::inject as Inject,
            )),
            client: WorkerServiceClient::with_interceptor(channel, trace::inject as Inject)
                .max_decoding_message_size(MAX_MESSAGE),
            signals: watch::Sender::default(),
        })
    }

    /// The generated client, for calls the worker loop does not make, such as `AnnounceTools`.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The generated client for events of webhooks, on the same connections.
    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Whether a model that a work item names may be asked still, as of a second ago. Where no coordinator answers, the item's
    /// word stands.
    pub async fn may_ask(&self, tenant: &str, role: &str, provider: &str, model: &str) -> bool {
        self.asked.has(tenant, [role, provider, model]).await
    }

    /// What beats say of the tool catalog.
    pub fn signals(&self) -> watch::Receiver<Signals> {
        self.signals.subscribe()
    }

    /// A beat was answered.
    pub(super) fn heard(&self, beat: &BeatResponse) {
        let heard = Signals {
            definitions: beat.definitions_version,
            discover: beat.discover_generation,
        };
        self.signals
            .send_if_modified(|signals| std::mem::replace(signals, heard) != heard);
    }

    /// A request whose answer is awaited 5 s at most.
    pub fn unary<T>(message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(CALL_TIMEOUT);
        request
    }

    /// Calls until there is an answer, pausing longer and longer, at most until `deadline`.
    ///
    /// # Errors
    /// [`CallError::Refused`] at once when the answer is a considered no.
    pub async fn until<T, F, A>(&self, deadline: Instant, call: F) -> Result<T, CallError>
    where
        F: Fn(Client) -> A,
        A: Future<Output = Result<T, Status>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout_at(deadline, call(self.client())).await {
                Err(_elapsed) => return Err(CallError::Away),
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) if is_considered(status.code()) => {
                    return Err(CallError::Refused {
                        code: status.code(),
                        message: status.message().to_owned(),
                    });
                }
                Ok(Err(status)) => tracing::debug!(code = ?status.code(), "coordinator is away: {}", status.message()),
            }
            let again = Instant::now() + pause;
            if again >= deadline {
                return Err(CallError::Away);
            }
            sleep_until(again).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether asking again would bring the same answer.
const fn is_considered(code: Code) -> bool {
    match code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable => false,
    }
}

/// Seconds from a message; what is no duration counts as none.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
