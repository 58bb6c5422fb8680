//! The relay: what the stream did not acknowledge, or has lost, is published again.
//!
//! On the fast path a service publishes right after its commit and records the acknowledgement with
//! a later one. The relay looks at what is left: commits without an acknowledgement after 2 s, and,
//! when the stream is another one or shorter than recorded, everything within retention.

use crate::checked::EventsStream;
use crate::cloud_event::stored_message;
use crate::told::numbered;
use bus::names::StreamName;
use bus::{Bus, Outgoing};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Span, info, warn};

/// Unacknowledged this long, a commit's events are published again.
const PATIENCE_SECONDS: f64 = 2.0;
/// Commits in one pass.
const PASS: i64 = 64;

/// Why a pass ended early; the next one tries again.
#[derive(thiserror::Error, Debug)]
pub enum RelayError {
    /// The database did not answer.
    #[error("cannot {action}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// The stream did not answer.
    #[error("the events stream cannot be asked: {0}")]
    Stream(String),
    /// A message was not acknowledged.
    #[error("an event was not acknowledged")]
    Publish(#[from] bus::PublishError),
}

fn at(action: &'static str) -> impl Fn(sqlx::Error) -> RelayError {
    move |source| RelayError::Store { action, source }
}

/// State of the events stream.
struct Stream {
    created: i64,
    last: u64,
}

/// The relay of one service.
pub struct Relay {
    pool: PgPool,
    bus: Bus,
    /// Days within which a lost event is told again.
    retention_days: f64,
    checked: Arc<EventsStream>,
}

impl Relay {
    /// A relay over the pool whose search path finds `event` and `outbox_batch`. It keeps `checked` true.
    pub fn new(pool: PgPool, bus: Bus, retention_days: f64, checked: Arc<EventsStream>) -> Self {
        Self {
            pool,
            bus,
            retention_days,
            checked,
        }
    }

    /// One pass: answers how many commits were told again.
    ///
    /// # Errors
    /// When database or stream are away; nothing is lost, the next pass begins where this one began.
    pub async fn pass(&self) -> Result<u64, RelayError> {
        let connection = *self.bus.watch_connection().borrow();
        if !self.bus.is_connected() {
            return Ok(0);
        }
        let stream = self.stream().await?;
        self.notice_loss(&stream).await?;
        self.checked.set(connection, stream.created);
        let mut told = 0;
        loop {
            let batches = self.unacknowledged().await?;
            let full = i64::try_from(batches.len()).unwrap_or(PASS) == PASS;
            for batch in batches {
                self.tell(batch, &stream).await?;
                told += 1;
            }
            if !full {
                return Ok(told);
            }
        }
    }

