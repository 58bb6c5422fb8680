//! Blobs: outputs too large for a message, by the hash of their bytes, beside their task.

use super::StoreError;
use contracts::work::BlobRef;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use std::fmt::Write;
use workflow::ids::TaskId;

/// The name of these bytes.
pub fn blob_ref(bytes: &[u8]) -> BlobRef {
    let digest = Sha256::digest(bytes);
    let mut sha256 = String::with_capacity(64);
    for byte in digest {
        // Writing to a string cannot fail.
        if write!(sha256, "{byte:02x}").is_err() {
            break;
        }
    }
    BlobRef {
        sha256,
        size: bytes.len() as u64,
    }
}

/// Keeps bytes beside a task; the same bytes once, and none beside one that was erased.
///
/// # Errors
/// When the database does not answer.
pub async fn put(pool: &PgPool, task: TaskId, bytes: &[u8]) -> Result<BlobRef, StoreError> {
    let digest = Sha256::digest(bytes);
    sqlx::query(
        "INSERT INTO blob (task_id, sha256, body) SELECT $1::uuid, $2::bytea, $3::bytea
         WHERE NOT EXISTS (SELECT 1 FROM task WHERE id = $1 AND erased_at IS NOT NULL) ON CONFLICT DO NOTHING",
    )
    .bind(task.0)
    .bind(digest.as_slice())
    .bind(bytes)
    .execute(pool)
    .await
    .map_err(StoreError::at("keep a payload"))?;
    Ok(blob_ref(bytes))
}

/// Gives a task the blobs of these hashes (hex) that lie beside another one.
///
/// # Errors
/// When the database does not answer.
pub async fn copy(pool: &PgPool, from: TaskId, to: TaskId, sha256: &[String]) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO blob (task_id, sha256, body) SELECT $2, sha256, body FROM blob
         WHERE task_id = $1 AND encode(sha256, 'hex') = ANY ($3) ON CONFLICT DO NOTHING",
    )
    .bind(from.0)
    .bind(to.0)
    .bind(sha256)
    .execute(pool)
    .await
    .map_err(StoreError::at("copy payloads"))?;
    Ok(())
}

/// Removes the blobs of a task that came to nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(pool: &PgPool, task: TaskId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM blob WHERE task_id = $1 AND NOT EXISTS (SELECT 1 FROM task WHERE id = $1)")
        .bind(task.0)
        .execute(pool)
        .await
        .map_err(StoreError::at("forget payloads"))?;
    Ok(())
}

/// The bytes of that hash beside the task.
///
/// # Errors
/// When the database does not answer.
pub async fn get(pool: &PgPool, task: TaskId, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
    sqlx::query_scalar("SELECT body FROM blob WHERE task_id = $1 AND sha256 = decode($2, 'hex')")
        .bind(task.0)
        .bind(sha256)
        .fetch_optional(pool)
        .await
        .map_err(StoreError::at("read a payload"))
}
