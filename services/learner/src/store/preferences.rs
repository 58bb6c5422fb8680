//! Statements: appended, and read as of a time.

use super::{Store, StoreError};
use crate::preferences::{Scope, Source, Statement, Viewpoint};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{PgExecutor, Row};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What tasks showed of one user, and of all of a tenant's, that counts at most: older ones weigh nothing, and planning
/// does not wait for more to be read.
const SHOWN_OF_USER: i64 = 1_000;
const SHOWN_IN_TENANT: i64 = 2_000;
/// Stated preferences of one subject that hold at most: each of them is told to each planning.
pub const MOST_STATED: usize = 64;
/// Statements of people that a history shows at most.
const MOST_STATEMENTS: i64 = 1_000;

/// A statement to append.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStatement {
    pub tenant: String,
    pub scope: Scope,
    pub subject: String,
    pub key: String,
    /// None: taken back.
    pub value: Option<Value>,
    pub source: Source,
    pub against: bool,
    pub weight: f64,
    pub valid_at: DateTime<Utc>,
    /// The task that shows it, and what of it.
    pub shown: Option<(Uuid, String)>,
    /// Who stated what is not their own.
    pub actor: String,
}

/// Why a statement is not appended.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Each of them would be told to each planning.
    #[error("more than {MOST_STATED} preferences would hold")]
    TooMany,
    /// A later word on the same is known.
    #[error("{key} was stated at {at}, which is later")]
    Superseded { key: String, at: DateTime<Utc> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub tenant: &'a str,
    pub view: &'a Viewpoint,
    /// Every statement, and not the last one alone.
    pub history: bool,
}

impl Store {
    /// The statements that tell what holds for somebody at a time, those of all users among them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn statements(&self, wanted: Wanted<'_>) -> Result<Vec<Statement>, StoreError> {
        let read = async {
            let mut found = stated(&self.pool, wanted).await?;
            if wanted.history {
                let known: BTreeSet<Uuid> = found.iter().map(|statement| statement.id).collect();
                let past = past(&self.pool, wanted).await?.into_iter();
                found.extend(past.filter(|statement| !known.contains(&statement.id)));
            }
            found.extend(shown(&self.pool, wanted).await?);
            Ok(found)
        };
        read.await.map_err(StoreError::query("read preferences"))
    }

    /// Appends what somebody states. What holds already is not stated again. Tells what is new.
    ///
    /// # Errors
    /// When too much would hold, a later word is known, or the database does not take it.
    pub async fn state(&self, statements: &[NewStatement]) -> Result<usize, StateError> {
        let failed = StoreError::query("note preferences");
        let mut new = Vec::new();
        let append = async {
            let mut transaction = self.pool.begin().await?;
            let Some(first) = statements.first() else {
                return Ok(Ok(0));
            };
            let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
            let subject = format!(
                "preferences {} {} {}",
                first.tenant,
                first.scope.as_str(),
                first.subject
            );
            lock.bind(subject).execute(&mut *transaction).await?;
            let known = last_stated(&mut transaction, first).await?;
            for statement in statements {
                let before = known.iter().find(|(key, ..)| *key == statement.key);
                if let Some((key, _, at)) = before
                    && *at > statement.valid_at
                {
                    let (key, at) = (key.clone(), *at);
                    return Ok(Err(StateError::Superseded { key, at }));
                }
                if before.and_then(|(_, value, _)| value.as_ref()) != statement.value.as_ref() {
                    new.push(statement.clone());
                }
            }
            let untouched = known
                .iter()
                .filter(|(key, value, _)| value.is_some() && !new.iter().any(|statement| statement.key == *key));
            let hold = untouched.count() + new.iter().filter(|statement| statement.value.is_some()).count();
            if hold > MOST_STATED && new.iter().any(|statement| statement.value.is_some()) {
                return Ok(Err(StateError::TooMany));
            }
            append(&mut transaction, &new).await?;
            transaction.commit().await?;
            Ok(Ok(new.len()))
        };
        append.await.map_err(failed)?
    }
}

/// Of one subject: key, what was stated last (none: taken back), and when.
async fn last_stated(
    connection: &mut PgConnection,
    of: &NewStatement,
) -> Result<Vec<(String, Option<Value>, DateTime<Utc>)>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT DISTINCT ON (key) key, value, valid_at FROM learner.preference_statement
         WHERE tenant = $1 AND scope = $2 AND subject = $3 AND source = 'explicit'
         ORDER BY key, valid_at DESC, recorded_at DESC, statement_id DESC",
    );
    let rows = select
        .bind(&of.tenant)
        .bind(of.scope.as_str())
        .bind(&of.subject)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, json(row.try_get(1)?), row.try_get(2)?)))
        .collect()
}

