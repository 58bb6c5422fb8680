//! Results on their way: what is finished together travels together.
//!
//! One message per result subject is under way at a time. While it is, further results gather, so
//! batches form under load and a single result never waits.

use super::held::JobKey;
use crate::connection::Bus;
use crate::names::StreamName;
use crate::publish::{Outgoing, PublishError};
use crate::topology;
use contracts::work::{Failure, JobResult, WorkResult, job_result::Outcome};
use prost::Message;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::sleep;

/// Results of one message at most.
const MAX_RESULTS: usize = 64;
/// Bytes of one message at most, well below the limit of a publication.
const MAX_BYTES: usize = 400 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Results waiting for their streams.
#[derive(Default)]
pub(super) struct Results {
    lanes: Vec<ResultLane>,
}

struct ResultLane {
    subject: String,
    waiting: VecDeque<(JobKey, JobResult)>,
    under_way: bool,
}

/// One message of results.
pub(super) struct ResultBatch {
    pub subject: String,
    pub keys: Vec<JobKey>,
    message: Outgoing,
}

impl Results {
    pub(super) fn push(&mut self, subject: &str, key: JobKey, mut result: JobResult) {
        shrink(&mut result);
        // Subjects are few: one per lane of the coordinators.
        if !self.lanes.iter().any(|lane| lane.subject == subject) {
            self.lanes.push(ResultLane {
                subject: subject.to_owned(),
                waiting: VecDeque::new(),
                under_way: false,
            });
        }
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.subject == subject) {
            lane.waiting.push_back((key, result));
        }
    }

    /// What can go out now; each batch must be told to [`Results::stored`].
    pub(super) fn ready(&mut self) -> Vec<ResultBatch> {
        let idle = self.lanes.iter_mut().filter(|lane| !lane.under_way);
        idle.filter_map(ResultLane::next_batch).collect()
    }

    /// The subject's batch is in the stream.
    pub(super) fn stored(&mut self, subject: &str) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.subject == subject) {
            lane.under_way = false;
        }
    }
}

impl ResultLane {
    fn next_batch(&mut self) -> Option<ResultBatch> {
        let message_id = self.waiting.front()?.1.run_id.clone();
        let mut keys = Vec::new();
        let mut message = WorkResult::default();
        let mut bytes = 0_usize;
        while let Some((key, result)) = self.waiting.pop_front() {
            bytes = bytes.saturating_add(result.encoded_len() + 8);
            if !keys.is_empty() && (bytes > MAX_BYTES || keys.len() >= MAX_RESULTS) {
                self.waiting.push_front((key, result));
                break;
            }
            keys.push(key);
            message.results.push(result);
        }
        self.under_way = true;
        // A run reports once, so its id names the message that carries its result first.
        let message = Outgoing::new(self.subject.clone(), message_id, message.encode_to_vec());
        Some(ResultBatch {
            subject: self.subject.clone(),
            keys,
            message,
        })
    }
}

impl ResultBatch {
    /// Publishes until the stream has it. Results are kept however long NATS is away.
    pub(super) async fn store(self, bus: &Bus) -> (String, Vec<JobKey>) {
        let mut pause = FIRST_PAUSE;
        loop {
            bus.connected().await;
            match bus.publish_one(self.message.clone()).await {
                Ok(_) => return (self.subject, self.keys),
                Err(PublishError::TooLarge { size }) => {
                    // Only headers and limits of a foreign server can do this; the leases repair it.
                    tracing::error!(size, "results were refused for their size");
                    return (self.subject, self.keys);
                }
                Err(PublishError::NoStream { .. }) => {
                    if let Err(error) = topology::ensure_stream(bus, StreamName::Results).await {
                        tracing::warn!("cannot make the result stream again: {error}");
                    }
                }
                Err(error) => tracing::warn!("results are not stored yet: {error}"),
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

/// A result that fits no message becomes a failure that does.
fn shrink(result: &mut JobResult) {
    if result.encoded_len() > MAX_BYTES {
        // What was called matters less than what came of it.
        result.calls.clear();
    }
    let size = result.encoded_len();
    if size > MAX_BYTES {
        result.outcome = Some(Outcome::Failure(Failure {
            code: "output_too_large".to_owned(),
            message: format!("a result of {size} bytes; {MAX_BYTES} are allowed"),
            ..Failure::default()
        }));
    }
}
