//! Beats of workers and coordinators.

use super::StoreError;
use sqlx::PgPool;

/// Silent this long, a process is gone.
const SILENCE_SECONDS: f64 = 15.0;

/// Slots of one pool, summed over its workers.
#[derive(sqlx::FromRow, Clone, Debug)]
pub struct PoolRow {
    pub kind: String,
    pub pool: String,
    pub slots: i64,
    pub free_slots: i64,
}

/// A worker beat.
///
/// # Errors
/// When the database does not answer.
pub async fn worker(
    pool: &PgPool,
    worker_id: &str,
    kind: &str,
    of_pool: &str,
    slots: i32,
    free: i32,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO beat (worker_id, kind, pool, slots, free_slots, at) VALUES ($1, $2, $3, $4, $5, now())
         ON CONFLICT (worker_id, kind, pool) DO UPDATE SET slots = excluded.slots, free_slots = excluded.free_slots, at = now()",
    )
    .bind(worker_id)
    .bind(kind)
    .bind(of_pool)
    .bind(slots)
    .bind(free)
    .execute(pool)
    .await
    .map_err(StoreError::at("record a beat"))?;
    Ok(())
}

/// This coordinator beats; what is long silent is forgotten.
///
/// # Errors
/// When the database does not answer.
pub async fn coordinator(pool: &PgPool, instance: &str) -> Result<(), StoreError> {
    sqlx::query(
        "WITH gone AS (DELETE FROM beat WHERE at < now() - interval '10 minutes'),
              silent AS (DELETE FROM coordinator_beat WHERE at < now() - interval '10 minutes')
         INSERT INTO coordinator_beat (instance, at) VALUES ($1, now())
         ON CONFLICT (instance) DO UPDATE SET at = now()",
    )
    .bind(instance)
    .execute(pool)
    .await
    .map_err(StoreError::at("record this coordinator's beat"))?;
    Ok(())
}

/// Who is there: slots by pool, and the number of coordinators.
///
/// # Errors
/// When the database does not answer.
pub async fn present(pool: &PgPool) -> Result<(Vec<PoolRow>, i64), StoreError> {
    let pools = sqlx::query_as(
        "SELECT kind, pool, sum(slots) AS slots, sum(free_slots) AS free_slots FROM beat
         WHERE at > now() - make_interval(secs => $1) GROUP BY kind, pool",
    )
    .bind(SILENCE_SECONDS)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read beats"))?;
    let coordinators =
        sqlx::query_scalar("SELECT count(*) FROM coordinator_beat WHERE at > now() - make_interval(secs => $1)")
            .bind(SILENCE_SECONDS)
            .fetch_one(pool)
            .await
            .map_err(StoreError::at("read coordinators' beats"))?;
    Ok((pools, coordinators))
}
