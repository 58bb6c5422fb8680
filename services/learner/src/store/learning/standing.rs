//! States of patterns, kept up with what comes of them.

use super::told::{self, Came};
use super::{Rules, Store, StoreError, lock};
use crate::patterns::standing::{Change, Facts, State, Tally, next};
use bus::Names;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Tasks looked at, the latest. More than it takes to tell a bad pattern from a good one.
const LATEST: i32 = 500;
/// Changes of one pattern at a time: a long history may hold several.
const MOST_CHANGES: usize = 64;
/// Patterns settled with one transaction.
const PAGE: i64 = 200;

impl Store {
    /// Settles all patterns, some at a time: states are as what is configured now says.
    ///
    /// # Errors
    /// When the database does not answer; what was settled so far stays.
    pub async fn settle_all(&self) -> Result<(), StoreError> {
        let mut after = Uuid::nil();
        let settle = async {
            loop {
                let mut transaction = self.pool.begin().await?;
                lock(&mut transaction).await?;
                let select = sqlx::query_scalar(
                    "SELECT pattern_id FROM learner.pattern WHERE pattern_id > $1 ORDER BY pattern_id LIMIT $2",
                );
                let page: Vec<Uuid> = select.bind(after).bind(PAGE).fetch_all(&mut *transaction).await?;
                let Some(last) = page.last() else {
                    return Ok(());
                };
                after = *last;
                settle(&mut transaction, &page, &self.rules).await?;
                transaction.commit().await?;
            }
        };
        settle.await.map_err(StoreError::query("settle patterns"))
    }
}

/// The patterns that new evidence of these tasks says something about.
pub(super) async fn touched(
    connection: &mut PgConnection,
    forms: &[Uuid],
    tasks: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let select = sqlx::query_scalar(
        "SELECT pattern_id FROM learner.pattern WHERE form = ANY($1)
         UNION SELECT pattern_id FROM learner.pattern_use WHERE task_id = ANY($2)",
    );
    select.bind(forms).bind(tasks).fetch_all(connection).await
}

/// Brings these patterns to the states that what came of them says. Under the lock.
pub(in crate::store) async fn settle(
    connection: &mut PgConnection,
    patterns: &[Uuid],
    rules: &Rules,
) -> Result<(), sqlx::Error> {
    for pattern in patterns {
        for _ in 0..MOST_CHANGES {
            let Some((state, facts, ends)) = look(connection, *pattern).await? else {
                break;
            };
            let Some(change) = next(state, &facts, rules.trial_after.into()) else {
                break;
            };
            let seen = change.plays.and_then(|plays| ends.get(plays.checked_sub(1)?));
            note(connection, *pattern, &change, seen.copied(), rules).await?;
        }
    }
    Ok(())
}

/// State, facts, and when each play of them ended.
async fn look(
    connection: &mut PgConnection,
    pattern: Uuid,
) -> Result<Option<(State, Facts, Vec<DateTime<Utc>>)>, sqlx::Error> {
    let select = sqlx::query(
        "SELECT state, evidence, vouched, pinned, demotions,
                (SELECT count(*) FROM (
                     SELECT FROM learner.pattern_use u WHERE u.pattern_id = p.pattern_id
                       AND u.decision IN ('adopted', 'adapted') AND u.succeeded LIMIT $2
                 ) AS followed) AS offered_successes,
                scratch.*, plays.*
         FROM learner.pattern p, LATERAL (
             SELECT count(*)::float8 AS scratch_tasks, (count(*) FILTER (WHERE good))::float8 AS scratch_successes
             FROM learner.from_scratch(p.pattern_id, '-infinity', $2)
         ) AS scratch, LATERAL (
             SELECT coalesce(array_agg(good ORDER BY finished_at, task_id), '{}') AS plays,
                    coalesce(array_agg(finished_at ORDER BY finished_at, task_id), '{}') AS ends
             FROM learner.plays(p.pattern_id, p.form, p.counts_after, $2)
         ) AS plays
         WHERE p.pattern_id = $1",
    );
    let Some(row) = select.bind(pattern).bind(LATEST).fetch_optional(connection).await? else {
        return Ok(None);
    };
    let state = |name| -> Result<Option<State>, sqlx::Error> {
        let text: Option<String> = row.try_get(name)?;
        Ok(text.as_deref().and_then(State::parse))
    };
    let facts = Facts {
        successes: row.try_get::<i64, _>("evidence")?.unsigned_abs(),
        offered_successes: row.try_get::<i64, _>("offered_successes")?.unsigned_abs(),
        vouched: state("vouched")?,
        pinned: row.try_get("pinned")?,
        demotions: row.try_get::<i32, _>("demotions")?.unsigned_abs(),
        plays: row.try_get("plays")?,
        scratch: Tally {
            successes: row.try_get("scratch_successes")?,
            tasks: row.try_get("scratch_tasks")?,
        },
    };
    Ok(Some((
        state("state")?.unwrap_or(State::Candidate),
        facts,
        row.try_get("ends")?,
    )))
}

async fn note(
    connection: &mut PgConnection,
    pattern: Uuid,
    change: &Change,
    seen: Option<DateTime<Utc>>,
    rules: &Rules,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern SET state = $2, counts_after = coalesce($3, counts_after),
                demotions = demotions + CASE WHEN $2 = 'demoted' THEN 1 ELSE 0 END
         WHERE pattern_id = $1",
    );
    let update = update.bind(pattern).bind(change.to.as_str()).bind(seen);
    update.execute(&mut *connection).await?;
    append(
        connection,
        rules.names.as_ref(),
        pattern,
        change.to,
        &change.reason,
        None,
    )
    .await
}

/// Writes down that a pattern is in a state. `names`: how that is told; none: it is nothing new. `actor`: who said so;
/// none: what came of it.
pub(in crate::store) async fn append(
    connection: &mut PgConnection,
    names: Option<&Names>,
    pattern: Uuid,
    state: State,
    reason: &str,
    actor: Option<&str>,
) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO learner.pattern_change (change_id, pattern_id, tenant, state, reason, actor)
         SELECT $1, pattern_id, tenant, $3, $4, $5 FROM learner.pattern WHERE pattern_id = $2
         RETURNING tenant, changed_at",
    );
    let insert = insert
        .bind(service::ids::v7())
        .bind(pattern)
        .bind(state.as_str())
        .bind(reason)
        .bind(actor);
    let (Some(row), Some(names)) = (insert.fetch_optional(&mut *connection).await?, names) else {
        return Ok(());
    };
    let came = Came {
        pattern,
        tenant: row.try_get("tenant")?,
        state,
        reason,
        actor,
        at: row.try_get("changed_at")?,
    };
    told::store(connection, names, &came).await
}