    /// Runs a pass each second, and at every connect, until cancelled by being dropped.
    pub async fn run(self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut connection = self.bus.watch_connection();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Ok(()) = connection.changed() => {}
            }
            match self.pass().await {
                Ok(0) => {}
                Ok(told) => info!(commits = told, "told again what the events stream had not acknowledged"),
                Err(error) => warn!(error = &error as &dyn std::error::Error, "relay pass failed"),
            }
        }
    }

    async fn stream(&self) -> Result<Stream, RelayError> {
        let info = bus::topology::ensure_stream(&self.bus, StreamName::Events)
            .await
            .map_err(|e| RelayError::Stream(e.to_string()))?;
        Ok(Stream {
            created: info.created.timestamp_micros(),
            last: info.state.last_sequence,
        })
    }

    /// A stream that is another one, or shorter than recorded, has lost what was recorded there.
    ///
    /// In a stream restored from an older copy new events take sequences that are recorded already.
    /// What was told after the furthest record tells where the copy ended.
    async fn notice_loss(&self, stream: &Stream) -> Result<(), RelayError> {
        let last = i64::try_from(stream.last).unwrap_or(i64::MAX);
        let recorded: (Option<i64>, Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT min(stream_created) FROM outbox_batch), (SELECT max(stream_created) FROM outbox_batch),
                    (SELECT max(last_sequence) FROM outbox_batch WHERE stream_created = $1)",
        )
        .bind(stream.created)
        .fetch_one(&self.pool)
        .await
        .map_err(at("read what was recorded"))?;
        let other = [recorded.0, recorded.1]
            .into_iter()
            .flatten()
            .any(|created| created != stream.created);
        if !other && recorded.2.is_none_or(|recorded| recorded <= last) {
            return Ok(());
        }
        // Commits may have been told and recorded since the stream was looked at; it only grows.
        let again = self.stream().await?;
        let grown = i64::try_from(again.last).unwrap_or(i64::MAX);
        if !other && again.created == stream.created && recorded.2.is_none_or(|recorded| recorded <= grown) {
            return Ok(());
        }
        let last = grown;
        let lost = sqlx::query(
            "WITH furthest AS (
                 SELECT batch, last_sequence FROM outbox_batch WHERE stream_created = $1
                 ORDER BY last_sequence DESC LIMIT 1
             ), copy_end AS (
                 SELECT coalesce(min(b.first_sequence), $2 + 1) AS sequence FROM outbox_batch b, furthest f
                 WHERE f.last_sequence > $2 AND b.stream_created = $1 AND b.batch > f.batch
             )
             UPDATE outbox_batch b SET stream_created = NULL, first_sequence = NULL, last_sequence = NULL
             WHERE b.last_sequence IS NOT NULL AND b.created_at > now() - make_interval(secs => $3)
               AND (b.stream_created <> $1
                    OR (EXISTS (SELECT 1 FROM furthest f WHERE f.last_sequence > $2 AND b.batch <= f.batch)
                        AND b.last_sequence >= (SELECT sequence FROM copy_end)))",
        )
        .bind(stream.created)
        .bind(last)
        .bind(self.retention_days * 86_400.0)
        .execute(&self.pool)
        .await
        .map_err(at("forget lost records"))?;
        warn!(
            commits = lost.rows_affected(),
            "the events stream has lost events; telling them again"
        );
        // What is beyond retention is told no more; without its record it would be noticed for ever.
        sqlx::query("DELETE FROM outbox_batch WHERE created_at <= now() - make_interval(secs => $1)")
            .bind(self.retention_days * 86_400.0)
            .execute(&self.pool)
            .await
            .map_err(at("forget what is beyond retention"))?;
        Ok(())
    }

    async fn unacknowledged(&self) -> Result<Vec<i64>, RelayError> {
        sqlx::query_scalar(
            "SELECT batch FROM outbox_batch
             WHERE last_sequence IS NULL AND created_at < now() - make_interval(secs => $1)
             ORDER BY batch LIMIT $2",
        )
        .bind(PATIENCE_SECONDS)
        .bind(PASS)
        .fetch_all(&self.pool)
        .await
        .map_err(at("read unacknowledged commits"))
    }

    /// Publishes a commit's events under their own ids and records where they are.
    async fn tell(&self, batch: i64, stream: &Stream) -> Result<(), RelayError> {
        let events: Vec<(uuid::Uuid, i64, String, String)> = sqlx::query_as(
            "SELECT task_id, sequence, subject, body FROM event WHERE batch = $1 ORDER BY task_id, sequence",
        )
        .bind(batch)
        .fetch_all(&self.pool)
        .await
        .map_err(at("read a commit's events"))?;
        let mut first = stream.last;
        let mut last = stream.last;
        let messages = events.iter().flat_map(|(task, last, subjects, bodies)| {
            let task = workflow::ids::TaskId(*task);
            let events = numbered(*last, bodies).zip(subjects.split('\n'));
            events.map(move |((sequence, body), subject)| {
                let sequence = u64::try_from(sequence).unwrap_or(0);
                stored_message(task, sequence, subject.to_owned(), body.to_owned())
            })
        });
        // The spans of the publications last until these are acknowledged.
        let (messages, _spans): (Vec<Outgoing>, Vec<Span>) = messages.unzip();
        for stored in self.bus.publish_all(messages).await {
            let sequence = match stored {
                Ok(stored) => stored.sequence,
                // It can never be told; the others must not wait for it.
                Err(error) if !error.is_retryable() => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        batch, "an event does not fit a message"
                    );
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            first = first.min(sequence);
            last = last.max(sequence);
        }
        sqlx::query(
            "UPDATE outbox_batch SET stream_created = $2, first_sequence = $3, last_sequence = $4 WHERE batch = $1",
        )
        .bind(batch)
        .bind(stream.created)
        .bind(i64::try_from(first).unwrap_or(i64::MAX))
        .bind(i64::try_from(last).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await
        .map_err(at("record an acknowledged commit"))?;
        Ok(())
    }
}
