//! What sightings, readings and offers come to: made again whole each time, so that it never is anything else than what
//! the rows say.

use super::tenants::{note_news, take_news};
use super::{count, offers_of};
use crate::interval::Share;
use crate::issues::standing::{Figures, Hint, MOST_HINTS, REMEMBERED, Standing, Tried, standing};
use crate::store::erasure::guard;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Issues of a tenant, those seen in most tasks of late.
const MOST_ISSUES: i64 = 200;
/// Tasks of a tenant whose shares are counted, the latest.
const MOST_TASKS: i64 = 4_000;
/// Sightings of a tenant that are looked at, the latest: settling takes no longer for a longer past.
const MOST_SIGHTINGS: i64 = 20_000;
/// Offers of a hint that are counted, the latest.
const MOST_OFFERS: i64 = 20_000;

/// What was seen of an issue, beside what its standing is decided by.
struct Seen {
    id: Uuid,
    code: String,
    tool: String,
    condition: String,
    seen: i64,
    tasks: i64,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    rate: Share,
}

impl Store {
    /// Settles a tenant's issues.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn settle_issues(&self, tenant: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let all = async {
            let mut transaction = self.pool.begin().await?;
            // What is erased while this is written would come back.
            guard(&mut transaction).await?;
            take_news(&mut transaction, tenant, now).await?;
            settle(&mut transaction, tenant, now).await?;
            transaction.commit().await
        };
        all.await.map_err(StoreError::query("settle issues"))
    }
}

/// Forgets the words of tasks that are about to be erased, and what the user said about others' tasks, where nobody else said the
/// same; the figures are settled afterwards. Alone with the rows.
pub async fn forget(
    connection: &mut PgConnection,
    tenant: &str,
    user: &str,
    tasks: &[Uuid],
) -> Result<(), sqlx::Error> {
    // Who was told their hint was told something all the same.
    let untell = sqlx::query(
        "WITH theirs AS MATERIALIZED (
             SELECT task_id, issue_id, hint_key FROM learner.issue_sighting WHERE task_id = ANY($1)
             UNION SELECT task_id, issue_id, hint_key FROM learner.issue_sighting
             WHERE tenant = $2 AND said_by = sha256(convert_to($3, 'UTF8'))
         ), words AS MATERIALIZED (
             SELECT DISTINCT issue_id, hint_key FROM theirs t
             WHERE NOT EXISTS (SELECT FROM learner.issue_sighting s WHERE (s.issue_id, s.hint_key) = (t.issue_id, t.hint_key)
                               AND NOT EXISTS (SELECT FROM theirs o WHERE (o.task_id, o.issue_id) = (s.task_id, s.issue_id)))
         ), gone AS (
             DELETE FROM learner.issue i WHERE EXISTS (
                 SELECT FROM words w WHERE w.issue_id = i.issue_id AND (i.hint_key IS NULL OR i.hint_key = w.hint_key))
         ), silenced AS (
             UPDATE learner.issue_sighting s SET hint = '', hint_key = $4, said_by = NULL
             WHERE tenant = $2 AND said_by = sha256(convert_to($3, 'UTF8')) AND task_id <> ALL($1)
         )
         UPDATE learner.issue_offer o SET hint_key = $4 FROM words WHERE (o.issue_id, o.hint_key) = (words.issue_id, words.hint_key)",
    );
    let untell = untell.bind(tasks).bind(tenant).bind(user).bind(Uuid::nil());
    untell.execute(&mut *connection).await?;
    note_news(connection, &[tenant.to_owned()]).await
}

async fn settle(connection: &mut PgConnection, tenant: &str, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let all = seen(connection, tenant, now).await?;
    let ids: Vec<Uuid> = all.iter().map(|seen| seen.id).collect();
    let mut hints = hints(connection, tenant, &ids).await?;
    let settled: Vec<(Seen, Standing)> = all
        .into_iter()
        .map(|seen| {
            let figures = Figures {
                last_seen: seen.last_seen,
                rate: seen.rate,
                hints: hints.remove(&seen.id).unwrap_or_default(),
            };
            (seen, standing(figures, now))
        })
        .collect();
    let delete = sqlx::query("DELETE FROM learner.issue WHERE tenant = $1");
    delete.bind(tenant).execute(&mut *connection).await?;
    for (seen, standing) in &settled {
        write(connection, tenant, seen, standing).await?;
    }
    Ok(())
}

