//! Which model serves whose tasks: read from the database each second, asked at each dispatch.

use crate::store::rollouts::{self, AssignmentRow, RolloutRow};
use crate::store::{StoreError, rollouts as store};
use crate::writer::draft::Entry;
use contracts::work::ModelChoice;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use tracing::warn;
use uuid::Uuid;
use workflow::ids::Serial;
use workflow::rollout::{Arm, Assignment, Model, RolloutTable, Subject};
use workflow::state::{Job, Unit};

/// The tables of all tenants, for all parts of the process.
#[derive(Default)]
pub struct SharedRollouts {
    current: RwLock<Arc<Rollouts>>,
}

/// The tables of all tenants.
#[derive(Default, Debug)]
pub struct Rollouts(HashMap<String, Served>);

/// A tenant's.
#[derive(Debug)]
struct Served {
    table: RolloutTable,
    models: BTreeMap<Uuid, Reached>,
}

/// How a version is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Reached {
    /// For people.
    pub name: String,
    pub provider: String,
    /// As the provider knows it.
    pub model: String,
    /// What its answers must name as the model that gave them; empty: they need not.
    #[serde(default)]
    pub answers_as: String,
}

impl SharedRollouts {
    /// As they were read last.
    pub fn current(&self) -> Arc<Rollouts> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads them. A table that cannot be read is none: the configured models serve.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self, pool: &PgPool) -> Result<(), StoreError> {
        let rows = store::all(pool).await?;
        let served = rows.into_iter().filter_map(|row| match read(&row) {
            Ok(served) => Some((row.tenant, served)),
            Err(error) => {
                warn!(tenant = row.tenant, %error, "a rollout cannot be read: configured models serve");
                None
            }
        });
        let rollouts = Arc::new(Rollouts(served.collect()));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = rollouts;
        Ok(())
    }
}

fn read(row: &RolloutRow) -> Result<Served, serde_json::Error> {
    Ok(Served {
        table: serde_json::from_str(&row.body)?,
        models: serde_json::from_str(&row.models)?,
    })
}

impl Rollouts {
    /// One tenant's, for tests.
    #[cfg(test)]
    pub fn of(tenant: &str, table: &serde_json::Value, models: &serde_json::Value) -> Self {
        let row = RolloutRow {
            tenant: tenant.to_owned(),
            body: table.to_string(),
            models: models.to_string(),
        };
        let served = read(&row).unwrap_or_else(|error| panic!("{error}"));
        Self([(row.tenant, served)].into())
    }

    /// The tenant has or had a rollout.
    pub fn has(&self, tenant: &str) -> bool {
        self.0.contains_key(tenant)
    }

    /// What a job is to ask before what is configured. Where the challenger failed once, the configured models have the
    /// second attempt.
    pub fn choice(&self, entry: &Entry, job: &Job) -> Option<ModelChoice> {
        let (_, assignment, reached) = self.given(entry, job)?;
        let second_attempt = job.attempt > 0 || job.losses > 0;
        if assignment.arm == Arm::Challenger && second_attempt {
            return None;
        }
        let reached = reached?;
        Some(ModelChoice {
            provider: reached.provider.clone(),
            model: reached.model.clone(),
            answers_as: reached.answers_as.clone(),
        })
    }

    /// What is kept of what these jobs are given: one row for each role.
    pub fn rows(&self, entry: &Entry, serials: &[Serial]) -> Vec<AssignmentRow> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let jobs = entry.task.jobs.iter().filter(|job| serials.contains(&job.serial));
        let mut rows: BTreeMap<&str, AssignmentRow> = BTreeMap::new();
        for (role, assignment, reached) in jobs.filter_map(|job| self.given(entry, job)) {
            let tried = assignment.experiment.is_some();
            if tried || assignment.model != Model::Configured {
                rows.entry(role)
                    .or_insert_with(|| row(entry, role, &assignment, reached));
            }
        }
        rows.into_values().collect()
    }

    /// The role of a job, what the table says of it, and how that is reached.
    fn given(&self, entry: &Entry, job: &Job) -> Option<(&'static str, Assignment, Option<&Reached>)> {
        let served = self.0.get(&entry.task.tenant)?;
        let role = role(entry, job)?;
        let subject = Subject {
            task: entry.task.id,
            user: Some(entry.submission.actor.as_str()).filter(|actor| !actor.is_empty()),
        };
        let assignment = served.table.assign(role, &subject);
        let reached = match assignment.model {
            Model::Configured => None,
            Model::Version(id) => served.models.get(&id),
        };
        Some((role, assignment, reached))
    }
}

/// None: it asks no model.
fn role(entry: &Entry, job: &Job) -> Option<&'static str> {
    match job.unit {
        Unit::Plan => Some("planner"),
        Unit::Assess => Some("judge"),
        Unit::Step(index) => {
            let step = entry.plan.as_ref()?.steps.get(usize::from(index))?;
            step.asks_models.then_some("writer")
        }
        Unit::Format(_) | Unit::Publish(_) => None,
    }
}

fn row(entry: &Entry, role: &'static str, assignment: &Assignment, reached: Option<&Reached>) -> AssignmentRow {
    AssignmentRow {
        task: entry.task.id,
        role,
        tenant: entry.task.tenant.clone(),
        actor: entry.submission.actor.clone(),
        model: assignment.model.to_string(),
        name: reached.map_or_else(|| assignment.model.to_string(), |reached| reached.name.clone()),
        arm: arm(assignment.arm),
        experiment: assignment.experiment,
        step: assignment.step,
        propensity: assignment.propensity,
        rollouts: assignment.table,
    }
}

fn arm(arm: Arm) -> &'static str {
    match arm {
        Arm::ChampionOutside => "champion_outside",
        Arm::Control => "control",
        Arm::Challenger => "challenger",
    }
}

/// What came of sending a table.
#[derive(Debug, PartialEq, Eq)]
pub enum Set {
    /// This version holds now.
    Holds(u64),
    /// Units would change arms.
    Refused(String),
}

/// Puts a table in the place of the tenant's, where it is newer.
///
/// # Errors
/// When the database does not answer.
pub async fn set(
    pool: &PgPool,
    tenant: &str,
    table: &RolloutTable,
    models: &BTreeMap<Uuid, Reached>,
) -> Result<Set, StoreError> {
    let mut transaction = pool.begin().await.map_err(StoreError::at("begin a transaction"))?;
    let held = rollouts::lock(&mut transaction, tenant).await?;
    // One that cannot be read holds nothing back.
    let held: Option<RolloutTable> = held.and_then(|row| serde_json::from_str(&row.body).ok());
    if let Some(held) = held {
        if table.version <= held.version {
            return Ok(Set::Holds(held.version));
        }
        if let Err(refused) = held.check_next(table) {
            return Ok(Set::Refused(refused.to_string()));
        }
    }
    let corrupt = |source| StoreError::Corrupt {
        what: "a rollout",
        task: Uuid::nil(),
        source,
    };
    let row = RolloutRow {
        tenant: tenant.to_owned(),
        body: serde_json::to_string(table).map_err(corrupt)?,
        models: serde_json::to_string(models).map_err(corrupt)?,
    };
    rollouts::set(&mut transaction, &row, table.version).await?;
    transaction.commit().await.map_err(StoreError::at("commit"))?;
    Ok(Set::Holds(table.version))
}
