//! What plannings were told of preferences, what became of it, and what ended tasks show.

use super::erasure::of_nobody_erased;
use super::preferences::{self, NewStatement};
use super::{Store, StoreError};
use crate::preferences::{Held, Outcome, Scope, Source, Taught};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What somebody says of a result as a whole may be about anything in it.
const OF_THE_WHOLE: f64 = 0.5;

/// An ended task and what it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub task: Uuid,
    pub tenant: String,
    pub finished_at: DateTime<Utc>,
    pub taught: Taught,
}

/// How often a preference was told, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Uses {
    pub offered: i64,
    pub applied: i64,
    pub violated: i64,
}

/// Scope, subject, key and JSON of the value.
pub type UseOf = (String, String, String, String);

impl Store {
    /// Notes what a planning is told; of what it was told before, what is told again counts as it is now.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_told(&self, task: Uuid, tenant: &str, told: &[Held]) -> Result<(), StoreError> {
        if told.is_empty() {
            return Ok(());
        }
        let column = |of: fn(&Held) -> String| told.iter().map(of).collect::<Vec<String>>();
        let insert = sqlx::query(
            "INSERT INTO learner.preference_offer (task_id, tenant, key, value, scope, subject, source, strength)
             SELECT $1, $8, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[])
             ON CONFLICT (task_id, key) DO UPDATE SET value = excluded.value, scope = excluded.scope,
                 subject = excluded.subject, source = excluded.source, strength = excluded.strength",
        );
        let insert = insert
            .bind(task)
            .bind(column(|held| held.key.clone()))
            .bind(column(|held| held.value.to_string()))
            .bind(column(|held| held.scope.as_str().to_owned()))
            .bind(column(|held| held.subject.clone()))
            .bind(column(|held| held.source.as_str().to_owned()))
            .bind(told.iter().map(|held| held.strength).collect::<Vec<f64>>())
            .bind(tenant);
        let noted = insert.execute(&self.pool).await;
        noted
            .map(drop)
            .map_err(StoreError::query("note what is told of preferences"))
    }

    /// What became of a user's preferences, of those of these teams, and of the tenant's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn uses(&self, tenant: &str, user: &str, teams: &[String]) -> Result<BTreeMap<UseOf, Uses>, StoreError> {
        let select = sqlx::query(
            "SELECT scope, subject, key, value, count(*) AS offered,
                    count(*) FILTER (WHERE outcome = 'applied') AS applied,
                    count(*) FILTER (WHERE outcome = 'violated') AS violated
             FROM learner.preference_use
             WHERE tenant = $1
               AND ((scope = 'user' AND subject = $2) OR (scope = 'team' AND subject = ANY($3)) OR scope = 'tenant')
             GROUP BY scope, subject, key, value",
        );
        let read = async {
            let rows = select.bind(tenant).bind(user).bind(teams).fetch_all(&self.pool).await?;
            let read = rows.iter().map(|row| {
                let of = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                let uses = Uses {
                    offered: row.try_get("offered")?,
                    applied: row.try_get("applied")?,
                    violated: row.try_get("violated")?,
                };
                Ok((of, uses))
            });
            read.collect::<Result<BTreeMap<_, _>, sqlx::Error>>()
        };
        read.await.map_err(StoreError::query("count the uses of preferences"))
    }
}

/// Notes what ended tasks show, once a task. Under the lock of learning.
pub(super) async fn learn(connection: &mut PgConnection, shown: &[Shown]) -> Result<(), sqlx::Error> {
    if shown.is_empty() {
        return Ok(());
    }
    append(connection, shown.iter().flat_map(statements).collect()).await?;
    note_uses(connection, shown).await?;
    let decided = decisions(connection, shown).await?;
    append(connection, decided).await?;
    let tasks: Vec<Uuid> = shown.iter().map(|shown| shown.task).collect();
    rate(connection, &tasks).await
}

/// Other people's tasks show nothing of somebody who was erased since.
async fn append(connection: &mut PgConnection, statements: Vec<NewStatement>) -> Result<(), sqlx::Error> {
    let kept = of_nobody_erased(connection, statements).await?;
    preferences::append(connection, &kept).await
}

/// Wishes and edits.
fn statements(shown: &Shown) -> Vec<NewStatement> {
    let taught = &shown.taught;
    let statement = |subject: &str, source, valid_at, origin: &str, (key, value): &(String, Value)| NewStatement {
        tenant: shown.tenant.clone(),
        scope: Scope::User,
        subject: subject.to_owned(),
        key: key.clone(),
        value: Some(value.clone()),
        source,
        against: false,
        weight: 1.0,
        valid_at,
        shown: Some((shown.task, origin.to_owned())),
        actor: String::new(),
    };
    let wishes = taught.wishes.iter();
    let mut found: Vec<NewStatement> = wishes
        .map(|wish| statement(&taught.user, Source::Behaviour, taught.asked_at, "request", wish))
        .collect();
    if let Some(decision) = &taught.decision {
        let edits = taught.edits.iter();
        found.extend(edits.map(|edit| statement(&decision.actor, Source::Edit, decision.at, "edit", edit)));
    }
    found
}

