//! Whether a queued work item is still in its stream; for the coordinator's sweeper.

use crate::connection::Bus;
use crate::names::StreamName;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::RawMessageErrorKind;
use contracts::work::WorkItem;
use prost::Message;
use workflow::ids::JobId;

/// What became of a published message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// In the stream, not acknowledged yet.
    There,
    /// Acknowledged, or lost with its stream.
    Gone,
    /// The server cannot tell now.
    Outage,
}

/// When the work stream was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamCreated {
    /// Microseconds since the Unix epoch. A stream made anew or restored has another.
    At(i64),
    /// There is no work stream.
    Missing,
    /// The server cannot tell now.
    Outage,
}

impl Bus {
    /// Creation time of the work stream: asked once per connection, then remembered.
    ///
    /// One that this process makes anew is asked about again; one that another process makes anew
    /// keeps its old time here until the next connection, and [`Bus::lookup`] tells by what is there.
    pub async fn work_stream_created(&self) -> StreamCreated {
        let generation = self.generation();
        let cached = *self.stream_created_cache().borrow();
        if let Some((_, created)) = cached.filter(|(read_in, _)| *read_in == generation && self.is_connected()) {
            return StreamCreated::At(created);
        }
        let name = self.names().stream(StreamName::Work);
        match self.jetstream().get_stream(name).await {
            Ok(stream) => {
                let created = stream.cached_info().created.timestamp_micros();
                self.stream_created_cache().send_replace(Some((generation, created)));
                StreamCreated::At(created)
            }
            Err(error) if is_stream_missing(error.kind()) => StreamCreated::Missing,
            Err(_) => StreamCreated::Outage,
        }
    }

    /// Forgets what [`Bus::work_stream_created`] remembers.
    pub fn forget_work_stream(&self) {
        self.stream_created_cache().send_replace(None);
    }

    /// Looks a published dispatch up.
    ///
    /// `stream_created` is what was recorded when its message was stored under `sequence`: a stream made
    /// anew or restored from an older copy may hold another message there.
    pub async fn lookup(&self, sequence: u64, stream_created: i64, (job, dispatch): (JobId, u32)) -> Lookup {
        match self.work_stream_created().await {
            StreamCreated::Outage => return Lookup::Outage,
            StreamCreated::Missing => return Lookup::Gone,
            StreamCreated::At(created) if created != stream_created => return Lookup::Gone,
            StreamCreated::At(_) => {}
        }
        let name = self.names().stream(StreamName::Work);
        let Ok(stream) = self.jetstream().get_stream_no_info(name).await else {
            return Lookup::Outage;
        };
        // Asks the leader; a direct read may be answered by a replica that lags.
        match stream.get_raw_message(sequence).await {
            Ok(message) => {
                if carries(&message.payload, &job.to_string(), dispatch) {
                    Lookup::There
                } else {
                    Lookup::Gone
                }
            }
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Lookup::Gone,
                RawMessageErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    self.forget_work_stream();
                    Lookup::Gone
                }
                _ => Lookup::Outage,
            },
        }
    }
}

/// A job may share its message with others, of its own task and of other tasks.
fn carries(payload: &[u8], job: &str, dispatch: u32) -> bool {
    let Ok(mut item) = WorkItem::decode(payload) else {
        return false;
    };
    let more = std::mem::take(&mut item.more);
    let mut jobs = std::iter::once(&item).chain(&more).flat_map(|item| &item.jobs);
    jobs.any(|carried| carried.job_id == job && carried.dispatch == dispatch)
}

fn is_stream_missing(kind: GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}