async fn seen(connection: &mut PgConnection, tenant: &str, now: DateTime<Utc>) -> Result<Vec<Seen>, sqlx::Error> {
    let select = sqlx::query(
        "WITH news AS MATERIALIZED (
             SELECT issue_id, code, tool, condition, times, finished_at FROM learner.issue_sighting
             WHERE tenant = $1 ORDER BY finished_at DESC, task_id LIMIT $5
         ), strongest AS (
             SELECT issue_id, min(code) AS code, min(tool) AS tool, min(condition) AS condition, sum(times)::bigint AS seen,
                    count(*) AS tasks, min(finished_at) AS first_seen, max(finished_at) AS last_seen
             FROM news GROUP BY issue_id
             ORDER BY count(*) FILTER (WHERE finished_at >= $2) DESC, count(*) DESC, issue_id LIMIT $3
         ), latest AS (
             SELECT task_id, tools, open_to FROM learner.issue_reading
             WHERE tenant = $1 AND finished_at >= $2 ORDER BY finished_at DESC, task_id LIMIT $4
         ), rates AS (
             SELECT s.issue_id, count(*) AS rate_of, count(x.task_id) AS rate_tasks
             FROM strongest s
             JOIN latest l ON s.tool = ANY(l.tools) AND s.code = ANY(l.open_to)
             LEFT JOIN learner.issue_sighting x ON x.task_id = l.task_id AND x.issue_id = s.issue_id
             WHERE NOT EXISTS (SELECT FROM learner.issue_offer o
                               WHERE o.task_id = l.task_id AND o.issue_id = s.issue_id AND NOT o.withheld)
             GROUP BY s.issue_id
         )
         SELECT s.*, coalesce(rate_of, 0) AS rate_of, coalesce(rate_tasks, 0) AS rate_tasks
         FROM strongest s LEFT JOIN rates USING (issue_id)",
    );
    let select = select
        .bind(tenant)
        .bind(now - REMEMBERED)
        .bind(MOST_ISSUES)
        .bind(MOST_TASKS)
        .bind(MOST_SIGHTINGS);
    let rows = select.fetch_all(connection).await?;
    let read = rows.iter().map(|row| {
        Ok(Seen {
            id: row.try_get("issue_id")?,
            code: row.try_get("code")?,
            tool: row.try_get("tool")?,
            condition: row.try_get("condition")?,
            seen: row.try_get("seen")?,
            tasks: row.try_get("tasks")?,
            first_seen: row.try_get("first_seen")?,
            last_seen: row.try_get("last_seen")?,
            rate: Share {
                hits: count(row, "rate_tasks")?,
                n: count(row, "rate_of")?,
            },
        })
    });
    read.collect()
}

