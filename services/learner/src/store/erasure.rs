//! Deleting what is kept of a user, for good.

use super::gate_words;
use super::learning::{forget, lock, note_authors, reconsider_all};
use super::preferences::NewStatement;
use super::records::NewRecord;
use super::{Store, StoreError};
use crate::record::json;
use crate::record::said::speakers;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Key of the advisory lock between erasing and keeping: what is being kept is kept before it is looked for, or after it
/// is known to be erased. It spells "erasure".
const LOCK: i64 = 0x65_7261_7375_7265;
/// Records read with one query.
const PAGE: i64 = 64;

/// What was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Erased {
    /// Records of tasks the user asked for.
    pub records: u64,
    /// Statements of the user, and what those tasks showed of others.
    pub statements: u64,
    /// What the user said of tasks, and what was said of the user's.
    pub feedback: u64,
    /// What became of preferences in those tasks.
    pub uses: u64,
    /// Patterns that were made again of what is left.
    pub patterns: u64,
    /// Exports that had, or may have had, those records.
    pub exports: u64,
}

/// Until the transaction ends nobody is erased.
pub(super) async fn guard(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock_shared($1)").bind(LOCK);
    lock.execute(connection).await.map(drop)
}

/// Those records that are not of erased users. A user who comes back is a new one: what they ask for after their erasure is
/// kept. Under the guard.
pub(super) async fn without_erased(
    connection: &mut PgConnection,
    mut records: Vec<NewRecord>,
) -> Result<Vec<NewRecord>, sqlx::Error> {
    let select = sqlx::query_scalar(
        "SELECT n.task_id FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n(task_id, tenant, author, asked_at)
         JOIN learner.erased_user e ON e.tenant = n.tenant AND e.user_hash = sha256(convert_to(n.author, 'UTF8'))
         WHERE n.asked_at IS NULL OR n.asked_at <= e.erased_at",
    );
    let select = select
        .bind(records.iter().map(|record| record.task.0).collect::<Vec<Uuid>>())
        .bind(
            records
                .iter()
                .map(|record| record.tenant.as_str())
                .collect::<Vec<&str>>(),
        )
        .bind(
            records
                .iter()
                .map(|record| record.author.as_str())
                .collect::<Vec<&str>>(),
        )
        .bind(
            records
                .iter()
                .map(|record| record.asked_at)
                .collect::<Vec<Option<DateTime<Utc>>>>(),
        );
    let erased: BTreeSet<Uuid> = select.fetch_all(&mut *connection).await?.into_iter().collect();
    if !erased.is_empty() {
        let tasks: Vec<Uuid> = erased.iter().copied().collect();
        drop_tasks(connection, &tasks).await?;
        records.retain(|record| !erased.contains(&record.task.0));
    }
    Ok(records)
}

/// Those statements that are not of erased users, of before their erasure. Under the guard, or the lock of learning.
pub(super) async fn of_nobody_erased(
    connection: &mut PgConnection,
    mut statements: Vec<NewStatement>,
) -> Result<Vec<NewStatement>, sqlx::Error> {
    let people: BTreeSet<(&str, &str)> = statements
        .iter()
        .map(|statement| (statement.tenant.as_str(), statement.subject.as_str()))
        .collect();
    let (tenants, users): (Vec<&str>, Vec<&str>) = people.into_iter().unzip();
    let select = sqlx::query(
        "SELECT n.tenant, n.author, e.erased_at FROM unnest($1::text[], $2::text[]) AS n(tenant, author)
         JOIN learner.erased_user e ON e.tenant = n.tenant AND e.user_hash = sha256(convert_to(n.author, 'UTF8'))",
    );
    let rows = select.bind(tenants).bind(users).fetch_all(connection).await?;
    let read = |row: &PgRow| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?));
    let erased: BTreeMap<(String, String), DateTime<Utc>> =
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?;
    statements.retain(|statement| {
        let person = (statement.tenant.clone(), statement.subject.clone());
        erased
            .get(&person)
            .is_none_or(|erased_at| statement.valid_at > *erased_at)
    });
    Ok(statements)
}

impl Store {
    /// Deletes what is kept of a user and what was made of it, and remembers by a hash that it was. Done again, it goes on
    /// where it broke off.
    ///
    /// # Errors
    /// When the database does not take it; what was deleted so far stays so.
    pub async fn erase(&self, tenant: &str, user: &str, now: DateTime<Utc>) -> Result<Erased, StoreError> {
        let erase = async {
            // In transactions of their own: right after an upgrade that may be many.
            while self.read_authors(tenant).await? {}
            let mut erased = self.erase_rows(tenant, user, now).await?;
            erased.exports = self.drop_exports(Some(tenant)).await?;
            Ok(erased)
        };
        let erased = erase.await.map_err(StoreError::query("erase a user"))?;
        // Their words are gone; to make figures again of what is left nothing else has to wait.
        self.settle_issues(tenant, now).await?;
        Ok(erased)
    }

