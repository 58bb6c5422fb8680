//! What happens to inputs whose batch could not be written: again on fresh rows, then apart, and the
//! guilty one into quarantine.

use super::batch::Batch;
use super::groups::{self, Group};
use super::inbox::{Answer, Envelope};
use super::{STATEMENT, Writer};
use crate::store::{self, StoreError};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::{error, warn};
use workflow::ids::TaskId;
use workflow::input::Input;

/// How long askers wait through an outage of the database before they are told.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an error that does not blame the input is waited out before inputs are taken apart.
const LAST_PATIENCE: Duration = Duration::from_secs(600);
/// Races lost in a row before a batch is taken apart.
const MAX_CONFLICTS: u32 = 4;

/// Inputs whose batch could not be decided or written.
pub(super) struct Failed {
    groups: Vec<Group>,
    error: StoreError,
    since: Instant,
}

impl Failed {
    pub fn new(groups: Vec<Group>, error: StoreError, since: Instant) -> Self {
        Self { groups, error, since }
    }
}

impl Writer {
    /// Sees what failed through to its end, before anything else is decided.
    pub(super) async fn recover(&mut self) {
        self.undo_next();
        for failed in std::mem::take(&mut self.failed) {
            self.insist(failed).await;
        }
        let aside = std::mem::take(&mut self.aside);
        self.take_in(aside).await;
    }

    /// The inputs of the next batch are to be decided again.
    pub(super) fn undo_next(&mut self) {
        let mut next = std::mem::take(&mut self.next);
        self.forget(&next.groups);
        self.remember(&mut next);
        self.aside.splice(0..0, next.into_envelopes());
    }

    /// Where the messages of undone tasks were stored is known only here.
    pub(super) fn remember(&mut self, batch: &mut Batch) {
        let drafts = batch.drafts.drain(..).filter(|d| d.base.is_some());
        self.remembered.extend(drafts.map(|d| (d.id(), d.entry.task)));
    }

    /// What was read before a failed write is not trusted again.
    fn forget(&mut self, groups: &[Group]) {
        self.allowances.doubt();
        for group in groups {
            self.cache.remove(&group.task);
        }
    }

    /// Tries until every input is written, refused or in quarantine.
    async fn insist(&mut self, failed: Failed) {
        let Failed {
            mut groups,
            mut error,
            since,
        } = failed;
        let mut conflicts = 0;
        loop {
            self.forget(&groups);
            if error.is_outage() {
                warn!(error = &error as &dyn std::error::Error, "the database is away");
                (self.reads, self.writes) = (None, None);
                self.shared.outages.fetch_add(1, Ordering::Relaxed);
                self.shared.leases_end.store(false, Ordering::Relaxed);
                if since.elapsed() > PATIENCE {
                    self.shared.inbox.set_away(true);
                    groups::refuse_askers(&mut groups);
                }
                if groups.is_empty() {
                    // The next batch finds out whether the database is back.
                    self.shared.inbox.set_away(false);
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            } else if let StoreError::OverWindow { tenants } = &error {
                // What it may not set aside it does not try again before the next look, so this comes to an end.
                tenants.iter().for_each(|tenant| self.allowances.shut(tenant));
                self.shared.metrics.conflict();
            } else if error.is_conflict() && conflicts < MAX_CONFLICTS {
                conflicts += 1;
                self.shared.metrics.conflict();
            } else if !error.blames_the_input() && since.elapsed() < LAST_PATIENCE {
                error!(
                    error = &error as &dyn std::error::Error,
                    "a batch cannot be written; trying again"
                );
                (self.reads, self.writes) = (None, None);
                if since.elapsed() > PATIENCE {
                    groups::refuse_askers(&mut groups);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            } else if let Some(parts) = groups::split(&mut groups) {
                for part in parts {
                    Box::pin(self.once_more(part)).await;
                }
                return;
            } else {
                return self.quarantine(groups, &error).await;
            }
            groups::drop_unheard(&mut groups);
            match self.attempt(groups).await {
                Ok(()) => return,
                Err(again) => (groups, error) = (again.groups, again.error),
            }
        }
    }

    /// A part of a batch by itself.
    async fn once_more(&mut self, envelopes: Vec<Envelope>) {
        let mut groups = groups::group(envelopes);
        groups::drop_unheard(&mut groups);
        if let Err(failed) = self.attempt(groups).await {
            self.insist(failed).await;
        }
    }

    /// Decides on fresh rows and writes at once, while nothing else is written.
    async fn attempt(&mut self, mut groups: Vec<Group>) -> Result<(), Failed> {
        let since = Instant::now();
        let decided = tokio::time::timeout(STATEMENT, self.decide(&mut groups, true)).await;
        let drafts = match decided.unwrap_or_else(|_elapsed| Err(late())) {
            Ok(drafts) => drafts,
            Err(error) => return Err(Failed::new(groups, error, since)),
        };
        let mut batch = Batch::default();
        match batch.add(&mut groups, drafts, &self.shared) {
            Ok(()) => self.write_alone(batch).await,
            Err(error) => Err(Failed::new(groups, error, since)),
        }
    }

    /// The guilty input, alone at last.
    async fn quarantine(&mut self, groups: Vec<Group>, cause: &StoreError) {
        let reason = describe(cause);
        for group in groups {
            let task = group.task;
            for mut slot in group.slots {
                let text = slot.describe();
                error!(task_id = %task, reason, "quarantined an input");
                self.shared.metrics.quarantined();
                if let Err(error) = store::quarantine::keep(&self.shared.pool, Some(task), &reason, &text).await {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "the quarantine could not be written; the input comes again"
                    );
                    // Never settled: its message is not acknowledged and is delivered again.
                    slot.receipt = None;
                }
                self.bury(task, &reason, text);
                slot.answer = Some(Answer::Quarantined);
                if !slot.is_poison_notice() {
                    let detail = format!("an input could not be processed: {reason}");
                    self.tell_later(task, Input::Poisoned { detail });
                }
                groups::deliver_slot(slot);
            }
        }
    }

    fn bury(&self, task: TaskId, reason: &str, text: String) {
        let bus = self.shared.bus.clone();
        let letter = bus::dead_letter::DeadLetter {
            origin: bus.names().result_subject(self.shared.lane),
            reason: reason.to_owned(),
            message_id: format!(
                "quarantine:{task}:{}",
                workflow::hash::Fingerprint::of([text.as_bytes()])
            ),
            payload: text.into(),
        };
        tokio::spawn(async move {
            if let Err(error) = bus.bury(letter).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "a dead letter was not stored; the quarantine has it"
                );
            }
        });
    }
}

/// The database did not answer for too long.
pub(super) fn late() -> StoreError {
    StoreError::Query {
        action: "read or write a batch in time",
        source: sqlx::Error::PoolTimedOut,
    }
}

/// An error with its causes on one line.
fn describe(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
