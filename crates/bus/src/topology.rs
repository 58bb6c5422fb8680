//! The streams and consumers: one table of constants, created when missing, refused when different.

mod drift;

use crate::connection::Bus;
use crate::names::{Lane, StreamName, Token};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, FromConsumer, PullConsumer, pull};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config as StreamConfig, ConsumerCreateStrictErrorKind, DiscardPolicy, Info, RetentionPolicy, StorageType,
};
use std::time::Duration;
use workflow::vocabulary::{EventKind, WorkKind};

const MIB: i64 = 1024 * 1024;
/// Second copies of work and results are told apart this long. Versions and rounds guard what comes later.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(30);
/// An event not acknowledged within 2 s is told again. Subscribers know a later copy by its id, and the
/// server holds every id of the window in memory.
const EVENT_DUPLICATE_WINDOW: Duration = Duration::from_secs(4);

/// What is fixed about one stream.
struct StreamRow {
    stream: StreamName,
    retention: RetentionPolicy,
    /// New: overflow is an error to the publisher, not a silent loss.
    discard: DiscardPolicy,
    storage: StorageType,
    duplicate_window: Duration,
    /// Takes many messages with one acknowledgement.
    bursts: bool,
    max_bytes: i64,
    /// Zero: for ever.
    max_age: Duration,
}

const STREAMS: [StreamRow; 4] = [
    StreamRow {
        stream: StreamName::Work,
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        // Whoever restarts the server loses items, not jobs: what is queued is looked up at every
        // reconnect and published again. A queue in files that runs empty many times a second makes the
        // server remove and create a file each time.
        storage: StorageType::Memory,
        duplicate_window: DUPLICATE_WINDOW,
        bursts: false,
        // The server sets this much memory aside.
        max_bytes: 256 * MIB,
        max_age: Duration::ZERO,
    },
    StreamRow {
        stream: StreamName::Results,
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        duplicate_window: DUPLICATE_WINDOW,
        bursts: false,
        max_bytes: 1024 * MIB,
        max_age: Duration::ZERO,
    },
    StreamRow {
        stream: StreamName::Dead,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        duplicate_window: DUPLICATE_WINDOW,
        bursts: false,
        max_bytes: 256 * MIB,
        max_age: Duration::from_secs(30 * 24 * 3600),
    },
    StreamRow {
        stream: StreamName::Events,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        duplicate_window: EVENT_DUPLICATE_WINDOW,
        bursts: true,
        max_bytes: 2048 * MIB,
        max_age: Duration::from_secs(7 * 24 * 3600),
    },
];

/// Unacknowledged this long, a message is delivered again.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// Results are applied in milliseconds. Those that a coordinator took with it when it died come back
/// before a lease ends or a queued job is looked up, so that no healthy run is taken for lost.
const RESULT_ACK_WAIT: Duration = Duration::from_secs(5);
/// Unacknowledged messages of one consumer. A small figure throttles short work.
const MAX_ACK_PENDING: i64 = 20_000;
/// The delivery count decides nothing.
const MAX_DELIVER: i64 = -1;

/// A durable pull consumer: a stream, a name, and what it takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerSpec {
    stream: StreamName,
    name: String,
    filters: Vec<String>,
    ack_wait: Duration,
}

impl ConsumerSpec {
    /// The consumer that the workers of a kind and pool share.
    pub fn work(bus: &Bus, kind: WorkKind, pool: &Token) -> Self {
        Self {
            stream: StreamName::Work,
            name: bus.names().work_consumer(kind, pool),
            filters: vec![bus.names().work_subject(kind, pool)],
            ack_wait: ACK_WAIT,
        }
    }

    /// The consumer of a lane's results.
    pub fn results(bus: &Bus, lane: Lane) -> Self {
        Self {
            stream: StreamName::Results,
            name: bus.names().result_consumer(lane),
            filters: vec![bus.names().result_subject(lane)],
            ack_wait: RESULT_ACK_WAIT,
        }
    }

    /// A reader of the events of some kinds, that goes on where it stopped.
    pub fn events(bus: &Bus, name: &Token, kinds: &[EventKind]) -> Self {
        Self {
            stream: StreamName::Events,
            name: name.to_string(),
            filters: kinds.iter().map(|kind| bus.names().event_filter(*kind)).collect(),
            ack_wait: ACK_WAIT,
        }
    }

    /// The consumer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn config(&self) -> pull::Config {
        let (filter_subject, filter_subjects) = match self.filters.as_slice() {
            [one] => (one.clone(), Vec::new()),
            many => (String::new(), many.to_vec()),
        };
        pull::Config {
            durable_name: Some(self.name.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            max_deliver: MAX_DELIVER,
            max_ack_pending: MAX_ACK_PENDING,
            filter_subject,
            filter_subjects,
            ..pull::Config::default()
        }
    }
}

/// Why the topology is not there.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum TopologyError {
    /// Something of that name exists and is set up differently. Never changed behind an operator's back.
    #[error("{what}: {field} is {found}, expected {expected}; change or delete it by hand")]
    Drift {
        /// The stream or consumer.
        what: String,
        /// The setting.
        field: &'static str,
        /// What this program needs.
        expected: String,
        /// What the server has.
        found: String,
    },
    /// The server did not answer, or not now.
    #[error("cannot {action} {what}: {reason}")]
    Unavailable {
        /// Look up or create.
        action: &'static str,
        /// The stream or consumer.
        what: String,
        /// In the client's words.
        reason: String,
    },
}

