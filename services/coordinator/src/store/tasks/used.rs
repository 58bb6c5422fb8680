//! What steps of a task used.

use crate::store::StoreError;
use sqlx::PgPool;
use std::collections::BTreeMap;
use workflow::ids::TaskId;
use workflow::submission::Used;

/// What the runs of each step of that plan used, by step key, as far as workers told. Without times.
///
/// # Errors
/// When the database does not answer.
pub async fn by_step(pool: &PgPool, task: TaskId, plan_version: u32) -> Result<BTreeMap<String, Used>, StoreError> {
    let rows: Vec<(String, Option<i64>, i64, i64, i64)> = sqlx::query_as(
        "SELECT r.step_key,
             CASE WHEN count(c.usd_micros) FILTER (WHERE NOT c.partly_priced) > 0 THEN sum(c.usd_micros)::bigint END,
             sum(c.input_tokens)::bigint, sum(c.output_tokens)::bigint, sum(c.calls)::bigint
         FROM run r JOIN cost c ON c.job_id = r.job_id AND c.run_id = r.run_id
         WHERE r.task_id = $1 AND r.plan_version = $2 AND r.step_key IS NOT NULL
         GROUP BY r.step_key",
    )
    .bind(task.0)
    .bind(i32::try_from(plan_version).unwrap_or(i32::MAX))
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read what steps used"))?;
    let used = |(key, usd_micros, input_tokens, output_tokens, calls)| {
        let used = Used {
            usd_micros,
            input_tokens,
            output_tokens,
            calls,
            seconds: 0.0,
        };
        (key, used)
    };
    Ok(rows.into_iter().map(used).collect())
}
