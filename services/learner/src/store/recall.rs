//! Patterns for a request, and the note of what was offered.

use super::patterns::went_well;
use super::{Store, StoreError};
use crate::interval::{Sample, Shares};
use crate::patterns::fusion::Candidate;
use crate::patterns::standing::{State, Tally};
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Tasks that ran a pattern, and tasks that it was withheld from, that count at most: planning does not wait for more to
/// be read.
const LATEST: i32 = 200;
/// What came of a task counts half after 60 days.
const HALF_LIFE_SECONDS: f64 = 60.0 * 86_400.0;

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Whose.
    pub tenant: String,
    /// What the request says, and where its result goes.
    pub text: String,
    /// Tools a plan may use.
    pub tools: Vec<String>,
    /// States of patterns that are offered; those pinned are in any but retired.
    pub states: Vec<&'static str>,
    /// Scores of tasks that ended before do not count.
    pub since: DateTime<Utc>,
    /// What came of tasks counts half for each so many days they are older than this.
    pub now: DateTime<Utc>,
}

/// A pattern that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitting {
    pub pattern: Uuid,
    /// It is a part of plans.
    pub fragment: bool,
    /// What was said where it was found.
    pub subject: String,
    pub intent: String,
    /// JSON.
    pub template: String,
    /// JSON.
    pub slots: String,
    /// Successes.
    pub evidence: i64,
    /// Tasks that ran it.
    pub tasks: i64,
    /// Overall scores of the latest of those that were judged and ended since what the question says.
    pub quality: Sample,
    /// What came of the latest tasks that ran it, the older the less.
    pub tally: Tally,
    pub state: State,
    pub pinned: bool,
    pub note: Option<String>,
    /// Of the tasks offered it, and of those it was withheld from.
    pub went_well: Shares,
}

/// What plans from scratch came to in tasks that patterns were there for.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct FromScratch {
    /// Overall scores of those that were judged.
    pub quality: Sample,
    /// The older the less.
    pub tally: Tally,
}

/// What a task was offered, or was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Shown to the planner.
    Offered,
    /// Withheld, so that others can be compared with it.
    Withheld,
    /// The lots favoured a plan from scratch.
    Passed,
}

