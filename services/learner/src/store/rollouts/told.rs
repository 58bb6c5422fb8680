//! Events of experiments: whoever moves one tells it, in the same transaction.

use super::Rollouts;
use super::record::NewLook;
use super::rows::{Experiment, kept_look};
use crate::rollout::{Action, Course, Decision, Look};
use crate::store::events::{self, Event};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;
use workflow::vocabulary::EventKind;

/// None: it stands where it stood.
fn kind(seen: &Course, new: &NewLook<'_>) -> Option<EventKind> {
    let moved = new.course != *seen;
    match (new.word.map(|word| word.action), new.look.decision) {
        (Some(_), _) if !moved => None,
        (Some(Action::Promote), _) => Some(EventKind::ExperimentPromoted),
        (Some(Action::RollBack), _) => Some(EventKind::ExperimentRolledBack),
        (Some(Action::Pause), _) => Some(EventKind::ExperimentHeld),
        (Some(Action::Resume), _) => Some(EventKind::ExperimentResumed),
        (None, Decision::Continue) => None,
        // That a person paused it was told.
        (None, Decision::Hold { .. }) => (!seen.paused).then_some(EventKind::ExperimentHeld),
        (None, Decision::Advance { .. }) => Some(EventKind::ExperimentAdvanced),
        (None, Decision::RollBack { .. }) => Some(EventKind::ExperimentRolledBack),
        (None, Decision::Promote) => Some(EventKind::ExperimentPromoted),
        (None, Decision::Inconclusive) => Some(EventKind::ExperimentEnded),
    }
}

impl Rollouts {
    /// Tells what a look, or a word, made of an experiment. Under the lock of its row.
    pub(super) async fn tell(
        &self,
        connection: &mut PgConnection,
        seen: &Experiment,
        new: &NewLook<'_>,
    ) -> Result<(), sqlx::Error> {
        let Some(kind) = kind(&seen.course, new) else {
            return Ok(());
        };
        if kind == EventKind::ExperimentHeld && self.holds_still(connection, seen, new).await? {
            return Ok(());
        }
        let told = data(seen, &new.course, Some((new.look, new.word.is_some())));
        self.tell_as(connection, kind, seen, &told, new.at).await
    }

    /// Holds are kept as long as they last, and told once.
    async fn holds_still(
        &self,
        connection: &mut PgConnection,
        seen: &Experiment,
        new: &NewLook<'_>,
    ) -> Result<bool, sqlx::Error> {
        if new.word.is_some() {
            return Ok(false);
        }
        let last =
            sqlx::query("SELECT look, body, word FROM learner.experiment_look WHERE experiment_id = $1 AND look = $2");
        let last = last.bind(seen.id).bind(seen.looks).fetch_optional(connection).await?;
        let last = last.map(|row| kept_look(&row)).transpose()?;
        Ok(last.is_some_and(|last| last.look.decision == new.look.decision))
    }

    /// Tells that an experiment began.
    pub(super) async fn tell_started(
        &self,
        connection: &mut PgConnection,
        new: &Experiment,
    ) -> Result<(), sqlx::Error> {
        let told = data(new, &new.course, None);
        let kind = EventKind::ExperimentStarted;
        self.tell_as(connection, kind, new, &told, new.began_at).await
    }

    /// Tells that a person took the winner back.
    pub(super) async fn tell_taken_back(
        &self,
        connection: &mut PgConnection,
        won: &Experiment,
        (course, evidence): (&Course, &Look),
        at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let told = data(won, course, Some((evidence, true)));
        let kind = EventKind::ExperimentRolledBack;
        self.tell_as(connection, kind, won, &told, at).await
    }

    async fn tell_as(
        &self,
        connection: &mut PgConnection,
        kind: EventKind,
        experiment: &Experiment,
        data: &Value,
        at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let Some(names) = self.store.names() else {
            return Ok(());
        };
        let event = Event {
            kind,
            entity: experiment.id,
            tenant: &self.tenant,
            at,
            data,
        };
        events::store(connection, names, &event).await
    }
}

/// Nobody is named: an erased user's word stays a person's.
fn data(experiment: &Experiment, course: &Course, seen: Option<(&Look, bool)>) -> Value {
    let exposed = course.exposed(&experiment.settings);
    let (look, by_person) = seen.unzip();
    json!({
        "experiment_id": experiment.id,
        "role": experiment.role,
        "champion": experiment.champion,
        "challenger": experiment.challenger,
        "stage": course.stage,
        "paused": course.paused,
        "exposed": exposed.map(|(_, share)| share.fraction()),
        "by": by_person.map(|by_person| if by_person { "person" } else { "rule" }),
        "decision": look.map(|look| look.decision),
        "n": look.map(|look| look.n),
        "effect": look.map(|look| look.effect),
        "e_value": look.map(|look| look.e_value),
    })
}
