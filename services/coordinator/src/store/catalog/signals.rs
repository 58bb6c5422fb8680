//! What executors hear with every beat.

use crate::store::StoreError;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

/// Numbers that rise.
#[derive(sqlx::FromRow, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signals {
    /// With every change of registered tools, and of what is in force of found ones.
    pub definitions: i64,
    /// With every discovery asked for.
    pub discover: i64,
}

/// As they are now.
///
/// # Errors
/// When the database does not answer.
pub async fn read(pool: &PgPool) -> Result<Signals, StoreError> {
    sqlx::query_as("SELECT definitions, discover FROM catalog_signal")
        .fetch_one(pool)
        .await
        .map_err(StoreError::at("read the catalog's signals"))
}

/// Has others who change registered tools wait for the transaction's end.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT 1 FROM catalog_signal FOR UPDATE")
        .execute(connection)
        .await
        .map_err(StoreError::at("lock the catalog's signals"))?;
    Ok(())
}

/// Executors have to read again what is in force, in the transaction that changes it.
///
/// # Errors
/// When the database does not answer.
pub async fn definitions_changed(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE catalog_signal SET definitions = definitions + 1")
        .execute(connection)
        .await
        .map_err(StoreError::at("signal a changed definition"))?;
    Ok(())
}

/// Has executors look again; the number of this discovery.
///
/// # Errors
/// When the database does not answer.
pub async fn discover(pool: &PgPool) -> Result<i64, StoreError> {
    sqlx::query_scalar("UPDATE catalog_signal SET discover = discover + 1 RETURNING discover")
        .fetch_one(pool)
        .await
        .map_err(StoreError::at("signal a discovery"))
}