impl Store {
    /// What may fit, with how it fits by words and by letters.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn near(&self, question: &Question) -> Result<Vec<Candidate>, StoreError> {
        // Any word may match, the rank tells how many do. Each arm reads a bounded number of patterns by its own
        // index, before it asks which of them may be offered. Letters are compared of few: that takes longest.
        let select = sqlx::query(
            "WITH asked AS (
                 SELECT replace(plainto_tsquery('english', $2)::text, '&', '|')::tsquery AS query
             ), near AS (
                 (SELECT pattern_id, kind, pinned, evidence, intent, ts_rank(search, query, 1) AS by_words FROM (
                      SELECT p.* FROM learner.pattern p, asked
                      WHERE tenant = $1 AND template IS NOT NULL AND search @@ query LIMIT 5000
                  ) AS matching, asked
                  WHERE learner.is_offered(state, pinned, learner.own_successes(kind, exemplar, evidence), vouched, $4) AND tools <@ $3
                  ORDER BY by_words DESC, pattern_id LIMIT 300)
                 UNION
                 (SELECT pattern_id, kind, pinned, evidence, intent, ts_rank(search, query, 1) FROM (
                      SELECT * FROM learner.pattern
                      WHERE tenant = $1 AND template IS NOT NULL ORDER BY pattern_id DESC LIMIT 5000
                  ) AS newest, asked
                  WHERE learner.is_offered(state, pinned, learner.own_successes(kind, exemplar, evidence), vouched, $4) AND tools <@ $3 ORDER BY pattern_id DESC LIMIT 300)
                 UNION
                 (SELECT pattern_id, kind, pinned, evidence, intent, ts_rank(search, query, 1) FROM learner.pattern, asked
                  WHERE tenant = $1 AND template IS NOT NULL AND pinned AND state NOT IN ('demoted', 'retired') AND tools <@ $3
                  ORDER BY pattern_id DESC LIMIT 300)
             )
             SELECT pattern_id, kind, pinned, evidence, by_words, learner.alike(intent, left($2, 1000)) AS by_letters FROM near",
        );
        let select = select
            .bind(&question.tenant)
            .bind(&question.text)
            .bind(&question.tools)
            .bind(&question.states);
        let read = async {
            let rows = select.fetch_all(&self.pool).await?;
            rows.iter().map(candidate).collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("look for patterns"))
    }

    /// These patterns of the tenant, in this order, as far as they are still there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fitting(&self, question: &Question, best: &[Uuid]) -> Result<Vec<Fitting>, StoreError> {
        let select = sqlx::query(
            "WITH best AS (
                 SELECT p.pattern_id, p.kind, p.subject, p.form, p.intent, p.template, p.slots, p.evidence, p.tasks, p.state,
                        p.pinned, p.counts_after, p.offered, p.offered_went_well, p.withheld, p.withheld_went_well, place,
                        -- A stranger's words are shown once somebody vouched for the pattern.
                        coalesce(p.note, CASE WHEN p.pinned OR p.vouched IS NOT NULL THEN p.imported::jsonb ->> 'note' END) AS note
                 FROM unnest($2::uuid[]) WITH ORDINALITY AS placed(id, place), LATERAL (
                     SELECT * FROM learner.pattern WHERE pattern_id = id AND tenant = $1 AND template IS NOT NULL LIMIT 1
                 ) AS p
             )
             SELECT best.*, judged.*, played.* FROM best, LATERAL (
                 SELECT coalesce(sum(weight), 0)::float8 AS played, coalesce(sum(weight) FILTER (WHERE good), 0)::float8 AS well
                 FROM (
                     SELECT good, power(0.5, greatest(0, extract(epoch FROM $5 - finished_at)) / $6) AS weight
                     FROM learner.plays(best.pattern_id, best.form, best.counts_after, $4)
                 ) AS weighed
             ) AS played, LATERAL (
                 SELECT count(*) AS judged, coalesce(sum(quality), 0) AS quality_sum,
                        coalesce(sum(quality * quality), 0) AS quality_squares
                 FROM (
                     SELECT quality FROM learner.ran e
                     WHERE e.form = best.form AND quality IS NOT NULL AND finished_at >= $3
                     ORDER BY finished_at DESC, task_id LIMIT $4
                 ) AS latest
             ) AS judged
             ORDER BY place",
        );
        let select = select
            .bind(&question.tenant)
            .bind(best)
            .bind(question.since)
            .bind(LATEST)
            .bind(question.now)
            .bind(HALF_LIFE_SECONDS);
        let read = async {
            let rows = select.fetch_all(&self.pool).await?;
            let read = rows.iter().map(|row| -> Result<Fitting, sqlx::Error> {
                Ok(Fitting {
                    pattern: row.try_get("pattern_id")?,
                    fragment: row.try_get::<&str, _>("kind")? == "fragment",
                    subject: row.try_get("subject")?,
                    intent: row.try_get("intent")?,
                    template: row.try_get("template")?,
                    slots: row.try_get("slots")?,
                    evidence: row.try_get("evidence")?,
                    tasks: row.try_get("tasks")?,
                    quality: Sample {
                        n: row.try_get::<i64, _>("judged")?.unsigned_abs(),
                        sum: row.try_get("quality_sum")?,
                        squares: row.try_get("quality_squares")?,
                    },
                    tally: Tally {
                        successes: row.try_get("well")?,
                        tasks: row.try_get("played")?,
                    },
                    state: State::parse(row.try_get("state")?).unwrap_or(State::Candidate),
                    pinned: row.try_get("pinned")?,
                    note: row.try_get("note")?,
                    went_well: went_well(row)?,
                })
            });
            read.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read patterns"))
    }

    /// What the latest tasks came to that were planned from scratch although these patterns were there for them, each task
    /// once. Scores are of those that ended since then: of the same time as those of the patterns, or the two could not be
    /// compared.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn planned_without(
        &self,
        patterns: &[Uuid],
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<FromScratch, StoreError> {
        let select = sqlx::query(
            "SELECT count(quality) AS n, coalesce(sum(quality), 0) AS sum, coalesce(sum(quality * quality), 0) AS squares,
                    coalesce(sum(weight), 0)::float8 AS tasks, coalesce(sum(weight) FILTER (WHERE good), 0)::float8 AS successes
             FROM (
                 SELECT DISTINCT task_id, good, CASE WHEN finished_at >= $3 THEN quality END AS quality,
                        power(0.5, greatest(0, extract(epoch FROM $4 - finished_at)) / $5) AS weight
                 FROM unnest($1::uuid[]) AS asked(id), LATERAL learner.from_scratch(id, '-infinity', $2)
             ) AS tasks",
        );
        let read = async {
            let select = select.bind(patterns).bind(LATEST).bind(since).bind(now);
            let row = select.bind(HALF_LIFE_SECONDS).fetch_one(&self.pool).await?;
            Ok(FromScratch {
                quality: Sample {
                    n: row.try_get::<i64, _>("n")?.unsigned_abs(),
                    sum: row.try_get("sum")?,
                    squares: row.try_get("squares")?,
                },
                tally: Tally {
                    successes: row.try_get("successes")?,
                    tasks: row.try_get("tasks")?,
                },
            })
        };
        read.await.map_err(StoreError::query("look for tasks without patterns"))
    }

    /// What a task was given when it was planned before: its patterns, the best first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn given(&self, task: Uuid) -> Result<Option<(Given, Vec<Uuid>)>, StoreError> {
        let select =
            sqlx::query("SELECT pattern_id, withheld, passed FROM learner.offer WHERE task_id = $1 ORDER BY place");
        let read = async {
            let rows = select.bind(task).fetch_all(&self.pool).await?;
            let Some(first) = rows.first() else {
                return Ok(None);
            };
            let given = match (first.try_get("passed")?, first.try_get("withheld")?) {
                (true, _) => Given::Passed,
                (_, true) => Given::Withheld,
                _ => Given::Offered,
            };
            let patterns = rows.iter().map(|row| row.try_get("pattern_id"));
            Ok(Some((given, patterns.collect::<Result<_, sqlx::Error>>()?)))
        };
        read.await.map_err(StoreError::query("look for an earlier offer"))
    }

    /// Notes what a planning is given. What was noted before stays.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_offer(&self, task: Uuid, given: Given, patterns: &[Uuid]) -> Result<(), StoreError> {
        let insert = sqlx::query(
            "INSERT INTO learner.offer (task_id, pattern_id, place, withheld, passed)
             SELECT $1, pattern_id, place, $3, $4 FROM unnest($2::uuid[]) WITH ORDINALITY AS n(pattern_id, place)
             ON CONFLICT DO NOTHING",
        );
        let insert = insert
            .bind(task)
            .bind(patterns)
            .bind(given == Given::Withheld)
            .bind(given == Given::Passed);
        let noted = insert.execute(&self.pool).await;
        noted.map(drop).map_err(StoreError::query("note an offer"))
    }
}