/// Hints in the order in which they are tried: those that repaired it before the others, the oldest first, so that a
/// comparison that runs is not begun again by each new task. A repair of what people dislike is none. What became of a hint
/// is of its words, and counts all that ended, however they were planned: one without a plan, or one that was cancelled, did
/// not go well.
async fn hints(
    connection: &mut PgConnection,
    tenant: &str,
    issues: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<Tried>>, sqlx::Error> {
    let select = sqlx::query(
        "WITH news AS MATERIALIZED (
             SELECT issue_id, hint, hint_key, source, repaired, task_id, finished_at FROM learner.issue_sighting
             WHERE tenant = $1 ORDER BY finished_at DESC, task_id LIMIT $4
         ), said AS (
             SELECT issue_id, hint, hint_key, source, s.task_id, s.finished_at, repaired AND NOT e.withdrawn AS repaired
             FROM news s JOIN learner.evidence e USING (task_id)
             WHERE issue_id = ANY($2) AND hint <> ''
         ), each AS (
             SELECT DISTINCT ON (issue_id, hint_key) * FROM said ORDER BY issue_id, hint_key, repaired DESC, finished_at, task_id
         ), ranked AS (
             SELECT *, row_number() OVER (PARTITION BY issue_id ORDER BY repaired DESC, finished_at, task_id) AS place FROM each
         )
         SELECT r.issue_id, r.hint, r.source, r.hint_key, r.repaired, o.* FROM ranked r, LATERAL (
             SELECT count(*) FILTER (WHERE NOT withheld) AS told,
                    count(*) FILTER (WHERE withheld) AS withheld,
                    count(x.task_id) FILTER (WHERE NOT withheld) AS recurred_told,
                    count(x.task_id) FILTER (WHERE withheld) AS recurred_withheld,
                    count(*) FILTER (WHERE NOT withheld AND succeeded AND NOT withdrawn) AS well_told,
                    count(*) FILTER (WHERE withheld AND succeeded AND NOT withdrawn) AS well_withheld
             FROM (SELECT task_id, issue_id, withheld FROM learner.issue_offer
                   WHERE issue_id = r.issue_id AND hint_key = r.hint_key ORDER BY task_id DESC LIMIT $5) AS o
             JOIN learner.issue_reading g ON g.task_id = o.task_id AND g.counts
             LEFT JOIN learner.evidence e ON e.task_id = o.task_id
             LEFT JOIN learner.issue_sighting x ON x.task_id = o.task_id AND x.issue_id = o.issue_id
         ) AS o
         WHERE place <= $3 ORDER BY r.issue_id, place",
    );
    let rows = select
        .bind(tenant)
        .bind(issues)
        .bind(MOST_HINTS)
        .bind(MOST_SIGHTINGS)
        .bind(MOST_OFFERS)
        .fetch_all(connection)
        .await?;
    let mut found: BTreeMap<Uuid, Vec<Tried>> = BTreeMap::new();
    for row in &rows {
        found.entry(row.try_get("issue_id")?).or_default().push(tried(row)?);
    }
    Ok(found)
}

fn tried(row: &PgRow) -> Result<Tried, sqlx::Error> {
    Ok(Tried {
        hint: Hint {
            key: row.try_get("hint_key")?,
            text: row.try_get("hint")?,
            source: row.try_get("source")?,
            repaired: row.try_get("repaired")?,
        },
        offers: offers_of(row)?,
    })
}

async fn write(
    connection: &mut PgConnection,
    tenant: &str,
    seen: &Seen,
    standing: &Standing,
) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO learner.issue (issue_id, tenant, code, tool, condition, state, hint, hint_key, source, repaired, seen,
                                    tasks, first_seen, last_seen, rate_tasks, rate_of, told, withheld, recurred_told,
                                    recurred_withheld, well_told, well_withheld, weight)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
         ON CONFLICT DO NOTHING",
    );
    let hint = standing.hint.as_ref().map(|tried| &tried.hint);
    let offers = standing.hint.as_ref().map(|tried| tried.offers).unwrap_or_default();
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let insert = insert
        .bind(seen.id)
        .bind(tenant)
        .bind(&seen.code)
        .bind(&seen.tool)
        .bind(&seen.condition)
        .bind(standing.state.as_str())
        .bind(hint.map(|hint| &hint.text))
        .bind(hint.map(|hint| hint.key))
        .bind(hint.map(|hint| &hint.source))
        .bind(hint.map(|hint| hint.repaired))
        .bind(seen.seen)
        .bind(seen.tasks)
        .bind(seen.first_seen)
        .bind(seen.last_seen)
        .bind(whole(seen.rate.hits))
        .bind(whole(seen.rate.n))
        .bind(whole(offers.told))
        .bind(whole(offers.withheld))
        .bind(whole(offers.recurred_told))
        .bind(whole(offers.recurred_withheld))
        .bind(whole(offers.well_told))
        .bind(whole(offers.well_withheld))
        .bind(standing.weight);
    insert.execute(connection).await.map(drop)
}
