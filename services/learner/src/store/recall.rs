//! Patterns for a request, and the note of what was offered.

use super::{Store, StoreError};
use crate::interval::Sample;
use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

/// Tasks that ran a pattern, and tasks that it was withheld from, that count at most: planning does not wait for more to
/// be read.
const LATEST: i64 = 200;

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Whose.
    pub tenant: String,
    /// What the request says, and where its result goes.
    pub text: String,
    /// Tools a plan may use.
    pub tools: Vec<String>,
    /// Least evidence.
    pub evidence: i64,
    /// Most patterns.
    pub limit: i64,
    /// Scores of tasks that ended before do not count.
    pub since: DateTime<Utc>,
}

/// A pattern that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitting {
    pub pattern: Uuid,
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
}

impl Store {
    /// The patterns that fit best, the best first: ranked by words and by letters, the ranks fused (reciprocal rank
    /// fusion).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fitting(&self, question: &Question) -> Result<Vec<Fitting>, StoreError> {
        // Any word may match, the rank tells how many do. Each arm reads a bounded number of patterns by its own
        // index, before it asks which of them may be offered.
        let select = sqlx::query(
            "WITH asked AS (
                 SELECT replace(plainto_tsquery('english', $2)::text, '&', '|')::tsquery AS query
             ), near AS (
                 (SELECT pattern_id FROM (
                      SELECT p.* FROM learner.pattern p, asked
                      WHERE tenant = $1 AND exemplar IS NOT NULL AND search @@ query LIMIT 5000
                  ) AS matching WHERE evidence >= $4 AND tools <@ $3 LIMIT 2000)
                 UNION
                 (SELECT pattern_id FROM (
                      SELECT * FROM learner.pattern
                      WHERE tenant = $1 AND exemplar IS NOT NULL ORDER BY pattern_id DESC LIMIT 5000
                  ) AS newest WHERE evidence >= $4 AND tools <@ $3 ORDER BY pattern_id DESC LIMIT 500)
             ), scored AS (
                 SELECT p.*, ts_rank(search, query, 1) AS by_words,
                        learner.alike(intent, left($2, 1000)) AS by_letters
                 FROM near JOIN learner.pattern p USING (pattern_id), asked
             ), best AS (
                 SELECT pattern_id, form, intent, template, slots, evidence, tasks,
                        1.0 / (60 + rank() OVER (ORDER BY by_words DESC))
                        + 1.0 / (60 + rank() OVER (ORDER BY by_letters DESC)) AS fit
                 FROM scored WHERE by_words > 0 OR by_letters >= 0.2
                 ORDER BY fit DESC, evidence DESC, pattern_id LIMIT $5
             )
             SELECT best.*, judged.* FROM best, LATERAL (
                 SELECT count(*) AS judged, coalesce(sum(quality), 0) AS quality_sum,
                        coalesce(sum(quality * quality), 0) AS quality_squares
                 FROM (
                     SELECT quality FROM learner.evidence e
                     WHERE e.form = best.form AND quality IS NOT NULL AND finished_at >= $6
                     ORDER BY finished_at DESC, task_id LIMIT $7
                 ) AS latest
             ) AS judged
             ORDER BY fit DESC, evidence DESC, pattern_id",
        );
        let select = select
            .bind(&question.tenant)
            .bind(&question.text)
            .bind(&question.tools)
            .bind(question.evidence)
            .bind(question.limit)
            .bind(question.since)
            .bind(LATEST);
        let read = async {
            let rows = select.fetch_all(&self.pool).await?;
            let read = rows.iter().map(|row| -> Result<Fitting, sqlx::Error> {
                Ok(Fitting {
                    pattern: row.try_get("pattern_id")?,
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
                })
            });
            read.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("look for patterns"))
    }

    /// Overall scores of the latest tasks that ended since then and that these patterns were withheld from, each task once:
    /// of the same time as those of the patterns, or the two could not be compared.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn withheld(&self, patterns: &[Uuid], since: DateTime<Utc>) -> Result<Sample, StoreError> {
        let select = sqlx::query(
            "SELECT count(*) AS n, coalesce(sum(quality), 0) AS sum, coalesce(sum(quality * quality), 0) AS squares
             FROM (
                 SELECT DISTINCT task_id, quality FROM unnest($1::uuid[]) AS asked(id), LATERAL (
                     SELECT task_id, quality FROM learner.pattern_use
                     WHERE pattern_id = id AND decision = 'withheld' AND quality IS NOT NULL AND finished_at >= $3
                     ORDER BY finished_at DESC, task_id LIMIT $2
                 ) AS latest
             ) AS tasks",
        );
        let read = async {
            let select = select.bind(patterns).bind(LATEST).bind(since);
            let row = select.fetch_one(&self.pool).await?;
            Ok(Sample {
                n: row.try_get::<i64, _>("n")?.unsigned_abs(),
                sum: row.try_get("sum")?,
                squares: row.try_get("squares")?,
            })
        };
        read.await.map_err(StoreError::query("look for tasks without patterns"))
    }

    /// Notes what a planning is offered, or what is withheld from it. What was noted before stays.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn note_offer(&self, task: Uuid, patterns: &[Uuid], withheld: bool) -> Result<(), StoreError> {
        let insert = sqlx::query(
            "INSERT INTO learner.offer (task_id, pattern_id, place, withheld)
             SELECT $1, pattern_id, place, $3 FROM unnest($2::uuid[]) WITH ORDINALITY AS n(pattern_id, place)
             ON CONFLICT DO NOTHING",
        );
        let insert = insert.bind(task).bind(patterns).bind(withheld);
        let noted = insert.execute(&self.pool).await;
        noted.map(drop).map_err(StoreError::query("note an offer"))
    }
}