    async fn read_authors(&self, tenant: &str) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction).await?;
        let more = read_authors(&mut transaction, tenant).await?;
        transaction.commit().await?;
        Ok(more)
    }

    async fn erase_rows(&self, tenant: &str, user: &str, now: DateTime<Utc>) -> Result<Erased, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction).await?;
        let exclusive = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
        exclusive.execute(&mut *transaction).await?;
        // What came in between.
        while read_authors(&mut transaction, tenant).await? {}
        untell(&mut transaction, tenant, user).await?;
        bury(&mut transaction, tenant, user, now).await?;
        let select = sqlx::query_scalar("SELECT task_id FROM learner.record WHERE tenant = $1 AND author = $2");
        let tasks: Vec<Uuid> = select.bind(tenant).bind(user).fetch_all(&mut *transaction).await?;
        let patterns = forget(&mut transaction, &tasks, &self.rules).await?;
        let said = sqlx::query_scalar(
            "DELETE FROM learner.feedback WHERE tenant = $1 AND (actor = $2 OR task_id = ANY($3)) RETURNING task_id",
        );
        let said: Vec<Uuid> = said
            .bind(tenant)
            .bind(user)
            .bind(&tasks)
            .fetch_all(&mut *transaction)
            .await?;
        let others: BTreeSet<Uuid> = said.iter().copied().filter(|task| !tasks.contains(task)).collect();
        reconsider_all(
            &mut transaction,
            &others.into_iter().collect::<Vec<_>>(),
            tenant,
            &self.rules,
        )
        .await?;
        let statements = sqlx::query(
            "DELETE FROM learner.preference_statement
             WHERE tenant = $1 AND ((scope = 'user' AND subject = $2) OR task_id = ANY($3))",
        );
        let statements = statements
            .bind(tenant)
            .bind(user)
            .bind(&tasks)
            .execute(&mut *transaction)
            .await?;
        // What they stated for others holds on, and no longer says who stated it.
        let unnamed =
            sqlx::query("UPDATE learner.preference_statement SET actor = '' WHERE tenant = $1 AND actor = $2");
        unnamed.bind(tenant).bind(user).execute(&mut *transaction).await?;
        let unnamed = sqlx::query("UPDATE learner.pattern_change SET actor = '' WHERE tenant = $1 AND actor = $2");
        unnamed.bind(tenant).bind(user).execute(&mut *transaction).await?;
        let unnamed = sqlx::query(
            "UPDATE learner.metric_point p SET actor = '' FROM learner.metric_series s
             WHERE s.series_id = p.series_id AND s.tenant = $1 AND p.actor = $2",
        );
        unnamed.bind(tenant).bind(user).execute(&mut *transaction).await?;
        let uses = sqlx::query(
            "DELETE FROM learner.preference_use
             WHERE tenant = $1 AND (task_id = ANY($3) OR (scope = 'user' AND subject = $2))",
        );
        let uses = uses
            .bind(tenant)
            .bind(user)
            .bind(&tasks)
            .execute(&mut *transaction)
            .await?;
        let told =
            sqlx::query("DELETE FROM learner.preference_offer WHERE tenant = $1 AND scope = 'user' AND subject = $2");
        told.bind(tenant).bind(user).execute(&mut *transaction).await?;
        super::rollouts::forget(&mut transaction, tenant, user).await?;
        super::erasure_orders::order(&mut transaction, tenant, user).await?;
        super::erasing::forget_training(&mut transaction, tenant, &tasks).await?;
        super::issues::forget(&mut transaction, tenant, user, &tasks).await?;
        gate_words::forget(&mut transaction, tenant, user).await?;
        drop_tasks(&mut transaction, &tasks).await?;
        transaction.commit().await?;
        Ok(Erased {
            records: tasks.len() as u64,
            statements: statements.rows_affected(),
            feedback: said.len() as u64,
            uses: uses.rows_affected(),
            patterns,
            exports: 0,
        })
    }

    /// Deletes exports that may have something of users erased since. One that is being written holds its row: nobody waits for
    /// it, nobody sees it any more, and a later call deletes it.
    ///
    /// # Errors
    /// When the database does not take it; nothing is deleted then.
    pub async fn drop_erased_exports(&self) -> Result<u64, StoreError> {
        let dropped = self.drop_exports(None).await;
        dropped.map_err(StoreError::query("drop exports with something of erased users"))
    }

    async fn drop_exports(&self, tenant: Option<&str>) -> Result<u64, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let delete = sqlx::query(
            "DELETE FROM learner.export WHERE export_id IN (
                 SELECT e.export_id FROM learner.export e
                 WHERE e.tenant IN (SELECT tenant FROM learner.erased_user WHERE exports_from IS NOT NULL)
                   AND ($1::text IS NULL OR e.tenant = $1) AND learner.is_to_be_dropped(e) FOR UPDATE SKIP LOCKED)",
        );
        let dropped = delete.bind(tenant).execute(&mut *transaction).await?;
        // After that, so that no job begins with an export that is going.
        super::fine_tunes::withdraw(&mut transaction, tenant).await?;
        let done = sqlx::query(
            "UPDATE learner.erased_user u SET exports_from = NULL
             WHERE exports_from IS NOT NULL
               AND NOT EXISTS (SELECT FROM learner.export e WHERE e.tenant = u.tenant AND learner.is_to_be_dropped(e))",
        );
        done.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(dropped.rows_affected())
    }
}

