//! Inputs that could not be processed, kept for people.

use super::StoreError;
use sqlx::PgPool;
use workflow::hash::Fingerprint;
use workflow::ids::TaskId;

/// Keeps an input; the same one once.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(pool: &PgPool, task: Option<TaskId>, reason: &str, input: &str) -> Result<(), StoreError> {
    // What made the input fail may be in its text: NUL is what Postgres refuses.
    let clean = |text: &str| text.replace('\0', "\u{fffd}").chars().take(100_000).collect::<String>();
    sqlx::query(
        "INSERT INTO quarantine (hash, task_id, reason, input)
         SELECT $1, $2::uuid, CASE WHEN erased THEN '' ELSE $3 END, CASE WHEN erased THEN '' ELSE $4 END
         FROM (SELECT EXISTS (SELECT 1 FROM task WHERE id = $2 AND erased_at IS NOT NULL) AS erased) t
         ON CONFLICT DO NOTHING",
    )
    .bind(Fingerprint::of([input.as_bytes()]).to_string())
    .bind(task.map(|t| t.0))
    .bind(clean(reason))
    .bind(clean(input))
    .execute(pool)
    .await
    .map_err(StoreError::at("quarantine an input"))?;
    Ok(())
}
