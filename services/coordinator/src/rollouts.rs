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
use workflow::rollout::{Arm, Assignment, Model, Phase, RoleRollout, RolloutTable, Subject};
use workflow::state::{Job, Unit};
use workflow::time::{Millis, Timestamp};

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

    /// What a job is to ask before what is configured, in this order: the champion stands in for the challenger, and has
    /// the second attempt alone.
    pub fn choice(&self, entry: &Entry, job: &Job) -> Vec<ModelChoice> {
        let Some(given) = self.given(entry, job) else {
            return Vec::new();
        };
        let challenger = given.assignment.arm == Arm::Challenger;
        let second_attempt = job.attempt > 0 || job.losses > 0 || plans_again(entry, job);
        let first = given.reached.filter(|_| !(challenger && second_attempt));
        let stands_in = given.champion.filter(|_| challenger);
        first.into_iter().chain(stands_in).map(Reached::choice).collect()
    }

    /// What is kept of what these jobs are given: one row for each role, of those that take part in something or are
    /// given another model than the configured one.
    pub fn rows(&self, entry: &Entry, serials: &[Serial]) -> Vec<AssignmentRow> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let jobs = entry.task.jobs.iter().filter(|job| serials.contains(&job.serial));
        let mut rows: BTreeMap<&str, AssignmentRow> = BTreeMap::new();
        for job in jobs {
            let Some(given) = self.given(entry, job) else { continue };
            let assignment = &given.assignment;
            if assignment.arm == Arm::ChampionOutside && assignment.model == Model::Configured {
                continue;
            }
            let compared = assignment.arm != Arm::ChampionOutside;
            let lost = assignment.arm == Arm::Challenger && job.losses > 0 || compared && plans_again(entry, job);
            rows.entry(given.role).or_insert_with(|| row(entry, &given)).lost |= lost;
        }
        rows.into_values().collect()
    }

    /// Whom a tenant's rollouts may ask now, by role, each once.
    pub fn asked(&self, tenant: &str) -> Vec<(&str, &Reached)> {
        let Some(served) = self.0.get(tenant) else {
            return Vec::new();
        };
        let mut asked = Vec::new();
        for (role, rollout) in &served.table.roles {
            let mut versions: Vec<Uuid> = rollout.versions().collect();
            versions.sort_unstable();
            versions.dedup();
            let reached = versions.iter().filter_map(|id| served.models.get(id));
            asked.extend(reached.map(|reached| (role.as_str(), reached)));
        }
        asked
    }

    fn given(&self, entry: &Entry, job: &Job) -> Option<Given<'_>> {
        let served = self.0.get(&entry.task.tenant)?;
        let role = role(entry, job)?;
        let subject = Subject {
            task: entry.task.id,
            user: Some(entry.submission.actor.as_str()).filter(|actor| !actor.is_empty()),
        };
        let assignment = served.table.assign(role, &subject);
        Some(Given {
            role,
            reached: served.reached(assignment.model),
            champion: served.reached(served.table.champion(role, entry.task.id)),
            assignment,
        })
    }
}

/// What the table says of a job.
struct Given<'r> {
    role: &'static str,
    assignment: Assignment,
    /// None: what is configured.
    reached: Option<&'r Reached>,
    champion: Option<&'r Reached>,
}

impl Served {
    fn reached(&self, model: Model) -> Option<&Reached> {
        match model {
            Model::Configured => None,
            Model::Version(id) => self.models.get(&id),
        }
    }
}

impl Reached {
    fn choice(&self) -> ModelChoice {
        ModelChoice {
            provider: self.provider.clone(),
            model: self.model.clone(),
            answers_as: self.answers_as.clone(),
        }
    }
}

/// A plan was refused, or sent back: whoever made it does not make the next one if they are being tried.
fn plans_again(entry: &Entry, job: &Job) -> bool {
    job.unit == Unit::Plan && !entry.task.plan_feedback.is_empty()
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

fn row(entry: &Entry, given: &Given<'_>) -> AssignmentRow {
    let Given {
        role,
        assignment,
        reached,
        ..
    } = given;
    let named = |of: fn(&Reached) -> &String| reached.map(of).cloned().unwrap_or_default();
    AssignmentRow {
        task: entry.task.id,
        role,
        tenant: entry.task.tenant.clone(),
        actor: entry.submission.actor.clone(),
        model: assignment.model.to_string(),
        name: reached.map_or_else(|| assignment.model.to_string(), |reached| reached.name.clone()),
        provider: named(|reached| &reached.provider),
        served: named(|reached| &reached.model),
        lost: false,
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

/// What is wrong with a table: it names what nobody could ask, or asks for what is not done.
fn fault(table: &RolloutTable, models: &BTreeMap<Uuid, Reached>) -> Option<String> {
    let unreachable = |id: &&Uuid| {
        let reached = models.get(*id);
        reached.is_none_or(|reached| reached.provider.is_empty() || reached.model.is_empty())
    };
    let versions: Vec<Uuid> = table.versions();
    if let Some(id) = versions.iter().find(unreachable) {
        return Some(format!("nobody says how version {id} is reached"));
    }
    let shadowed = |rollout: &RoleRollout| rollout.experiment.as_ref().is_some_and(|e| e.phase == Phase::Shadow);
    table
        .roles
        .values()
        .any(shadowed)
        .then(|| "no worker asks models in the shadow yet".to_owned())
}

/// What came of sending a table.
#[derive(Debug, PartialEq, Eq)]
pub enum Set {
    /// This version holds now.
    Holds(u64),
    /// Units would change arms.
    Refused(String),
    /// What it says cannot be done.
    Faulty(String),
}

/// Every coordinator has read a table after this long: what it changes holds for tasks made later.
const HEARD: Millis = Millis::secs(2);

/// Puts a table in the place of the tenant's, where it is newer. `now` is the time by which ids of tasks are made.
///
/// # Errors
/// When the database does not answer.
pub async fn set(
    pool: &PgPool,
    tenant: &str,
    table: &RolloutTable,
    models: &BTreeMap<Uuid, Reached>,
    now: Timestamp,
) -> Result<Set, StoreError> {
    if let Some(fault) = fault(table, models) {
        return Ok(Set::Faulty(fault));
    }
    let mut transaction = pool.begin().await.map_err(StoreError::at("begin a transaction"))?;
    let held = rollouts::lock(&mut transaction, tenant).await?;
    // One that cannot be read holds nothing back.
    let held: Option<RolloutTable> = held.and_then(|row| serde_json::from_str(&row.body).ok());
    if let Some(held) = &held {
        if table.version <= held.version {
            return Ok(Set::Holds(held.version));
        }
        if let Err(refused) = held.check_next(table) {
            return Ok(Set::Refused(refused.to_string()));
        }
    }
    let from = u64::try_from((now + HEARD).0).unwrap_or(0);
    let table = &table.clone().following(held.as_ref(), from);
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