impl TopologyError {
    /// The server may do better later; drift needs a human.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    fn unavailable(action: &'static str, what: &str, reason: impl std::fmt::Display) -> Self {
        Self::Unavailable {
            action,
            what: what.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Creates the four streams and the consumers of all result lanes where they are missing.
///
/// Work consumers are made by the workers of a pool, or by [`ensure_consumer`].
///
/// # Errors
/// See [`TopologyError`].
pub async fn ensure(bus: &Bus) -> Result<(), TopologyError> {
    for stream in StreamName::ALL {
        ensure_stream(bus, stream).await?;
    }
    for lane in Lane::all() {
        ensure_existing_consumer(bus, &ConsumerSpec::results(bus, lane)).await?;
    }
    Ok(())
}

/// Creates one stream where it is missing, and tells about it.
///
/// # Errors
/// See [`TopologyError`].
pub async fn ensure_stream(bus: &Bus, stream: StreamName) -> Result<Info, TopologyError> {
    let expected = stream_config(bus, stream);
    let name = expected.name.clone();
    let info = match bus.jetstream().get_stream(&name).await {
        Ok(stream) => stream.cached_info().clone(),
        Err(error) if is_stream_missing(error.kind()) => create_stream(bus, expected.clone()).await?,
        Err(error) => return Err(TopologyError::unavailable("look up", &name, error)),
    };
    drift::check_stream(&expected, &info.config)?;
    Ok(info)
}

async fn create_stream(bus: &Bus, config: StreamConfig) -> Result<Info, TopologyError> {
    let name = config.name.clone();
    match bus.jetstream().create_stream(config).await {
        Ok(stream) => {
            tracing::info!(stream = name, "created stream");
            // Whatever was remembered of an earlier one is wrong now.
            bus.forget_work_stream();
            Ok(stream.cached_info().clone())
        }
        // Somebody else was first; whether theirs is like ours is checked next.
        Err(error) if is_name_taken(error.kind()) => match bus.jetstream().get_stream(&name).await {
            Ok(stream) => Ok(stream.cached_info().clone()),
            Err(error) => Err(TopologyError::unavailable("look up", &name, error)),
        },
        Err(error) => Err(TopologyError::unavailable("create", &name, error)),
    }
}

/// Creates a consumer, and its stream, where they are missing.
///
/// # Errors
/// See [`TopologyError`].
pub async fn ensure_consumer(bus: &Bus, spec: &ConsumerSpec) -> Result<PullConsumer, TopologyError> {
    ensure_stream(bus, spec.stream).await?;
    ensure_existing_consumer(bus, spec).await
}

/// As [`ensure_consumer`], for a stream that is known to exist.
async fn ensure_existing_consumer(bus: &Bus, spec: &ConsumerSpec) -> Result<PullConsumer, TopologyError> {
    let stream_name = bus.names().stream(spec.stream);
    let what = format!("{stream_name}/{}", spec.name);
    let stream = bus
        .jetstream()
        .get_stream_no_info(&stream_name)
        .await
        .map_err(|error| TopologyError::unavailable("look up", &what, error))?;
    let expected = spec.config();
    let info = match stream.consumer_info(&spec.name).await {
        Ok(info) => info,
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
            match stream.create_consumer_strict(expected.clone()).await {
                Ok(consumer) => {
                    tracing::info!(consumer = what, "created consumer");
                    return Ok(consumer);
                }
                // Somebody else was first; whether theirs is like ours is checked next.
                Err(error) if error.kind() == ConsumerCreateStrictErrorKind::AlreadyExists => stream
                    .consumer_info(&spec.name)
                    .await
                    .map_err(|error| TopologyError::unavailable("look up", &what, error))?,
                Err(error) => return Err(TopologyError::unavailable("create", &what, error)),
            }
        }
        Err(error) => return Err(TopologyError::unavailable("look up", &what, error)),
    };
    drift::check_consumer(&what, &expected, &info.config)?;
    let config = FromConsumer::try_from_consumer_config(info.config.clone())
        .map_err(|error| TopologyError::unavailable("use", &what, error))?;
    Ok(PullConsumer::new(config, info, bus.jetstream().clone()))
}

fn stream_config(bus: &Bus, stream: StreamName) -> StreamConfig {
    let mut config = StreamConfig {
        name: bus.names().stream(stream),
        subjects: vec![bus.names().stream_subjects(stream)],
        num_replicas: 1,
        allow_direct: true,
        ..StreamConfig::default()
    };
    if let Some(row) = STREAMS.iter().find(|row| row.stream == stream) {
        config.retention = row.retention;
        config.discard = row.discard;
        config.storage = row.storage;
        config.duplicate_window = row.duplicate_window;
        // An older server refuses a setting it does not know.
        config.allow_batch_publish = row.bursts && bus.takes_bursts();
        config.max_bytes = row.max_bytes;
        config.max_age = row.max_age;
    }
    config
}

fn is_stream_missing(kind: GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn is_name_taken(kind: CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NAME_EXIST)
}
