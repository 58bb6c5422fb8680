//! Servers in containers, where there is an engine and no local binary.

use std::sync::OnceLock;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

/// Starts NATS and answers its URL.
pub(crate) async fn nats() -> anyhow::Result<String> {
    static CONTAINER: OnceLock<ContainerAsync<GenericImage>> = OnceLock::new();
    let container = GenericImage::new("nats", "2.15-alpine")
        .with_exposed_port(4222.tcp())
        .with_wait_for(WaitFor::message_on_stderr("Server is ready"))
        .with_cmd(["-js", "-sd", "/data"])
        .start()
        .await?;
    let url = format!("nats://127.0.0.1:{}", container.get_host_port_ipv4(4222).await?);
    CONTAINER.get_or_init(|| container);
    Ok(url)
}

/// Starts Postgres and answers the URL of its first database.
pub(crate) async fn postgres() -> anyhow::Result<String> {
    static CONTAINER: OnceLock<ContainerAsync<GenericImage>> = OnceLock::new();
    let container = GenericImage::new("postgres", "15-alpine")
        .with_exposed_port(5432.tcp())
        // It says so once while it sets itself up, and again when it is there to stay.
        .with_wait_for(WaitFor::message_on_stdout("PostgreSQL init process complete"))
        .with_wait_for(WaitFor::message_on_stderr(
            "database system is ready to accept connections",
        ))
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_env_var("POSTGRES_USER", "orchestrator")
        .with_env_var("POSTGRES_DB", "postgres")
        .with_cmd(["-c", "max_connections=400"])
        .start()
        .await?;
    let port = container.get_host_port_ipv4(5432).await?;
    CONTAINER.get_or_init(|| container);
    Ok(format!("postgres://orchestrator@127.0.0.1:{port}/postgres"))
}
