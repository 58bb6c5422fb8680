//! Learning from records that are kept already.

use super::{Planless, Studied, column, forget, fragments, learn, lock, reconsider_parts};
use crate::lesson::{Facts, Foreseen, is_planless, lesson};
use crate::preferences::taught;
use crate::record::json;
use crate::record::said::speakers;
use crate::store::gate_words;
use crate::store::preference_uses::{self, Shown};
use crate::store::{Store, StoreError};
use serde_json::Value;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Records studied with one transaction.
const PAGE: i64 = 64;
/// Records that something is not known of, the first to end first. Each reason has an index in that order; with all of them in
/// one condition every page would sort what is left.
const UNREAD: &str = "
    SELECT task_id, tenant, quality, passed, finished_at, record FROM learner.record
    WHERE task_id = ANY(ARRAY(
        SELECT task_id FROM (
            (SELECT finished_at, task_id FROM learner.record WHERE NOT studied ORDER BY finished_at, task_id LIMIT $1)
            UNION
            (SELECT finished_at, task_id FROM learner.record WHERE author IS NULL ORDER BY finished_at, task_id LIMIT $1)
            UNION
            (SELECT finished_at, task_id FROM learner.record WHERE NOT mined ORDER BY finished_at, task_id LIMIT $1)
        ) AS unread ORDER BY finished_at, task_id LIMIT $1
    ))
    ORDER BY finished_at, task_id FOR UPDATE SKIP LOCKED";

impl Store {
    /// Learns from records that were kept before there was anything to learn; some at a time. False: none is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn study(&self, least: f64) -> Result<bool, StoreError> {
        let study = async {
            let mut transaction = self.pool.begin().await?;
            // Before any row is locked: whoever erases rows holds it, too.
            lock(&mut transaction).await?;
            let overlooked = fragments::overlooked(&mut transaction).await?;
            if !overlooked.is_empty() {
                let (erased, changed): (Vec<_>, Vec<_>) = overlooked.into_iter().partition(|found| found.erased);
                forget(&mut transaction, &column(&erased, |found| found.task), &self.rules).await?;
                for found in changed {
                    reconsider_parts(&mut transaction, found.task, &self.rules).await?;
                }
                transaction.commit().await?;
                return Ok(true);
            }
            let rows = sqlx::query(UNREAD).bind(PAGE).fetch_all(&mut *transaction).await?;
            if rows.is_empty() {
                return Ok(false);
            }
            let mut lessons = Vec::new();
            let mut facts = Vec::new();
            let mut authors = Vec::new();
            let mut said = Vec::new();
            let mut planless = Vec::new();
            let mut shown = Vec::new();
            for row in &rows {
                let (task, raw): (Uuid, String) = (row.try_get("task_id")?, row.try_get("record")?);
                let tenant: String = row.try_get("tenant")?;
                if is_planless(&raw) {
                    planless.push(Planless {
                        task,
                        tenant: tenant.clone(),
                        finished_at: row.try_get("finished_at")?,
                    });
                }
                let read: Value = serde_json::from_str(&raw).unwrap_or_default();
                authors.push((task, json::author(&read)));
                said.push((task, tenant.clone(), speakers(&read)));
                shown.extend(taught(&read).map(|taught| Shown {
                    task,
                    tenant: tenant.clone(),
                    finished_at: row.try_get("finished_at").unwrap_or_default(),
                    taught,
                }));
                facts.push((task, facts_of(&raw, row.try_get("passed")?)));
                lessons.extend(lesson(&tenant, &raw, least).map(|lesson| Studied {
                    task,
                    quality: row.try_get("quality").ok().flatten(),
                    finished_at: row.try_get("finished_at").unwrap_or_default(),
                    tenant,
                    lesson,
                }));
            }
            note_authors(&mut transaction, &authors).await?;
            gate_words::note(&mut transaction, &said).await?;
            note_facts(&mut transaction, &facts).await?;
            learn(&mut transaction, &lessons, &planless, &self.rules).await?;
            preference_uses::learn(&mut transaction, &shown).await?;
            transaction.commit().await?;
            Ok(true)
        };
        study.await.map_err(StoreError::query("study records"))
    }
}