/// Of a row with how it fits by words and letters.
pub(super) fn candidate(row: &PgRow) -> Result<Candidate, sqlx::Error> {
    Ok(Candidate {
        pattern: row.try_get("pattern_id")?,
        fragment: row.try_get::<&str, _>("kind")? == "fragment",
        pinned: row.try_get("pinned")?,
        evidence: row.try_get("evidence")?,
        words: row.try_get("by_words")?,
        letters: row.try_get("by_letters")?,
        meaning: None,
    })
}

#[cfg(test)]
impl Store {
    /// So many patterns that a recall may have to look at, each with three tasks that ran it; made in the database.
    pub async fn plant_patterns(&self, tenant: &str, count: u32) {
        for statement in [
            "INSERT INTO learner.pattern (pattern_id, form, tenant, intent, subject, template, slots, tools, tasks, evidence, state)
             SELECT gen_random_uuid(), md5(n || '/' || $2)::uuid, $1,
                    format('Produce a friendly blog post about topic%s for customers of shop%s', n % 1000, n % 77),
                    format('Write a blog post about topic%s, tone %s, for shop%s, to the blog', n % 1000, n % 13, n % 77),
                    '{\"steps\": [{\"key\": \"a\", \"tool_id\": \"t\"}]}', '[]',
                    ARRAY[format('tool%s_agent', n % 50), format('tool%s_agent', n % 40)], 3, 3, 'trial'
             FROM generate_series(1, $2) AS n",
            "INSERT INTO learner.evidence (task_id, tenant, form, succeeded, withdrawn, quality, finished_at)
             SELECT gen_random_uuid(), $1, md5(n || '/' || $2)::uuid, true, false, 0.8, now() - n * interval '1 minute'
             FROM generate_series(1, $2) AS n, generate_series(1, 3)",
        ] {
            let insert = sqlx::query(statement).bind(tenant).bind(i32::try_from(count).unwrap());
            insert.execute(&self.pool).await.unwrap();
        }
        sqlx::query("ANALYZE learner.pattern, learner.evidence")
            .execute(&self.pool)
            .await
            .unwrap();
    }
}