async fn note_uses(connection: &mut PgConnection, shown: &[Shown]) -> Result<(), sqlx::Error> {
    let told: BTreeMap<Uuid, &Shown> = shown
        .iter()
        .filter(|shown| shown.taught.remembered)
        .map(|shown| (shown.task, shown))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    let select = sqlx::query("SELECT task_id, key, value FROM learner.preference_offer WHERE task_id = ANY($1)");
    let offers = select.bind(told.keys().copied().collect::<Vec<Uuid>>());
    let (mut tasks, mut keys, mut outcomes, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in offers.fetch_all(&mut *connection).await? {
        let (task, key, value): (Uuid, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let Some(shown) = told.get(&task) else { continue };
        let value: Value = serde_json::from_str(&value).unwrap_or_default();
        outcomes.push(shown.taught.observed.outcome(&key, &value).as_str());
        tasks.push(task);
        keys.push(key);
        ends.push(shown.finished_at);
    }
    let insert = sqlx::query(
        "INSERT INTO learner.preference_use (task_id, key, tenant, value, scope, subject, source, outcome, finished_at)
         SELECT n.task_id, n.key, r.tenant, o.value, o.scope, o.subject, o.source, n.outcome, n.finished_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n(task_id, key, outcome, finished_at)
         JOIN learner.preference_offer o USING (task_id, key) JOIN learner.record r USING (task_id)
         ON CONFLICT DO NOTHING",
    );
    let insert = insert.bind(tasks).bind(keys).bind(outcomes).bind(ends);
    insert.execute(connection).await.map(drop)
}

/// A preference that a task was done by.
struct InForce {
    task: Uuid,
    tenant: String,
    key: String,
    value: Value,
}

/// What its request named and what it was told and heeded; not what a human changed.
async fn in_force(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<InForce>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT f.* FROM (
             SELECT task_id, tenant, key, value FROM learner.preference_statement WHERE task_id = ANY($1) AND origin = 'request'
             UNION
             SELECT task_id, tenant, key, value FROM learner.preference_use WHERE task_id = ANY($1) AND outcome = $2
         ) AS f
         WHERE NOT EXISTS (SELECT FROM learner.preference_statement e
                           WHERE e.task_id = f.task_id AND e.key = f.key AND e.origin = 'edit')
         ORDER BY task_id, key",
    );
    let rows = select
        .bind(tasks)
        .bind(Outcome::Applied.as_str())
        .fetch_all(connection)
        .await?;
    let read = rows.iter().map(|row| {
        Ok(InForce {
            task: row.try_get(0)?,
            tenant: row.try_get(1)?,
            key: row.try_get(2)?,
            value: serde_json::from_str(&row.try_get::<String, _>(3)?).unwrap_or_default(),
        })
    });
    read.collect()
}

fn rated(by: &InForce, subject: &str, good: bool, weight: f64, at: DateTime<Utc>, origin: &str) -> NewStatement {
    NewStatement {
        tenant: by.tenant.clone(),
        scope: Scope::User,
        subject: subject.to_owned(),
        key: by.key.clone(),
        value: Some(by.value.clone()),
        source: Source::Rating,
        against: !good,
        weight,
        valid_at: at,
        shown: Some((by.task, origin.to_owned())),
        actor: String::new(),
    }
}

/// Whoever approves or rejects says something of what the task was done by.
async fn decisions(connection: &mut PgConnection, shown: &[Shown]) -> Result<Vec<NewStatement>, sqlx::Error> {
    let decided = shown
        .iter()
        .filter_map(|shown| Some((shown.task, shown.taught.decision.as_ref()?)));
    let decided: BTreeMap<Uuid, _> = decided.collect();
    let tasks: Vec<Uuid> = decided.keys().copied().collect();
    let by = in_force(connection, &tasks).await?;
    let statement = |by: &InForce| {
        let decision = decided.get(&by.task)?;
        Some(rated(
            by,
            &decision.actor,
            decision.good,
            OF_THE_WHOLE,
            decision.at,
            "decision",
        ))
    };
    Ok(by.iter().filter_map(statement).collect())
}

/// What was said of ended tasks, during them or after, speaks for or against what they were done by. Under the lock of
/// learning.
pub(super) async fn rate(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<(), sqlx::Error> {
    rate_by(connection, tasks, None).await
}

/// As [`rate`], by one feedback alone: what others said was counted when they did, and a thousand of them would be
/// counted again for each that comes.
pub(super) async fn rate_once(connection: &mut PgConnection, task: Uuid, feedback: Uuid) -> Result<(), sqlx::Error> {
    rate_by(connection, &[task], Some(feedback)).await
}

async fn rate_by(connection: &mut PgConnection, tasks: &[Uuid], only: Option<Uuid>) -> Result<(), sqlx::Error> {
    let select = sqlx::query(
        "SELECT feedback_id, task_id, tenant, actor, rating, dimension, created_at FROM learner.feedback
         WHERE task_id = ANY($1) AND rating IS NOT NULL AND step_id IS NULL AND ($2::uuid IS NULL OR feedback_id = $2)
         ORDER BY created_at, feedback_id",
    );
    let ratings = select.bind(tasks).bind(only).fetch_all(&mut *connection).await?;
    if ratings.is_empty() {
        return Ok(());
    }
    let by = in_force(connection, tasks).await?;
    let mut found = Vec::new();
    for row in &ratings {
        let (id, task, tenant): (Uuid, Uuid, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (actor, rating): (String, i16) = (row.try_get(3)?, row.try_get(4)?);
        let (dimension, at): (Option<String>, DateTime<Utc>) = (row.try_get(5)?, row.try_get(6)?);
        let own = by.iter().filter(|by| by.task == task && by.tenant == tenant);
        let about = own.filter(|by| dimension.as_ref().is_none_or(|dimension| *dimension == by.key));
        // Neither good nor bad takes back what was said before.
        let weight = match (rating, &dimension) {
            (3, _) => 0.0,
            (_, Some(_)) => 1.0,
            (_, None) => OF_THE_WHOLE,
        };
        found.extend(about.map(|by| rated(by, &actor, rating > 3, weight, at, &id.to_string())));
    }
    append(connection, found).await
}