/// Reads who asked for some of a tenant's tasks of which that is not known, and who wrote about them. False: there are none. Under the lock of learning.
async fn read_authors(connection: &mut PgConnection, tenant: &str) -> Result<bool, sqlx::Error> {
    let select =
        sqlx::query("SELECT task_id, record FROM learner.record WHERE tenant = $1 AND author IS NULL LIMIT $2");
    let rows = select.bind(tenant).bind(PAGE).fetch_all(&mut *connection).await?;
    let (mut authors, mut said) = (Vec::new(), Vec::new());
    for row in &rows {
        let (task, raw): (Uuid, String) = (row.try_get(0)?, row.try_get(1)?);
        let raw: Value = serde_json::from_str(&raw).unwrap_or_default();
        authors.push((task, json::author(&raw)));
        said.push((task, tenant.to_owned(), speakers(&raw)));
    }
    note_authors(connection, &authors).await?;
    gate_words::note(connection, &said).await?;
    Ok(!authors.is_empty())
}

/// Events of patterns no longer say that it was this user's word. Before anything else of them is forgotten.
async fn untell(connection: &mut PgConnection, tenant: &str, user: &str) -> Result<(), sqlx::Error> {
    // Not in the database: its JSON has no NUL, which a note may have.
    let select = sqlx::query(
        "SELECT task_id, sequence, body FROM learner.event
         WHERE task_id IN (SELECT pattern_id FROM learner.pattern_change WHERE tenant = $1 AND actor = $2)",
    );
    for row in select.bind(tenant).bind(user).fetch_all(&mut *connection).await? {
        let body: String = row.try_get("body")?;
        let Ok(mut body) = serde_json::from_str::<Value>(&body) else {
            continue;
        };
        let Some(actor) = body
            .pointer_mut("/data/actor")
            .filter(|actor| actor.as_str() == Some(user))
        else {
            continue;
        };
        *actor = Value::Null;
        let update = sqlx::query("UPDATE learner.event SET body = $3 WHERE task_id = $1 AND sequence = $2");
        let (pattern, sequence): (Uuid, i64) = (row.try_get("task_id")?, row.try_get("sequence")?);
        let update = update.bind(pattern).bind(sequence).bind(body.to_string());
        update.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The stone says who by a hash alone, since when, and from when until when exports may have something of theirs. Under the lock
/// that whoever notes an export waits for: one that is noted later reads what is left.
async fn bury(connection: &mut PgConnection, tenant: &str, user: &str, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let upsert = sqlx::query(
        "INSERT INTO learner.erased_user AS u (tenant, user_hash, erased_at, exports_from, exports_until)
         SELECT $1, sha256(convert_to($2, 'UTF8')), $3,
                least((SELECT min(ingested_at) FROM learner.record WHERE tenant = $1 AND author = $2),
                      (SELECT min(created_at) FROM learner.feedback WHERE tenant = $1 AND actor = $2),
                      (SELECT min(ingested_at) FROM learner.record r JOIN learner.gate_words w USING (task_id)
                       WHERE w.tenant = $1 AND w.said_by = sha256(convert_to($2, 'UTF8')))),
                clock_timestamp()
         ON CONFLICT (tenant, user_hash) DO UPDATE SET erased_at = greatest(u.erased_at, excluded.erased_at),
             exports_from = least(u.exports_from, excluded.exports_from), exports_until = excluded.exports_until",
    );
    upsert
        .bind(tenant)
        .bind(user)
        .bind(now)
        .execute(connection)
        .await
        .map(drop)
}

/// The tasks themselves, and that nobody asks for them again.
async fn drop_tasks(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM learner.record WHERE task_id = ANY($1)",
        "DELETE FROM learner.feedback WHERE task_id = ANY($1)",
        "DELETE FROM learner.set_aside WHERE task_id = ANY($1)",
        "DELETE FROM learner.offer WHERE task_id = ANY($1)",
        "DELETE FROM learner.metric_level WHERE task_id = ANY($1)",
        "DELETE FROM learner.issue_offer WHERE task_id = ANY($1)",
        "DELETE FROM learner.preference_offer WHERE task_id = ANY($1)",
        "INSERT INTO learner.erased_task SELECT sha256(uuid_send(id)) FROM unnest($1::uuid[]) AS n(id) ON CONFLICT DO NOTHING",
    ] {
        sqlx::query(statement).bind(tasks).execute(&mut *connection).await?;
    }
    Ok(())
}
