//! Erasing the words of ended tasks of users who want to be forgotten, and their events on the stream.
//!
//! An order is a row, so that it survives whoever works on it. Tasks that still run are erased when they have ended.

pub mod blank;

use crate::store::StoreError;
use crate::store::erasure::{self, Order, Progress};
use crate::writer::Shared;
use bus::{ForgetError, Token};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// Between two looks at orders that wait for tasks to end.
const EVERY: Duration = Duration::from_secs(5);
/// What was being written when a task was erased, or sent to the stream, is there after this time.
const SETTLE: Duration = Duration::from_secs(60);
/// The broker's clock may be behind the database's by so much.
const CLOCKS_APART: Duration = Duration::from_secs(15 * 60);
/// Whoever orders waits so long to hear what was done.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(50);

/// Why an erasure does not go on now; the next look goes on.
#[derive(thiserror::Error, Debug)]
pub enum ErasingError {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The events stream did not.
    #[error(transparent)]
    Stream(#[from] ForgetError),
}

/// Works on orders for ever.
pub async fn run(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shared.erasure_ordered.notified() => {}
        }
        if let Err(error) = work(&shared, SETTLE).await {
            warn!(error = &error as &dyn std::error::Error, "an erasure waits");
        }
    }
}

/// Does what can be done of every order now. One that fails does not hold up the others.
///
/// # Errors
/// The first one's.
pub async fn work(shared: &Shared, settle: Duration) -> Result<(), ErasingError> {
    let mut failed = None;
    for order in erasure::orders(&shared.pool).await? {
        if let Err(error) = go_on(shared, &order, settle).await {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn go_on(shared: &Shared, order: &Order, settle: Duration) -> Result<(), ErasingError> {
    // What is blank already goes off the stream, whatever becomes of the rest.
    let blanked = blank(shared, order, settle).await;
    off_stream(shared, order).await?;
    Ok(blanked?)
}

async fn blank(shared: &Shared, order: &Order, settle: Duration) -> Result<(), StoreError> {
    while erasure::look(&shared.pool, order, settle).await? {}
    while erasure::erase(&shared.pool, order, settle).await? {}
    Ok(())
}

async fn off_stream(shared: &Shared, order: &Order) -> Result<(), ErasingError> {
    let apart = i64::try_from(CLOCKS_APART.as_millis()).unwrap_or(0);
    loop {
        let (tasks, since) = erasure::on_stream(&shared.pool, order).await?;
        if let (Some(since), Ok(tenant)) = (since, Token::parse(&order.tenant)) {
            let subjects: HashSet<String> = tasks.iter().map(ToString::to_string).collect();
            shared
                .bus
                .forget_events(&tenant, since.timestamp_millis().saturating_sub(apart), &subjects)
                .await?;
        }
        erasure::off_stream(&shared.pool, order, &tasks).await?;
        if tasks.is_empty() {
            return Ok(());
        }
    }
}

/// Keeps an order, and waits a moment for what becomes of it.
///
/// # Errors
/// When the database does not answer; it may have been kept then.
pub async fn order(shared: &Shared, order: &Order) -> Result<Progress, StoreError> {
    erasure::order(&shared.pool, order).await?;
    shared.erasure_ordered.notify_one();
    let deadline = Instant::now() + ANSWER_WITHIN;
    loop {
        let progress = erasure::progress(&shared.pool, &order.tenant, &order.actor).await?;
        let progress = progress.unwrap_or(Progress {
            up_to_date: true,
            ..Progress::default()
        });
        if progress.up_to_date || Instant::now() >= deadline {
            return Ok(progress);
        }
        tokio::time::sleep(POLL).await;
    }
}
