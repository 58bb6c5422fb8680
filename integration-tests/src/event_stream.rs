//! Events as any NATS client sees them.

use crate::document::Document as _;
use anyhow::{Context as _, Result};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::{Client, ConnectOptions, ServerAddr, jetstream};
use futures::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The stream of the contract.
pub const STREAM: &str = "ORCHESTRATOR_EVENTS";
/// Every completed task.
pub const COMPLETED: &str = "orchestrator.events.task.completed.>";

/// Connects with the credential inside the URL.
///
/// # Errors
/// Not a NATS address, or no server.
pub async fn connect(url: &str) -> Result<Client> {
    let address: ServerAddr = url.parse().context("not a NATS address")?;
    let user = address.username().unwrap_or_default().to_owned();
    let password = address.password().unwrap_or_default().to_owned();
    connect_as(
        &format!("nats://{}:{}", address.host(), address.port()),
        &user,
        &password,
    )
    .await
}

/// Connects to `url` as this user.
///
/// # Errors
/// No server.
pub async fn connect_as(url: &str, user: &str, password: &str) -> Result<Client> {
    let options = ConnectOptions::new()
        .user_and_password(user.to_owned(), password.to_owned())
        .subscription_capacity(1 << 18)
        .reconnect_delay_callback(|_| Duration::from_millis(200));
    options.connect(url).await.context("connecting to NATS")
}

/// Events of one task on the stream: unique id to sequence.
pub type Seen = BTreeMap<String, u64>;

/// Everything on the stream now, by task; events of other entities are left out.
///
/// # Errors
/// No stream, or an event that is not as promised.
pub async fn read_all(client: &Client) -> Result<BTreeMap<String, Seen>> {
    let context = jetstream::new(client.clone());
    let stream = context.get_stream(STREAM).await.context("no events stream")?;
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::All,
        inactive_threshold: Duration::from_secs(30),
        ..Default::default()
    };
    let consumer = stream
        .create_consumer(config)
        .await
        .context("no consumer on the events stream")?;
    let mut tasks: BTreeMap<String, Seen> = BTreeMap::new();
    let mut pending = consumer.cached_info().num_pending;
    while pending > 0 {
        let mut batch = consumer.fetch().max_messages(1000).messages().await?;
        let mut received = 0;
        while let Some(message) = batch.next().await {
            let message = message.map_err(anyhow::Error::from_boxed)?;
            received += 1;
            let event: Value = serde_json::from_slice(&message.payload).context("an event is not JSON")?;
            let Ok(sequence) = event.number("/sequence") else {
                continue;
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "sequences count from 1"
            )]
            let sequence = sequence as u64;
            let task = event.text("/subject")?.to_owned();
            tasks
                .entry(task)
                .or_default()
                .insert(event.text("/id")?.to_owned(), sequence);
        }
        if received == 0 {
            break;
        }
        pending = pending.saturating_sub(received);
    }
    Ok(tasks)
}
