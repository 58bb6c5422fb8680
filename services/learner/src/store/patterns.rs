//! Patterns as people review them.

use super::{Store, StoreError};
use crate::interval::{Sample, Share, Shares};
use crate::patterns::standing::State;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Tasks of a pattern whose scores are compared, the latest, so that a page of patterns costs the same however many there
/// were.
const COMPARED: i64 = 1_000;

/// A pattern with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternRow {
    pub id: Uuid,
    /// plan or fragment.
    pub kind: String,
    pub intent: String,
    /// JSON.
    pub template: String,
    /// JSON.
    pub slots: String,
    pub state: State,
    pub pinned: bool,
    /// What people noted on it.
    pub note: Option<String>,
    /// It came from another system.
    pub imported: bool,
    /// Tasks that ran it.
    pub tasks: i64,
    /// Of those the ones that succeeded.
    pub evidence: i64,
    /// Overall scores of those that were judged.
    pub quality: Sample,
    /// Of the tasks offered it, and of those it was withheld from, which were told nothing else of memory either.
    pub went_well: Shares,
    pub offered: i64,
    pub adopted: i64,
    pub adapted: i64,
    pub refused: i64,
    /// Ends of the first and the last task that ran it.
    pub first_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
    /// The latest tasks it succeeded in, the last first.
    pub evidence_tasks: Vec<Uuid>,
}

/// Scores of tasks that were offered a pattern, and of tasks it was withheld from.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Compared {
    /// Overall scores of those that were judged.
    pub offered: Sample,
    pub withheld: Sample,
}

/// A state that a pattern came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    pub state: String,
    pub reason: String,
    /// None: what came of it.
    pub actor: Option<String>,
    pub changed_at: DateTime<Utc>,
}

impl Store {
    /// A tenant's patterns, the newest first, from the one after `after` on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn patterns(&self, tenant: &str, after: Option<Uuid>, limit: i64) -> Result<Vec<PatternRow>, StoreError> {
        self.read_patterns(tenant, after.unwrap_or(Uuid::max()), None, limit)
            .await
    }

    /// One of a tenant's patterns.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pattern(&self, tenant: &str, id: Uuid) -> Result<Option<PatternRow>, StoreError> {
        Ok(self.read_patterns(tenant, Uuid::max(), Some(id), 1).await?.pop())
    }

    async fn read_patterns(
        &self,
        tenant: &str,
        before: Uuid,
        only: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<PatternRow>, StoreError> {
        let select = sqlx::query(
            "SELECT p.*, coalesce(p.note, p.imported::jsonb ->> 'note') AS any_note, ARRAY(
                 SELECT task_id FROM learner.ran r WHERE r.form = p.form AND r.good
                 ORDER BY finished_at DESC, task_id LIMIT 20
             ) AS evidence_tasks
             FROM learner.pattern p
             WHERE tenant = $1 AND template IS NOT NULL AND pattern_id < $2 AND ($3::uuid IS NULL OR pattern_id = $3)
             ORDER BY pattern_id DESC LIMIT $4",
        );
        let select = select.bind(tenant).bind(before).bind(only).bind(limit);
        let rows = select.fetch_all(&self.pool).await;
        let rows = rows.and_then(|rows| rows.iter().map(pattern_row).collect());
        rows.map_err(StoreError::query("read patterns"))
    }

    /// What offering each of `patterns` came to in its latest tasks, by pattern.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn compared(&self, patterns: &[Uuid]) -> Result<BTreeMap<Uuid, Compared>, StoreError> {
        let select = sqlx::query(
            "SELECT asked.id AS pattern_id, decision = 'withheld' AS withheld, count(quality),
                    coalesce(sum(quality), 0) AS sum, coalesce(sum(quality * quality), 0) AS squares
             FROM (SELECT DISTINCT unnest($1::uuid[])) AS asked(id), LATERAL (
                 SELECT decision, quality FROM learner.pattern_use u
                 WHERE u.pattern_id = asked.id ORDER BY finished_at DESC, task_id LIMIT $2
             ) AS latest
             WHERE decision <> 'passed' GROUP BY 1, 2",
        );
        let read = async {
            let mut compared: BTreeMap<Uuid, Compared> = BTreeMap::new();
            for row in select.bind(patterns).bind(COMPARED).fetch_all(&self.pool).await? {
                let sample = Sample {
                    n: row.try_get::<i64, _>("count")?.unsigned_abs(),
                    sum: row.try_get("sum")?,
                    squares: row.try_get("squares")?,
                };
                let pattern = compared.entry(row.try_get("pattern_id")?).or_default();
                if row.try_get("withheld")? {
                    pattern.withheld = sample;
                } else {
                    pattern.offered = sample;
                }
            }
            Ok(compared)
        };
        read.await.map_err(StoreError::query("compare patterns"))
    }

    /// The latest states a tenant's pattern came to, the last first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn changes(&self, tenant: &str, pattern: Uuid) -> Result<Vec<Changed>, StoreError> {
        let select = sqlx::query(
            "SELECT state, reason, actor, changed_at FROM learner.pattern_change
             WHERE pattern_id = $1 AND tenant = $2 ORDER BY changed_at DESC, change_id DESC LIMIT 50",
        );
        let read = async {
            let rows = select.bind(pattern).bind(tenant).fetch_all(&self.pool).await?;
            let read = rows.iter().map(|row| -> Result<Changed, sqlx::Error> {
                Ok(Changed {
                    state: row.try_get("state")?,
                    reason: row.try_get("reason")?,
                    actor: row.try_get("actor")?,
                    changed_at: row.try_get("changed_at")?,
                })
            });
            read.collect::<Result<Vec<_>, _>>()
        };
        read.await.map_err(StoreError::query("read what became of a pattern"))
    }
}

/// Of a pattern's own counts.
pub(super) fn went_well(row: &PgRow) -> Result<Shares, sqlx::Error> {
    let share = |hits, n| -> Result<Share, sqlx::Error> {
        Ok(Share {
            hits: row.try_get::<i64, _>(hits)?.unsigned_abs(),
            n: row.try_get::<i64, _>(n)?.unsigned_abs(),
        })
    };
    Ok(Shares {
        treated: share("offered_went_well", "offered")?,
        control: share("withheld_went_well", "withheld")?,
    })
}

fn pattern_row(row: &PgRow) -> Result<PatternRow, sqlx::Error> {
    Ok(PatternRow {
        id: row.try_get("pattern_id")?,
        kind: row.try_get("kind")?,
        intent: row.try_get("intent")?,
        template: row.try_get("template")?,
        slots: row.try_get("slots")?,
        state: State::parse(row.try_get("state")?).unwrap_or(State::Candidate),
        pinned: row.try_get("pinned")?,
        note: row.try_get("any_note")?,
        imported: row.try_get::<Option<String>, _>("imported")?.is_some(),
        tasks: row.try_get("tasks")?,
        evidence: row.try_get("evidence")?,
        quality: Sample {
            n: row.try_get::<i64, _>("judged")?.unsigned_abs(),
            sum: row.try_get("quality_sum")?,
            squares: row.try_get("quality_squares")?,
        },
        went_well: went_well(row)?,
        offered: row.try_get("offered")?,
        adopted: row.try_get("adopted")?,
        adapted: row.try_get("adapted")?,
        refused: row.try_get("refused")?,
        first_at: row.try_get("first_at")?,
        last_at: row.try_get("last_at")?,
        evidence_tasks: row.try_get("evidence_tasks")?,
    })
}
