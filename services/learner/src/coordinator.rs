//! Asking the coordinator for finished tasks and their records, and saying which models serve them.

mod rollouts;

use contracts::coordinator::rollout_service_client::RolloutServiceClient;
use contracts::coordinator::task_service_client::TaskServiceClient;
use contracts::coordinator::{
    EraseUserTasksRequest, EraseUserTasksResponse, GetRecordsRequest, ListFinishedRequest, Record,
};
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use workflow::ids::TaskId;

/// Wait for an answer, and for each record of a stream.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection whose other end vanished is noticed in this time.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A record holds every output of a task.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The coordinator's address is not one.
    #[error("the coordinator's address cannot be used")]
    Address(#[source] tonic::transport::Error),
    /// It answered with an error, or not at all.
    #[error("the coordinator did not {action}: {}", status.message())]
    Status {
        /// What was asked.
        action: &'static str,
        /// What it said.
        status: Status,
    },
    /// It took too long.
    #[error("the coordinator did not {action} in time")]
    TimedOut {
        /// What was asked.
        action: &'static str,
    },
}

impl AskError {
    /// It may be a single record that cannot be given, so that asking for others may go well. Everything else
    /// concerns the coordinator as a whole.
    pub fn may_be_one_record(&self) -> bool {
        let Self::Status { status, .. } = self else {
            return false;
        };
        let codes = [
            Code::Internal,
            Code::OutOfRange,
            Code::InvalidArgument,
            Code::DataLoss,
            Code::Unknown,
        ];
        // Broken connections come as Unknown too, but with what broke them.
        codes.contains(&status.code()) && std::error::Error::source(status).is_none()
    }
}

/// The coordinator as the learner needs it. Clones share one connection.
#[derive(Clone, Debug)]
pub struct Coordinator {
    client: TaskServiceClient<Channel>,
    rollouts: RolloutServiceClient<Channel>,
}

/// Records on their way.
pub struct Records(Streaming<Record>);

impl Coordinator {
    /// At `url`, or several separated by commas; connects when first asked, and again whenever needed.
    ///
    /// # Errors
    /// When an address is none.
    pub fn at(url: &str) -> Result<Self, AskError> {
        let endpoint = |url: &str| {
            let endpoint = Endpoint::from_shared(url.trim().to_owned()).map_err(AskError::Address)?;
            Ok(endpoint
                .connect_timeout(CONNECT_TIMEOUT)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .keep_alive_while_idle(true))
        };
        let channel = match url.split(',').map(endpoint).collect::<Result<Vec<_>, _>>()?.as_slice() {
            [one] => one.connect_lazy(),
            several => Channel::balance_list(several.iter().cloned()),
        };
        let rollouts = RolloutServiceClient::new(channel.clone());
        let client = TaskServiceClient::new(channel).max_decoding_message_size(MAX_RECORD_BYTES);
        Ok(Self { client, rollouts })
    }

    /// Ids of finished tasks after `cursor` in the order of their end, and the next cursor.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn finished(&self, cursor: &str, limit: u32) -> Result<(Vec<TaskId>, String), AskError> {
        let action = "list finished tasks";
        let request = ListFinishedRequest {
            cursor: cursor.to_owned(),
            limit,
        };
        let mut client = self.client.clone();
        let answer = timeout(ANSWER_TIMEOUT, client.list_finished(request)).await;
        let page = answer.map_err(|_| AskError::TimedOut { action })?;
        let page = page.map_err(|status| AskError::Status { action, status })?.into_inner();
        let parse = |id: &String| {
            id.parse()
                .inspect_err(|_| tracing::warn!(id, "not a task id in the list of finished tasks"))
        };
        Ok((
            page.task_ids.iter().filter_map(|id| parse(id).ok()).collect(),
            page.cursor,
        ))
    }

    /// Has the coordinator keep the order to erase a user's tasks of until `asked_at_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// When there is no answer; it may have been kept, and can be given again.
    pub async fn erase_user_tasks(
        &self,
        tenant: &str,
        user: &str,
        asked_at_ms: i64,
    ) -> Result<EraseUserTasksResponse, AskError> {
        let action = "take an erasure";
        let request = EraseUserTasksRequest {
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            asked_at_ms,
        };
        let mut client = self.client.clone();
        let answer = timeout(ANSWER_TIMEOUT, client.erase_user_tasks(request)).await;
        let answer = answer.map_err(|_| AskError::TimedOut { action })?;
        Ok(answer
            .map_err(|status| AskError::Status { action, status })?
            .into_inner())
    }

    /// The records of finished tasks among `tasks`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn records(&self, tasks: &[TaskId]) -> Result<Records, AskError> {
        let action = "give records";
        let request = GetRecordsRequest {
            task_ids: tasks.iter().map(ToString::to_string).collect(),
        };
        let mut client = self.client.clone();
        let answer = timeout(ANSWER_TIMEOUT, client.get_records(request)).await;
        let stream = answer.map_err(|_| AskError::TimedOut { action })?;
        let stream = stream.map_err(|status| AskError::Status { action, status })?;
        Ok(Records(stream.into_inner()))
    }
}

impl Records {
    /// The next record; none after the last.
    ///
    /// # Errors
    /// When the stream breaks off.
    pub async fn next(&mut self) -> Result<Option<Record>, AskError> {
        let action = "give a record";
        let answer = timeout(ANSWER_TIMEOUT, self.0.message()).await;
        let record = answer.map_err(|_| AskError::TimedOut { action })?;
        record.map_err(|status| AskError::Status { action, status })
    }
}
