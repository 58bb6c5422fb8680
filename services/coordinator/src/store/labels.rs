//! What people said of judgements, and how often they agreed.

use super::{StoreError, to_db};
use sqlx::postgres::{PgConnection, PgPool};
use workflow::agreement::Counts;
use workflow::ids::TaskId;
use workflow::judge::{Floor, Judge, Judges};
use workflow::state::PayloadNo;
use workflow::time::Timestamp;

/// A person's word on one score.
#[derive(Clone, PartialEq, Debug)]
pub struct LabelRow {
    pub task: TaskId,
    pub judgement: PayloadNo,
    pub dimension: String,
    pub actor: String,
    pub tenant: String,
    /// JSON of the [`Judge`].
    pub judge: String,
    pub score: f64,
    pub bar: f64,
    /// The judge found it good enough.
    pub passed: bool,
    /// None: takes back what the person said before.
    pub good: Option<bool>,
    pub at: Timestamp,
}

impl LabelRow {
    /// Of two rows of one key the later one is kept.
    pub fn key(&self) -> (TaskId, PayloadNo, String, String) {
        (self.task, self.judgement, self.dimension.clone(), self.actor.clone())
    }
}

/// Keeps what people said; a person's later word on the same takes the place of the earlier one, in whatever order they
/// come.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(connection: &mut PgConnection, rows: &[LabelRow]) -> Result<(), StoreError> {
    fn each<'a, R>(rows: &'a [LabelRow], column: impl Fn(&'a LabelRow) -> R) -> Vec<R> {
        rows.iter().map(column).collect()
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO judge_label (task_id, judgement, dimension, actor, tenant, judge, score, bar, passed, good, at)
         SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[],
             $8::float8[], $9::bool[], $10::bool[], $11::timestamptz[])
         ON CONFLICT (task_id, judgement, dimension, actor) DO UPDATE SET good = excluded.good, at = excluded.at
             WHERE excluded.at >= judge_label.at",
    )
    .bind(each(rows, |r| r.task.0))
    .bind(each(rows, |r| i32::try_from(r.judgement.0).unwrap_or(i32::MAX)))
    .bind(each(rows, |r| r.dimension.as_str()))
    .bind(each(rows, |r| r.actor.as_str()))
    .bind(each(rows, |r| r.tenant.as_str()))
    .bind(each(rows, |r| r.judge.as_str()))
    .bind(each(rows, |r| r.score))
    .bind(each(rows, |r| r.bar))
    .bind(each(rows, |r| r.passed))
    .bind(each(rows, |r| r.good))
    .bind(each(rows, |r| to_db(r.at)))
    .execute(connection)
    .await
    .map_err(StoreError::at("keep what people said of judgements"))?;
    Ok(())
}

/// Counts what was said in the last days.
///
/// # Errors
/// When the database does not answer.
pub async fn count(pool: &PgPool, days: u32, floor: Option<Floor>) -> Result<Judges, StoreError> {
    let rows: Vec<(String, String, String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT tenant, judge, dimension, count(*) FILTER (WHERE passed AND good),
             count(*) FILTER (WHERE passed AND NOT good), count(*) FILTER (WHERE NOT passed AND good),
             count(*) FILTER (WHERE NOT passed AND NOT good)
         FROM judge_label WHERE good IS NOT NULL AND at > now() - make_interval(days => $1)
         GROUP BY tenant, judge, dimension",
    )
    .bind(i32::try_from(days).unwrap_or(i32::MAX))
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("count what people said of judgements"))?;
    let mut judges = Judges::new(floor);
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    for (tenant, judge, dimension, both_good, only_judge_good, only_people_good, both_bad) in rows {
        // What cannot be read is nobody's.
        let judge: Judge = serde_json::from_str(&judge).unwrap_or_default();
        let counts = Counts {
            both_good: count(both_good),
            only_judge_good: count(only_judge_good),
            only_people_good: count(only_people_good),
            both_bad: count(both_bad),
        };
        judges.add(&tenant, judge, &dimension, counts);
    }
    Ok(judges)
}
