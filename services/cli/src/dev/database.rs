//! The database and its roles inside the cluster.

use super::credentials::Credentials;
use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

/// Name of the database and of the role that owns it.
pub const SERVICE: &str = "orchestrator";
/// Name of the role that may only read.
pub const READER: &str = "reader";

/// How the supervisor connects.
pub fn superuser(port: u16, credentials: &Credentials) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username("postgres")
        .password(&credentials.postgres_superuser)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable)
}

/// Makes what is missing and sets the passwords; changes nothing the second time.
///
/// # Errors
/// When Postgres refuses.
pub async fn provision(options: &PgConnectOptions, credentials: &Credentials) -> Result<()> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .context("connecting to Postgres")?;
    role(&mut connection, SERVICE, &credentials.postgres_service).await?;
    role(&mut connection, READER, &credentials.postgres_reader).await?;
    let exists = connection
        .fetch_optional("SELECT 1 FROM pg_database WHERE datname = 'orchestrator'")
        .await
        .context("looking for the database")?
        .is_some();
    if !exists {
        connection
            .execute("CREATE DATABASE orchestrator OWNER orchestrator")
            .await
            .context("creating the database")?;
    }
    // Every table of every schema, later ones too; and nothing but reading.
    connection
        .execute("GRANT pg_read_all_data TO reader")
        .await
        .context("letting the reader read")?;
    connection
        .execute("ALTER ROLE reader SET default_transaction_read_only = on")
        .await
        .context("keeping the reader from writing")?;
    connection.close().await.context("closing the connection to Postgres")
}

async fn role(connection: &mut PgConnection, name: &'static str, password: &str) -> Result<()> {
    let statement: String = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)
                THEN format('ALTER ROLE %I LOGIN PASSWORD %L', $1, $2)
                ELSE format('CREATE ROLE %I LOGIN PASSWORD %L', $1, $2) END",
    )
    .bind(name)
    .bind(password)
    .fetch_one(&mut *connection)
    .await
    .and_then(|row| row.try_get(0))
    .with_context(|| format!("preparing role {name}"))?;
    // Quoted by the server itself, just above.
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .with_context(|| format!("creating role {name}"))?;
    Ok(())
}
