//! One batch on its way to the database, and what follows when it is there.

use super::batch::Batch;
use super::draft::Draft;
use super::recovery::{Failed, late};
use super::{STATEMENT, Writer, groups};
use crate::store::commit::{BatchAck, Committed, Rows, commit};
use crate::store::{self, StoreError};
use outbox::Checked;
use sqlx::postgres::PgConnection;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tracing::warn;
use workflow::ids::TaskId;
use workflow::state::JobState;
use workflow::time::Millis;

/// Pauses up to this are kept to the millisecond in memory; longer ones are the sweeper's.
const LONGEST_TIMER: Millis = Millis::secs(15);

/// Bytes of a body that is kept in memory with its task.
const CACHED_BODY: usize = 16 << 10;

/// The batch that is being written.
pub(super) struct Writing {
    pub batch: Batch,
    acknowledged: Vec<(Checked, BatchAck)>,
    since: Instant,
    end: JoinHandle<Written>,
}

/// How the writing of a batch ended.
pub(super) struct Written {
    /// Unless it was lost.
    connection: Option<PgConnection>,
    rows: Rows,
    /// None: there was nothing to write.
    outcome: Result<Option<Committed>, StoreError>,
}

impl Writing {
    /// Waits for the end. Safe to drop while waiting.
    pub async fn ended(&mut self) -> Written {
        let ended = (&mut self.end).await;
        ended.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Written::late(Rows::default()),
        })
    }
}

impl Written {
    fn late(rows: Rows) -> Self {
        Self {
            connection: None,
            rows,
            outcome: Err(late()),
        }
    }
}

/// Writes rows over the connection, or over a new one.
async fn write(
    connection: Option<PgConnection>,
    url: &str,
    rows: &Rows,
) -> (Option<PgConnection>, Result<Option<Committed>, StoreError>) {
    if rows.is_empty() {
        return (connection, Ok(None));
    }
    let mut connection = match connection {
        Some(connection) => connection,
        None => match store::writer_connection(url).await {
            Ok(connection) => connection,
            Err(error) => return (None, Err(error)),
        },
    };
    let outcome = commit(&mut connection, rows).await;
    (Some(connection), outcome.map(Some))
}

