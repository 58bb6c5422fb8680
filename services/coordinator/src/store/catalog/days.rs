//! What runs of tools took, summed by the day.

use crate::catalog::measures::Sums;
use crate::store::StoreError;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

/// Days that count.
pub const WINDOW_DAYS: i32 = 30;

/// Adds to today's sums; days that do not count any more are forgotten.
///
/// # Errors
/// When the database does not answer.
pub async fn add(pool: &PgPool, sums: &[(String, Sums)]) -> Result<(), StoreError> {
    let whole = |of: fn(&Sums) -> i64| sums.iter().map(|(_, sums)| of(sums)).collect::<Vec<_>>();
    let real = |of: fn(&Sums) -> f64| sums.iter().map(|(_, sums)| of(sums)).collect::<Vec<_>>();
    sqlx::query(
        "WITH gone AS (DELETE FROM tool_day WHERE day <= (now() AT TIME ZONE 'UTC')::date - $9)
         INSERT INTO tool_day AS d (tool_id, day, runs, succeeded, seconds, seconds_squared, priced, usd, usd_squared)
         SELECT n.tool_id, (now() AT TIME ZONE 'UTC')::date, n.runs, n.succeeded, n.seconds, n.seconds_squared,
             n.priced, n.usd, n.usd_squared
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::bigint[], $7::float8[],
             $8::float8[])
             AS n (tool_id, runs, succeeded, seconds, seconds_squared, priced, usd, usd_squared)
         ORDER BY n.tool_id
         ON CONFLICT (tool_id, day) DO UPDATE SET runs = d.runs + excluded.runs,
             succeeded = d.succeeded + excluded.succeeded, seconds = d.seconds + excluded.seconds,
             seconds_squared = d.seconds_squared + excluded.seconds_squared, priced = d.priced + excluded.priced,
             usd = d.usd + excluded.usd, usd_squared = d.usd_squared + excluded.usd_squared",
    )
    .bind(sums.iter().map(|(tool_id, _)| tool_id.as_str()).collect::<Vec<_>>())
    .bind(whole(|s| s.runs))
    .bind(whole(|s| s.succeeded))
    .bind(real(|s| s.seconds))
    .bind(real(|s| s.seconds_squared))
    .bind(whole(|s| s.priced))
    .bind(real(|s| s.usd))
    .bind(real(|s| s.usd_squared))
    .bind(WINDOW_DAYS)
    .execute(pool)
    .await
    .map_err(StoreError::at("add up runs of tools"))?;
    Ok(())
}

/// The id is another tool's now.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(connection: &mut PgConnection, tool_id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM tool_day WHERE tool_id = $1 OR starts_with(tool_id, $1 || '#')")
        .bind(tool_id)
        .execute(connection)
        .await
        .map_err(StoreError::at("forget what a tool took"))?;
    Ok(())
}

/// The sums of the window, of these tools or of all.
///
/// # Errors
/// When the database does not answer.
pub async fn sums(pool: &PgPool, tool_ids: Option<&[String]>) -> Result<Vec<(String, Sums)>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT tool_id, sum(runs)::bigint AS runs, sum(succeeded)::bigint AS succeeded, sum(seconds) AS seconds,
             sum(seconds_squared) AS seconds_squared, sum(priced)::bigint AS priced, sum(usd) AS usd,
             sum(usd_squared) AS usd_squared
         FROM tool_day
         WHERE day > (now() AT TIME ZONE 'UTC')::date - $2 AND ($1::text[] IS NULL OR tool_id = ANY($1))
         GROUP BY tool_id ORDER BY tool_id",
    )
    .bind(tool_ids)
    .bind(WINDOW_DAYS)
    .fetch_all(pool)
    .await
    .map_err(StoreError::at("read what tools took"))?;
    Ok(rows.into_iter().map(|row| (row.tool_id, row.sums)).collect())
}

#[derive(sqlx::FromRow)]
struct Row {
    tool_id: String,
    #[sqlx(flatten)]
    sums: Sums,
}
