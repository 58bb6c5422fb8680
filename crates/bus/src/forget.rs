//! Taking events off their stream before it lets go of them by itself.

use crate::connection::Bus;
use crate::names::{StreamName, Token};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;

/// Headers read with one request.
const PAGE: usize = 1_000;
/// Wait for a page: what is left comes at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// The header that says what an event is about.
const SUBJECT: &str = "ce-subject";

/// The server did not do what it was asked; asking again is right.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("cannot {action} the events stream: {reason}")]
pub struct ForgetError {
    action: &'static str,
    reason: String,
}

fn at<E: Display>(action: &'static str) -> impl Fn(E) -> ForgetError {
    move |error| ForgetError {
        action,
        reason: error.to_string(),
    }
}

impl Bus {
    /// Deletes every event of the tenant that is about one of `subjects` and was told at `since_ms` (Unix milliseconds)
    /// or later, all copies, and overwrites their bytes. Answers how many they were.
    ///
    /// # Errors
    /// When the server does not answer. What was deleted stays deleted.
    pub async fn forget_events(
        &self,
        tenant: &Token,
        since_ms: i64,
        subjects: &HashSet<String>,
    ) -> Result<u64, ForgetError> {
        let name = self.names().stream(StreamName::Events);
        let stream = self.jetstream().get_stream_no_info(&name).await.map_err(at("find"))?;
        let start_time = async_nats::datetime::from_nanos(i128::from(since_ms) * 1_000_000).map_err(at("read"))?;
        let consumer = stream
            .create_consumer(pull::Config {
                ack_policy: AckPolicy::None,
                deliver_policy: DeliverPolicy::ByStartTime { start_time },
                filter_subject: self.names().events_of(tenant),
                headers_only: true,
                memory_storage: true,
                inactive_threshold: PATIENCE * 6,
                ..pull::Config::default()
            })
            .await
            .map_err(at("read"))?;
        let mut left = consumer.cached_info().num_pending;
        let mut forgotten = 0;
        // What comes meanwhile is newer than what is to be forgotten.
        while left > 0 {
            let page = consumer.fetch().max_messages(PAGE).expires(PATIENCE);
            let mut page = page.messages().await.map_err(at("read"))?;
            let mut read = 0;
            while let Some(message) = page.next().await {
                let message = message.map_err(at("read"))?;
                let sequence = message.info().map_err(at("read"))?.stream_sequence;
                read += 1;
                let about = message.headers.as_ref().and_then(|headers| headers.get(SUBJECT));
                if about.is_some_and(|about| subjects.contains(about.as_str())) {
                    delete(&stream, sequence).await?;
                    forgotten += 1;
                }
            }
            if read == 0 {
                return Err(at("read")("it does not give what it has"));
            }
            left = u64::saturating_sub(left, read);
        }
        Ok(forgotten)
    }
}

/// Of two that delete the same one the second finds nothing, which is as well.
async fn delete(stream: &Stream<()>, sequence: u64) -> Result<(), ForgetError> {
    match stream.delete_message(sequence).await {
        Ok(_) => Ok(()),
        Err(error) => match stream.get_raw_message(sequence).await {
            Err(missing) if is_missing(missing.kind()) => Ok(()),
            _ => Err(at("delete from")(error)),
        },
    }
}

fn is_missing(kind: async_nats::jetstream::stream::RawMessageErrorKind) -> bool {
    matches!(kind, async_nats::jetstream::stream::RawMessageErrorKind::NoMessageFound)
}