/// Appends; what a task shows once stays as it is.
pub(super) async fn append(connection: &mut PgConnection, statements: &[NewStatement]) -> Result<(), sqlx::Error> {
    if statements.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&NewStatement) -> String| statements.iter().map(of).collect::<Vec<String>>();
    let insert = sqlx::query(
        "INSERT INTO learner.preference_statement
             (statement_id, tenant, scope, subject, key, value, source, against, weight, valid_at, task_id, origin, actor)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[],
                              $9::float8[], $10::timestamptz[], $11::uuid[], $12::text[], $13::text[])
         ON CONFLICT (task_id, origin, subject, key) WHERE task_id IS NOT NULL DO NOTHING",
    );
    let values: Vec<Option<String>> = statements
        .iter()
        .map(|s| s.value.as_ref().map(Value::to_string))
        .collect();
    let insert = insert
        .bind(statements.iter().map(|_| service::ids::v7()).collect::<Vec<Uuid>>())
        .bind(column(|s| s.tenant.clone()))
        .bind(column(|s| s.scope.as_str().to_owned()))
        .bind(column(|s| s.subject.clone()))
        .bind(column(|s| s.key.clone()))
        .bind(values)
        .bind(column(|s| s.source.as_str().to_owned()))
        .bind(statements.iter().map(|s| s.against).collect::<Vec<bool>>())
        .bind(statements.iter().map(|s| s.weight).collect::<Vec<f64>>())
        .bind(statements.iter().map(|s| s.valid_at).collect::<Vec<DateTime<Utc>>>())
        .bind(
            statements
                .iter()
                .map(|s| s.shown.as_ref().map(|(task, _)| *task))
                .collect::<Vec<_>>(),
        )
        .bind(
            statements
                .iter()
                .map(|s| s.shown.as_ref().map(|(_, what)| what.clone()))
                .collect::<Vec<_>>(),
        )
        .bind(column(|s| s.actor.clone()));
    insert.execute(connection).await.map(drop)
}

/// What holds, however much was stated since or of other things: so little that there is no need of a limit.
async fn stated(connection: impl PgExecutor<'_>, wanted: Wanted<'_>) -> Result<Vec<Statement>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT * FROM (
             SELECT DISTINCT ON (scope, subject, key) * FROM learner.preference_statement
             WHERE tenant = $1 AND source = 'explicit' AND valid_at <= $4
               AND ($5::timestamptz IS NULL OR recorded_at <= $5)
               AND ((scope = 'user' AND subject = $2) OR (scope = 'team' AND subject = ANY($3)) OR scope = 'tenant')
             ORDER BY scope, subject, key, valid_at DESC, recorded_at DESC, statement_id DESC
         ) AS last
         WHERE value IS NOT NULL",
    );
    let rows = select
        .bind(wanted.tenant)
        .bind(&wanted.view.user)
        .bind(wanted.view.teams.keys().cloned().collect::<Vec<String>>())
        .bind(wanted.view.at)
        .bind(wanted.view.known_at)
        .fetch_all(connection)
        .await?;
    rows.iter().map(statement).collect()
}

/// What was stated, the newest first.
async fn past(connection: impl PgExecutor<'_>, wanted: Wanted<'_>) -> Result<Vec<Statement>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT * FROM learner.preference_statement
         WHERE tenant = $1 AND source = 'explicit' AND valid_at <= $4
           AND ($5::timestamptz IS NULL OR recorded_at <= $5)
           AND ((scope = 'user' AND subject = $2) OR (scope = 'team' AND subject = ANY($3)) OR scope = 'tenant')
         ORDER BY valid_at DESC, recorded_at DESC, statement_id DESC LIMIT $6",
    );
    let rows = select
        .bind(wanted.tenant)
        .bind(&wanted.view.user)
        .bind(wanted.view.teams.keys().cloned().collect::<Vec<String>>())
        .bind(wanted.view.at)
        .bind(wanted.view.known_at)
        .bind(MOST_STATEMENTS)
        .fetch_all(connection)
        .await?;
    rows.iter().map(statement).collect()
}

async fn shown(connection: impl PgExecutor<'_>, wanted: Wanted<'_>) -> Result<Vec<Statement>, sqlx::Error> {
    let select = sqlx::query(
        "(SELECT * FROM learner.preference_statement
          WHERE tenant = $1 AND subject = $2 AND source <> 'explicit' AND valid_at <= $3
            AND ($4::timestamptz IS NULL OR recorded_at <= $4)
          ORDER BY valid_at DESC LIMIT $5)
         UNION
         (SELECT * FROM learner.preference_statement
          WHERE tenant = $1 AND source <> 'explicit' AND valid_at <= $3
            AND ($4::timestamptz IS NULL OR recorded_at <= $4)
          ORDER BY valid_at DESC LIMIT $6)",
    );
    let rows = select
        .bind(wanted.tenant)
        .bind(&wanted.view.user)
        .bind(wanted.view.at)
        .bind(wanted.view.known_at)
        .bind(SHOWN_OF_USER)
        .bind(SHOWN_IN_TENANT)
        .fetch_all(connection)
        .await?;
    rows.iter().map(statement).collect()
}

