//! `orchestrator dev`: everything, until a signal.

use super::banner;
use super::lock::Lock;
use super::say;
use super::signals::Signals;
use super::supervisor::Supervisor;
use crate::layout::Layout;
use anyhow::{Context, Result};

/// Runs until SIGINT or SIGTERM and leaves nothing running.
///
/// # Errors
/// When something cannot be started.
pub async fn run(layout: &Layout, own_session: bool) -> Result<()> {
    if own_session {
        // Away from the caller's terminal, so that its end is not ours.
        nix::unistd::setsid().context("starting a session of our own")?;
    }
    let Some(_lock) = Lock::take(layout)? else {
        return banner::already_running(layout);
    };
    let mut signals = Signals::listen()?;
    let mut supervisor = Supervisor::prepare(layout).await?;
    let up = tokio::select! {
        up = supervisor.bring_up() => up,
        () = signals.next() => {
            say("asked to stop while starting");
            supervisor.stop().await;
            return Ok(());
        }
    };
    if up.is_ok() {
        if own_session {
            // Whoever waits for it shows the addresses.
            say("ready");
        } else {
            banner::ready(layout, supervisor.endpoints());
        }
        signals.next().await;
        say("stopping");
    }
    supervisor.stop().await;
    if up.is_ok() {
        say("stopped");
    }
    up
}