impl Writer {
    /// Has the next batch written, if none is being written.
    pub(super) fn start(&mut self) {
        if self.writing.is_some() || !self.failed.is_empty() || self.next.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.next);
        self.writing = Some(self.begin(batch));
    }

    fn begin(&mut self, mut batch: Batch) -> Writing {
        let mut rows = std::mem::take(&mut batch.rows);
        let mut acknowledged = Vec::new();
        if !rows.is_empty() {
            rows.fold();
            acknowledged = self.recordable();
            rows.acknowledged = acknowledged.iter().map(|(_, ack)| *ack).collect();
        }
        let connection = self.writes.take();
        let url = self.config.database_url.clone();
        let end = tokio::spawn(async move {
            match tokio::time::timeout(STATEMENT, write(connection, &url, &rows)).await {
                Ok((connection, outcome)) => Written {
                    connection,
                    rows,
                    outcome,
                },
                Err(_elapsed) => Written::late(rows),
            }
        });
        Writing {
            batch,
            acknowledged,
            since: Instant::now(),
            end,
        }
    }

    /// The batch is written, or failed: then its inputs are decided again, before all others.
    pub(super) async fn written(&mut self, written: Written) {
        let Some(writing) = self.writing.take() else { return };
        match self.settle(writing, written) {
            Ok((batch, committed)) => {
                if groups::someone_left(&self.next.groups) {
                    self.undo_next();
                }
                self.start();
                // The database has its next statement before we tell of the last one.
                tokio::task::yield_now().await;
                self.complete(batch, committed).await;
            }
            Err(failed) => self.failed.push(failed),
        }
    }

    /// Writes a batch by itself and completes it.
    pub(super) async fn write_alone(&mut self, batch: Batch) -> Result<(), Failed> {
        let mut writing = self.begin(batch);
        let written = writing.ended().await;
        let (batch, committed) = self.settle(writing, written)?;
        self.complete(batch, committed).await;
        Ok(())
    }

    /// What was written, or what has to be decided again.
    fn settle(&mut self, writing: Writing, written: Written) -> Result<(Batch, Option<Committed>), Failed> {
        let Writing {
            mut batch,
            acknowledged,
            since,
            ..
        } = writing;
        self.writes = written.connection;
        match written.outcome {
            Ok(committed) => {
                batch.rows = written.rows;
                self.shared.metrics.batch_seconds(since.elapsed());
                Ok((batch, committed))
            }
            Err(error) => {
                self.remember(&mut batch);
                self.acknowledged.extend(acknowledged);
                Err(Failed::new(batch.groups, error, since))
            }
        }
    }

    /// Tells the world. Whatever happens, every envelope is answered and every receipt settled once.
    async fn complete(&mut self, mut batch: Batch, committed: Option<Committed>) {
        if let Some(committed) = committed {
            self.shared.clock.set(committed.clock);
            let tasks = batch.rows.new.len() + batch.rows.changed.len();
            self.shared.metrics.committed(tasks);
            // A result that came again would count its calls again.
            let accounts = batch.drafts.iter().flat_map(|draft| &draft.accounts);
            let new = accounts.filter(|account| committed.new_runs.contains(&account.run));
            new.for_each(|account| self.shared.metrics.called(account));
            let observed = batch.drafts.iter_mut().flat_map(|draft| draft.observed.drain(..));
            self.shared.measures.note(observed);
            self.announce(&mut batch.drafts, &batch.rows, committed.batch).await;
        }
        self.look_up(&mut batch.drafts);
        self.keep(batch.drafts);
        self.shared.inbox.set_away(false);
        groups::deliver(batch.groups);
    }

    /// Tasks that go on stay in memory; then it is the turn of who waited for room.
    fn keep(&mut self, drafts: Vec<Draft>) {
        self.call_after(&drafts);
        for draft in drafts {
            if draft.is_written() {
                self.wake_after_pause(&draft.entry.task);
            }
            let mut entry = draft.entry;
            if entry.task.status.is_terminal() {
                self.window.settle(&entry.task);
            } else {
                // Large bodies are read again when they are needed.
                entry.bodies.retain(|_, body| body.len() <= CACHED_BODY);
                self.cache.insert(entry.task.id, entry);
            }
        }
        self.trim_cache();
        for task in self.window.next() {
            self.wake(task);
        }
    }

    /// Looks at a task again when the first pause of its jobs is over. The sweeper finds what a restart
    /// forgets, seconds later.
    fn wake_after_pause(&self, task: &workflow::state::Task) {
        let now = self.shared.clock.now();
        let pauses = task.jobs.iter().filter_map(|job| match job.state {
            JobState::Ready { not_before: Some(at) } if at > now => Some(at - now),
            _ => None,
        });
        let Some(pause) = pauses.min().filter(|pause| *pause <= LONGEST_TIMER) else {
            return;
        };
        let (inbox, id) = (self.shared.inbox.clone(), task.id);
        tokio::spawn(async move {
            // One millisecond more, so that the pause is over by a clock that counts whole ones.
            tokio::time::sleep(Duration::from_millis(u64::try_from(pause.0).unwrap_or(0) + 1)).await;
            inbox.wake(id).await;
        });
    }

    /// Keeps the cache within its bound; what goes is read again when it is needed.
    fn trim_cache(&mut self) {
        if self.cache.len() <= self.config.cached_tasks {
            return;
        }
        let excess = self.cache.len() - self.config.cached_tasks * 3 / 4;
        let mut idle: Vec<(workflow::time::Timestamp, TaskId)> =
            self.cache.values().map(|e| (e.task.updated_at, e.task.id)).collect();
        idle.sort_unstable();
        for (_, task) in idle.into_iter().take(excess) {
            self.cache.remove(&task);
        }
    }

    /// Records acknowledgements that no commit carried.
    pub(super) async fn flush_acknowledged(&mut self) {
        if self.acknowledged.is_empty() {
            return;
        }
        let acks: Vec<BatchAck> = self.recordable().iter().map(|(_, ack)| *ack).collect();
        let Ok(connection) = self.reader().await else {
            return;
        };
        let recorded = tokio::time::timeout(STATEMENT, store::outbox::record(connection, &acks)).await;
        if let Err(error) = recorded.unwrap_or_else(|_elapsed| Err(late())) {
            warn!(
                error = &error as &dyn std::error::Error,
                "acknowledgements were not recorded; the relay repeats"
            );
            self.reads = None;
        }
    }

    /// What was heard on a connection that is gone may be of a stream that is gone: the relay tells again.
    fn recordable(&mut self) -> Vec<(Checked, BatchAck)> {
        let bus = &self.shared.bus;
        self.acknowledged.retain(|(heard, _)| heard.holds(bus));
        std::mem::take(&mut self.acknowledged)
    }
}