fn statement(row: &PgRow) -> Result<Statement, sqlx::Error> {
    let unknown = |what: &str| sqlx::Error::Decode(format!("{what} is none").into());
    let (scope, source): (String, String) = (row.try_get("scope")?, row.try_get("source")?);
    Ok(Statement {
        id: row.try_get("statement_id")?,
        scope: Scope::parse(&scope).ok_or_else(|| unknown(&scope))?,
        subject: row.try_get("subject")?,
        key: row.try_get("key")?,
        value: json(row.try_get("value")?),
        source: Source::parse(&source).ok_or_else(|| unknown(&source))?,
        against: row.try_get("against")?,
        weight: row.try_get("weight")?,
        valid_at: row.try_get("valid_at")?,
        recorded_at: row.try_get("recorded_at")?,
        task: row.try_get("task_id")?,
    })
}

fn json(text: Option<String>) -> Option<Value> {
    serde_json::from_str(&text?).ok()
}

#[cfg(test)]
impl Store {
    /// Every statement, without ids and without when it was written; of feedback that is when it was said.
    pub async fn all_statements(&self) -> Vec<String> {
        let select = sqlx::query_scalar(
            "SELECT concat_ws(' ', tenant, scope, subject, key, coalesce(value, 'null'), source, against, weight, task_id,
                              CASE WHEN origin IN ('request', 'edit', 'decision') THEN origin || ' ' || valid_at ELSE 'said' END)
             FROM learner.preference_statement
             ORDER BY tenant, task_id, subject, key, source, origin IN ('request', 'edit', 'decision') DESC, valid_at",
        );
        select.fetch_all(&self.pool).await.unwrap()
    }

    /// As a learner of before there were preferences wrote it, with a text put before its request.
    pub async fn as_before_the_upgrade(&self, task: workflow::ids::TaskId, put: &str) {
        let update = sqlx::query(
            "UPDATE learner.record SET author = NULL, studied = false, record = '{\"note\":\"' || $2 || '\",' || substr(record, 2)
             WHERE task_id = $1",
        );
        let done = update.bind(task.0).bind(put).execute(&self.pool).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    /// An event of a pattern, whatever its body.
    pub async fn plant_event(&self, pattern: Uuid, body: &Value) {
        let insert = sqlx::query(
            "INSERT INTO learner.event (task_id, sequence, batch, subject, body) VALUES ($1, 1, 1, 'a.subject', $2)",
        );
        insert
            .bind(pattern)
            .bind(body.to_string())
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Rows of all tables with a text in them.
    pub async fn rows_with(&self, text: &str) -> Vec<String> {
        let select = sqlx::query_scalar(
            "SELECT line FROM (
                 SELECT 'record ' || to_jsonb(t)::text AS line FROM learner.record t
                 UNION ALL SELECT 'feedback ' || to_jsonb(t)::text FROM learner.feedback t
                 UNION ALL SELECT 'statement ' || to_jsonb(t)::text FROM learner.preference_statement t
                 UNION ALL SELECT 'told ' || to_jsonb(t)::text FROM learner.preference_offer t
                 UNION ALL SELECT 'use ' || to_jsonb(t)::text FROM learner.preference_use t
                 UNION ALL SELECT 'evidence ' || to_jsonb(t)::text FROM learner.evidence t
                 UNION ALL SELECT 'fragment ' || to_jsonb(t)::text FROM learner.fragment t
                 UNION ALL SELECT 'sign ' || to_jsonb(t)::text FROM learner.fragment_sign t
                 UNION ALL SELECT 'pattern ' || to_jsonb(t)::text FROM learner.pattern t
                 UNION ALL SELECT 'erased ' || to_jsonb(t)::text FROM learner.erased_user t
                 UNION ALL SELECT 'change ' || to_jsonb(t)::text FROM learner.pattern_change t
                 UNION ALL SELECT 'event ' || to_jsonb(t)::text FROM learner.event t
                 UNION ALL SELECT 'case ' || to_jsonb(t)::text FROM learner.training_case t
                 UNION ALL SELECT 'imported ' || to_jsonb(t)::text FROM learner.imported t
                 UNION ALL SELECT 'point ' || to_jsonb(t)::text FROM learner.metric_point t
                 UNION ALL SELECT 'level ' || to_jsonb(t)::text FROM learner.metric_level t
                 UNION ALL SELECT 'set aside ' || to_jsonb(t)::text FROM learner.set_aside t
                 UNION ALL SELECT 'export ' || tenant || convert_from(bytes, 'UTF8')
                           FROM learner.export_chunk JOIN learner.export USING (export_id)
             ) AS lines WHERE position($1 IN line) > 0",
        );
        select.bind(text).fetch_all(&self.pool).await.unwrap()
    }
}
