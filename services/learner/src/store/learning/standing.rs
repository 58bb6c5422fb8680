//! States of patterns, kept up with what comes of them.

use super::forget::count_uses;
use super::told::{self, Came};
use super::{Rules, Store, StoreError, lock};
use crate::patterns::standing::{Change, Facts, Run, State, Tally, counted, next};
use bus::Names;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Tasks looked at, the latest. More than it takes to tell a bad pattern from a good one.
const LATEST: i32 = 500;
/// Tasks that tell how others fared meanwhile.
const ENOUGH: u64 = 3;
/// Changes of one pattern at a time: a long history may hold several.
const MOST_CHANGES: usize = 64;
/// Patterns settled with one transaction.
const PAGE: i64 = 20;

impl Store {
    /// Settles all patterns, some at a time: states are as what is configured now says, and counts as the rows say. A
    /// learner of before, beside this one, counts less than this one does.
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
                    "SELECT pattern_id FROM learner.pattern WHERE pattern_id > $1 AND (kind = 'plan' OR template IS NOT NULL) ORDER BY pattern_id LIMIT $2",
                );
                let page: Vec<Uuid> = select.bind(after).bind(PAGE).fetch_all(&mut *transaction).await?;
                let Some(last) = page.last() else {
                    return Ok(());
                };
                after = *last;
                count_again(&mut transaction, &page).await?;
                settle(&mut transaction, &page, &self.rules).await?;
                transaction.commit().await?;
            }
        };
        settle.await.map_err(StoreError::query("settle patterns"))
    }
}

async fn count_again(connection: &mut PgConnection, patterns: &[Uuid]) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern_use u SET succeeded = e.succeeded AND NOT e.withdrawn FROM learner.evidence e
         WHERE u.pattern_id = ANY($1) AND e.task_id = u.task_id AND u.succeeded <> (e.succeeded AND NOT e.withdrawn)",
    );
    update.bind(patterns).execute(&mut *connection).await?;
    count_uses(connection, patterns).await
}

/// The patterns that new evidence of these tasks says something about. Most parts of plans are none, yet.
pub(super) async fn touched(
    connection: &mut PgConnection,
    forms: &[Uuid],
    tasks: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let select = sqlx::query_scalar(
        "SELECT pattern_id FROM learner.pattern WHERE form = ANY($1) AND (kind = 'plan' OR template IS NOT NULL)
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
            let Some(seen) = look(connection, *pattern).await? else {
                break;
            };
            let change = next(seen.state, &seen.facts, rules.trial_after.into());
            let (plays, run) = match &change {
                Some(Change {
                    plays: Some((plays, run)),
                    ..
                }) => (*plays, *run),
                _ => (seen.facts.plays.len(), counted(seen.state, &seen.facts)),
            };
            keep_run(connection, *pattern, &seen, plays, run).await?;
            match change {
                None => break,
                // What is behind is looked at next.
                Some(change) if change.to == State::Demoted && is_held_back(connection, *pattern, run).await? => {}
                Some(change) => note(connection, *pattern, &change, rules).await?,
            }
        }
    }
    Ok(())
}

/// What is known of a pattern.
struct Seen {
    state: State,
    facts: Facts,
    /// When each play that is not counted yet ended, and which task it is of.
    ends: Vec<DateTime<Utc>>,
    tasks: Vec<Uuid>,
}

