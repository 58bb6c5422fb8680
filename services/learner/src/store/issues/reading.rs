//! Ended tasks are read once for what went wrong in them.

use super::note_news;
use crate::issues::{Kind, MOST_NAME_CHARS, Reading, cleaned, hint_key, id, read, shortened};
use crate::scrub::Scrubber;
use crate::store::erasure::guard;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Records read with one transaction.
const PAGE: i64 = 64;

/// Whose record was read.
struct Ended {
    task: Uuid,
    tenant: String,
    finished_at: DateTime<Utc>,
    /// It came to an end that says how good its plan was.
    is_judged: bool,
}

impl Store {
    /// Reads tasks that nobody read yet: those that a plan can be judged by, and all that were told of issues or not by
    /// lot, however they ended; some at a time. False: none is left. `scrubber` takes out of hints what must not
    /// be told.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_issues(&self, scrubber: &Scrubber) -> Result<bool, StoreError> {
        let read_all = async {
            let mut transaction = self.pool.begin().await?;
            guard(&mut transaction).await?;
            let mut rows = taken(&mut transaction, OF_EVIDENCE).await?;
            let more = rows.len() as i64 == PAGE;
            let offered = taken(&mut transaction, OF_OFFERS).await?;
            let more = more || !offered.is_empty();
            rows.extend(offered);
            let mut tenants = Vec::new();
            for row in rows
                .iter()
                .filter(|row| row.try_get::<&str, _>("record").is_ok_and(|raw| !raw.is_empty()))
            {
                let ended = Ended {
                    task: row.try_get("task_id")?,
                    tenant: row.try_get("tenant")?,
                    finished_at: row.try_get("finished_at")?,
                    is_judged: row.try_get("is_judged")?,
                };
                let mut reading = kept(read(row.try_get("record")?), scrubber);
                if !ended.is_judged {
                    // Of those that were told nothing no such task is read: it says nothing of how frequent an issue is.
                    (reading.tools, reading.open_to) = Default::default();
                }
                keep(&mut transaction, &ended, &reading).await?;
                tenants.push(ended.tenant);
            }
            note_news(&mut transaction, &tenants).await?;
            transaction.commit().await?;
            Ok(more)
        };
        read_all
            .await
            .map_err(StoreError::query("read what went wrong in tasks"))
    }
}

/// Whoever locks a row reads it.
const OF_EVIDENCE: &str = "UPDATE learner.evidence e SET issues_read = true FROM (
         SELECT task_id FROM learner.evidence n
         WHERE NOT issues_read AND EXISTS (SELECT FROM learner.record k WHERE k.task_id = n.task_id)
         ORDER BY task_id LIMIT $1 FOR UPDATE SKIP LOCKED
     ) AS next JOIN learner.record r USING (task_id)
     WHERE e.task_id = next.task_id
     RETURNING e.task_id, e.tenant, e.finished_at, r.record, true AS is_judged";

/// Of those with evidence no record: they are read by it.
const OF_OFFERS: &str = "WITH next AS (
         SELECT task_id, issue_id FROM learner.issue_offer n
         WHERE NOT is_read AND EXISTS (SELECT FROM learner.record k WHERE k.task_id = n.task_id)
         ORDER BY task_id, issue_id LIMIT $1 FOR UPDATE SKIP LOCKED
     ), taken AS (
         UPDATE learner.issue_offer o SET is_read = true FROM next WHERE (o.task_id, o.issue_id) = (next.task_id, next.issue_id)
         RETURNING o.task_id
     )
     SELECT r.task_id, r.tenant, r.finished_at, false AS is_judged,
            CASE WHEN EXISTS (SELECT FROM learner.evidence e WHERE e.task_id = r.task_id) THEN '' ELSE r.record END AS record
     FROM learner.record r WHERE task_id IN (SELECT task_id FROM taken)";

async fn taken(connection: &mut PgConnection, statement: &'static str) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::query(statement).bind(PAGE).fetch_all(connection).await
}

/// As it may be kept: names bounded, hints scrubbed.
fn kept(reading: Reading, scrubber: &Scrubber) -> Reading {
    let name = |text: &str| shortened(&cleaned(scrubber, text), MOST_NAME_CHARS);
    let sightings = reading.sightings.into_iter().map(|mut sighting| {
        sighting.kind = Kind {
            code: sighting.kind.code,
            tool: storable(&sighting.kind.tool),
            condition: name(&sighting.kind.condition),
        };
        sighting.step_key = storable(&sighting.step_key);
        sighting.hint = cleaned(scrubber, &sighting.hint);
        sighting
    });
    Reading {
        sightings: sightings.collect(),
        tools: reading.tools.iter().map(|tool| storable(tool)).collect(),
        ..reading
    }
}

/// The database holds no NUL.
fn storable(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(MOST_NAME_CHARS).collect()
}

async fn keep(connection: &mut PgConnection, ended: &Ended, reading: &Reading) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO learner.issue_reading (task_id, tenant, finished_at, tools, open_to, counts)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    );
    let insert = insert
        .bind(ended.task)
        .bind(&ended.tenant)
        .bind(ended.finished_at)
        .bind(reading.tools.iter().cloned().collect::<Vec<String>>())
        .bind(reading.open_to.iter().map(|code| code.as_str()).collect::<Vec<&str>>())
        .bind(reading.counts);
    insert.execute(&mut *connection).await?;
    for sighting in &reading.sightings {
        let insert = sqlx::query(
            "INSERT INTO learner.issue_sighting (task_id, issue_id, tenant, code, tool, condition, step_key, round, times,
                                                 hint, hint_key, source, repaired, finished_at, said_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, sha256(convert_to($15, 'UTF8')))
             ON CONFLICT DO NOTHING",
        );
        let issue = id(&ended.tenant, &sighting.kind);
        let insert = insert
            .bind(ended.task)
            .bind(issue)
            .bind(&ended.tenant)
            .bind(sighting.kind.code.as_str())
            .bind(&sighting.kind.tool)
            .bind(&sighting.kind.condition)
            .bind(&sighting.step_key)
            .bind(i32::try_from(sighting.round).unwrap_or(i32::MAX))
            .bind(i32::try_from(sighting.times).unwrap_or(i32::MAX))
            .bind(&sighting.hint)
            .bind(hint_key(issue, &sighting.hint))
            .bind(sighting.source.as_str())
            .bind(sighting.repaired)
            .bind(ended.finished_at)
            .bind(&sighting.said_by);
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}
