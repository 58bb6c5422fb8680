//! Runs what is tried: asks the coordinator which tasks took part, reads what came of them, looks, decides, and tells the
//! coordinator who serves from now on. `rollout` decides; this is its clock and its hands.
//!
//! Any number of learners do so at once. Whatever they read is kept once, a look is written by who saw all earlier
//! ones, and the table is said until the coordinator holds it.

mod outcome;
mod pace;
mod table;
mod units;

use crate::backoff::Backoff;
use crate::chain;
use crate::coordinator::{AskError, Coordinator};
use crate::rollout::{Facts, Look, look};
use crate::store::rollouts::{Experiment, NewLook, Rollouts, Standing};
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use pace::{Pace, is_worth_a_row};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::time::{Millis, Timestamp};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(1);
/// Between two tries of what fails. A rollback has to reach the coordinator soon after it is back.
const AT_MOST: Duration = Duration::from_secs(4);

/// Why a round did not come to its end; the next tries again.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The coordinator has a problem, or refuses.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The database has one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table that cannot be written.
    #[error("the table of rollouts cannot be written")]
    Table(#[from] serde_json::Error),
}

/// What one process knows beside the database: it may be lost.
pub struct Driver {
    store: Store,
    coordinator: Coordinator,
    /// Versions of tables that the coordinator said it holds, by tenant.
    told: BTreeMap<String, u64>,
    /// By experiment.
    paces: BTreeMap<Uuid, Pace>,
}

impl Driver {
    /// One that has told nobody anything yet.
    pub fn new(store: Store, coordinator: Coordinator) -> Self {
        Self {
            store,
            coordinator,
            told: BTreeMap::new(),
            paces: BTreeMap::new(),
        }
    }

    /// Runs until `shutdown`; outages are waited out.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut backoff = Backoff::new(EVERY, AT_MOST);
        loop {
            let pause = match self.round(Timestamp(service::clock::now_ms())).await {
                Ok(()) => {
                    backoff.reset();
                    EVERY
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "rollouts wait");
                    backoff.pause()
                }
            };
            if !crate::slept(pause, &shutdown).await {
                return;
            }
        }
    }

    /// One round over all tenants that ever tried something.
    ///
    /// # Errors
    /// The last one that a tenant had; it holds up no other.
    pub async fn round(&mut self, now: Timestamp) -> Result<(), DriveError> {
        let mut outcome = Ok(());
        let mut under_way = BTreeSet::new();
        for standing in Rollouts::standings(&self.store).await? {
            let of_tenant = self.of_tenant(&standing, &mut under_way, now).await;
            outcome = of_tenant.and(outcome);
        }
        self.paces.retain(|id, _| under_way.contains(id));
        outcome
    }

    async fn of_tenant(
        &mut self,
        standing: &Standing,
        under_way: &mut BTreeSet<Uuid>,
        now: Timestamp,
    ) -> Result<(), DriveError> {
        let rollouts = Rollouts::of(&self.store, &standing.tenant);
        let mut outcome = Ok(());
        if self.told.get(&standing.tenant) != Some(&standing.version) {
            // Where it is refused, what is tried goes on: its end is taken in any case.
            outcome = self.tell(&rollouts).await;
        }
        if !standing.tries {
            return outcome;
        }
        for experiment in rollouts.under_way().await? {
            under_way.insert(experiment.id);
            if self.conduct(&rollouts, &experiment, now).await? {
                outcome = self.tell(&rollouts).await;
            }
        }
        outcome
    }

    /// Looks at an experiment where there is something to see. True: it stands elsewhere now.
    async fn conduct(
        &mut self,
        rollouts: &Rollouts,
        experiment: &Experiment,
        now: Timestamp,
    ) -> Result<bool, DriveError> {
        let taken = units::take_in(&self.coordinator, rollouts, experiment).await?;
        let ended = outcome::read(rollouts, experiment).await?;
        let pace = self.paces.entry(experiment.id).or_default();
        pace.heard(taken + ended > 0);
        if !pace.is_due(now) {
            return Ok(false);
        }
        let began = Instant::now();
        let moved = self.looked(rollouts, experiment, now).await?;
        let took = Millis(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        self.paces.entry(experiment.id).or_default().looked(now, took);
        Ok(moved)
    }

    async fn looked(&self, rollouts: &Rollouts, experiment: &Experiment, now: Timestamp) -> Result<bool, DriveError> {
        let seen = look_at(&self.store, rollouts, experiment, now).await?;
        let last = rollouts.last_look(experiment.id).await?;
        if !is_worth_a_row(last.as_ref().map(|last| &last.look), &seen) {
            return Ok(false);
        }
        let course = experiment.course.after(&seen.decision, now);
        let new = NewLook {
            look: &seen,
            word: None,
            course,
            at: moment(now),
        };
        let written = rollouts.record(experiment, new).await?;
        if written && course != experiment.course {
            tracing::info!(experiment_id = %experiment.id, role = experiment.role, decision = ?seen.decision, "rollout");
        }
        Ok(written && course != experiment.course)
    }
}

/// Looks at an experiment, and changes nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn look_at(
    store: &Store,
    rollouts: &Rollouts,
    experiment: &Experiment,
    now: Timestamp,
) -> Result<Look, StoreError> {
    let known = rollouts.observations(experiment).await?;
    // What ended after that is perhaps only not told yet: nothing is overdue while the learner is behind.
    let complete_to = store.complete_to().await?;
    let complete_to = Timestamp(complete_to.map_or(0, |at| at.timestamp_millis()).min(now.0));
    let facts = Facts::gather(&known, &[], &experiment.settings, &experiment.course, complete_to);
    Ok(look(&experiment.settings, &experiment.course, &facts, now))
}

fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default()
}
