//! Which coordinator reads which lane of results.

use super::StoreError;
use sqlx::PgPool;

/// Seconds a claim holds without renewal.
const HOLD_SECONDS: f64 = 5.0;

/// Claims a lane, or renews the claim. False: somebody else holds it.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(pool: &PgPool, lane: i32, owner: &str) -> Result<bool, StoreError> {
    let claimed = sqlx::query(
        "INSERT INTO lane (lane, owner, until) VALUES ($1, $2, now() + make_interval(secs => $3))
         ON CONFLICT (lane) DO UPDATE SET owner = excluded.owner, until = excluded.until
             WHERE lane.owner = excluded.owner OR lane.until < now()",
    )
    .bind(lane)
    .bind(owner)
    .bind(HOLD_SECONDS)
    .execute(pool)
    .await
    .map_err(StoreError::at("claim a lane"))?;
    Ok(claimed.rows_affected() > 0)
}

/// Gives all lanes of an owner back.
///
/// # Errors
/// When the database does not answer; the claims then run out.
pub async fn release(pool: &PgPool, owner: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM lane WHERE owner = $1")
        .bind(owner)
        .execute(pool)
        .await
        .map_err(StoreError::at("release lanes"))?;
    Ok(())
}