/// Notes who asked for tasks of which that is not known.
pub(in crate::store) async fn note_authors(
    connection: &mut PgConnection,
    authors: &[(Uuid, String)],
) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.record r SET author = n.author
         FROM unnest($1::uuid[], $2::text[]) AS n(task_id, author)
         WHERE r.task_id = n.task_id AND r.author IS NULL",
    );
    let update = update
        .bind(column(authors, |(task, _)| *task))
        .bind(column(authors, |(_, author)| author.clone()));
    update.execute(connection).await.map(drop)
}

fn facts_of(raw: &str, passed: Option<bool>) -> Facts {
    let raw: Value = serde_json::from_str(raw).unwrap_or_default();
    let refinements = raw.pointer("/task/refinements").and_then(Value::as_u64);
    let usd = raw.pointer("/task/cost/usd").and_then(Value::as_f64);
    let gates = raw.get("gates").unwrap_or(&Value::Null);
    let teaches = raw.get("engine").and_then(Value::as_str) != Some("null");
    Facts {
        foreseen: if teaches {
            Foreseen::of(&raw)
        } else {
            Foreseen::default()
        },
        ..Facts::of(refinements.unwrap_or_default(), usd, gates, passed)
    }
}

async fn note_facts(connection: &mut PgConnection, facts: &[(Uuid, Facts)]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.record r SET studied = true, mined = true, refinements = n.refinements, usd = n.usd,
                escalated = n.escalated, overridden = n.overridden, forecast_quality = n.forecast_quality,
                forecast_usd = n.forecast_usd, steps_usd = n.steps_usd, forecast_seconds = n.forecast_seconds,
                steps_seconds = n.steps_seconds
         FROM unnest($1::uuid[], $2::int[], $3::float8[], $4::bool[], $5::bool[], $6::float8[], $7::float8[],
                     $8::float8[], $9::float8[], $10::float8[])
              AS n(task_id, refinements, usd, escalated, overridden, forecast_quality, forecast_usd, steps_usd,
                   forecast_seconds, steps_seconds)
         WHERE r.task_id = n.task_id",
    );
    let update = update
        .bind(column(facts, |(task, _)| *task))
        .bind(column(facts, |(_, facts)| facts.refinements))
        .bind(column(facts, |(_, facts)| facts.usd))
        .bind(column(facts, |(_, facts)| facts.escalated))
        .bind(column(facts, |(_, facts)| facts.overridden))
        .bind(column(facts, |(_, facts)| facts.foreseen.quality))
        .bind(column(facts, |(_, facts)| facts.foreseen.usd.map(|usd| usd.expected)))
        .bind(column(facts, |(_, facts)| facts.foreseen.usd.map(|usd| usd.actual)))
        .bind(column(facts, |(_, facts)| {
            facts.foreseen.seconds.map(|seconds| seconds.expected)
        }))
        .bind(column(facts, |(_, facts)| {
            facts.foreseen.seconds.map(|seconds| seconds.actual)
        }));
    update.execute(connection).await.map(drop)
}

#[cfg(test)]
impl Store {
    /// How the database looks for records to study where so many are left of many; made in the database.
    pub async fn way_to_unread(&self, records: i32) -> String {
        let mut transaction = self.pool.begin().await.unwrap();
        let insert = sqlx::query(
            "INSERT INTO learner.record (task_id, tenant, status, finished_at, record, studied, mined, author)
             SELECT gen_random_uuid(), 'default', 'completed', now() - n * interval '1 minute', '{}', true, n % 2 = 0, ''
             FROM generate_series(1, $1) AS n",
        );
        insert.bind(records).execute(&mut *transaction).await.unwrap();
        sqlx::query("ANALYZE learner.record")
            .execute(&mut *transaction)
            .await
            .unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {}", UNREAD.replace("$1", "64")));
        let lines: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut *transaction).await.unwrap();
        lines.join("\n")
    }

    /// As after an upgrade from before there were patterns; feedback and offers stay.
    pub async fn forget_patterns(&self) {
        for statement in [
            "TRUNCATE learner.pattern, learner.pattern_meaning, learner.evidence, learner.pattern_use, learner.fragment,
                      learner.fragment_sign, learner.fragment_stale",
            "UPDATE learner.record SET studied = false, author = NULL, refinements = NULL, usd = NULL, escalated = NULL, overridden = NULL,
                    forecast_quality = NULL, forecast_usd = NULL, steps_usd = NULL, forecast_seconds = NULL, steps_seconds = NULL",
        ] {
            sqlx::query(statement).execute(&self.pool).await.unwrap();
        }
    }
}