async fn look(connection: &mut PgConnection, pattern: Uuid) -> Result<Option<Seen>, sqlx::Error> {
    // A play that ended before one that is counted came too late to count.
    let select = sqlx::query(
        "SELECT state, evidence, vouched, pinned, demotions, run_sum, run_good, run_tasks,
                EXISTS (SELECT FROM learner.pattern_use u
                        WHERE u.pattern_id = p.pattern_id AND u.decision IN ('adopted', 'adapted') AND u.succeeded
                          AND u.finished_at > p.counts_after) AS followed,
                scratch.*, plays.*
         FROM learner.pattern p, LATERAL (
             SELECT count(*)::float8 AS scratch_tasks, (count(*) FILTER (WHERE good))::float8 AS scratch_successes
             FROM learner.from_scratch(p.pattern_id, '-infinity', $2)
         ) AS scratch, LATERAL (
             SELECT coalesce(array_agg(good ORDER BY finished_at, task_id), '{}') AS plays,
                    coalesce(array_agg(finished_at ORDER BY finished_at, task_id), '{}') AS ends,
                    coalesce(array_agg(task_id ORDER BY finished_at, task_id), '{}') AS tasks
             FROM learner.plays(p.pattern_id, p.form, greatest(p.counts_after, p.counted_at - interval '1 microsecond'), $2)
             WHERE (finished_at, task_id) > (p.counted_at, coalesce(p.counted_task, '00000000-0000-0000-0000-000000000000'))
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
        followed: row.try_get("followed")?,
        vouched: state("vouched")?,
        pinned: row.try_get("pinned")?,
        demotions: row.try_get::<i32, _>("demotions")?.unsigned_abs(),
        run: Run {
            sum: row.try_get("run_sum")?,
            good: row.try_get::<i64, _>("run_good")?.unsigned_abs(),
            tasks: row.try_get::<i64, _>("run_tasks")?.unsigned_abs(),
        },
        plays: row.try_get("plays")?,
        scratch: Tally {
            successes: row.try_get("scratch_successes")?,
            tasks: row.try_get("scratch_tasks")?,
        },
    };
    Ok(Some(Seen {
        state: state("state")?.unwrap_or(State::Candidate),
        facts,
        ends: row.try_get("ends")?,
        tasks: row.try_get("tasks")?,
    }))
}

/// Keeps the run that the first `plays` end. They never count again.
async fn keep_run(
    connection: &mut PgConnection,
    pattern: Uuid,
    seen: &Seen,
    plays: usize,
    run: Run,
) -> Result<(), sqlx::Error> {
    let Some(last) = plays.checked_sub(1) else {
        return Ok(());
    };
    // The run begins with as many plays as it has, of these or before.
    let first = usize::try_from(run.tasks)
        .ok()
        .and_then(|tasks| plays.checked_sub(tasks));
    let since = first.and_then(|first| seen.ends.get(first));
    let update = sqlx::query(
        "UPDATE learner.pattern SET run_sum = $2, run_good = $3, run_tasks = $4, counted_at = $5, counted_task = $6,
                run_since = CASE WHEN $4 = 0 THEN NULL ELSE coalesce($7, run_since) END
         WHERE pattern_id = $1",
    );
    let update = update
        .bind(pattern)
        .bind(run.sum)
        .bind(run.good.cast_signed())
        .bind(run.tasks.cast_signed())
        .bind(seen.ends.get(last))
        .bind(seen.tasks.get(last))
        .bind(since);
    update.execute(connection).await.map(drop)
}

/// Whether plans from scratch of the run's own time, or where there are fewer than three of them the tenant's other tasks,
/// did no better than the run: then something else is wrong.
async fn is_held_back(connection: &mut PgConnection, pattern: Uuid, run: Run) -> Result<bool, sqlx::Error> {
    let select = sqlx::query(
        "SELECT scratch.*, others.* FROM learner.pattern p, LATERAL (
             SELECT count(*) AS scratch, count(*) FILTER (WHERE good) AS scratch_good
             FROM learner.from_scratch(p.pattern_id, p.run_since - interval '1 microsecond', $2) WHERE finished_at <= p.counted_at
         ) AS scratch, LATERAL (
             SELECT count(*) AS others, count(*) FILTER (WHERE good) AS others_good FROM (
                 SELECT coalesce(e.succeeded AND NOT e.withdrawn, false) AS good
                 FROM learner.record r LEFT JOIN learner.evidence e USING (task_id)
                 WHERE r.tenant = p.tenant AND r.finished_at BETWEEN p.run_since AND p.counted_at
                   AND e.form IS DISTINCT FROM p.form
                   AND NOT EXISTS (SELECT FROM learner.fragment f WHERE f.task_id = r.task_id AND f.form = p.form)
                   AND NOT EXISTS (SELECT FROM learner.pattern_use u WHERE u.task_id = r.task_id
                                     AND u.pattern_id = p.pattern_id AND u.decision IN ('adopted', 'adapted'))
                 ORDER BY r.finished_at DESC LIMIT $2
             ) AS latest
         ) AS others
         WHERE p.pattern_id = $1",
    );
    let Some(row) = select.bind(pattern).bind(LATEST).fetch_optional(connection).await? else {
        return Ok(false);
    };
    let count = |name| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
    let (good, tasks) = match (count("scratch_good")?, count("scratch")?) {
        few if few.1 < ENOUGH => (count("others_good")?, count("others")?),
        known => known,
    };
    Ok(tasks >= ENOUGH && good * run.tasks <= run.good * tasks)
}

/// Notes another state. A demotion ends what people vouched for.
async fn note(connection: &mut PgConnection, pattern: Uuid, change: &Change, rules: &Rules) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE learner.pattern SET state = $2,
                demotions = demotions + CASE WHEN $2 = 'demoted' THEN 1 ELSE 0 END,
                vouched = CASE WHEN $2 = 'demoted' THEN NULL ELSE vouched END,
                counts_after = CASE WHEN $3 THEN counted_at ELSE counts_after END,
                run_sum = CASE WHEN $3 THEN 0 ELSE run_sum END, run_good = CASE WHEN $3 THEN 0 ELSE run_good END,
                run_tasks = CASE WHEN $3 THEN 0 ELSE run_tasks END, run_since = CASE WHEN $3 THEN NULL ELSE run_since END
         WHERE pattern_id = $1",
    );
    let update = update
        .bind(pattern)
        .bind(change.to.as_str())
        .bind(change.plays.is_some());
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
