//! Whether the worker can take work now.

use bus::connection::Connection;
use bus::worker::Status;
use service::Context;
use tokio::sync::watch;

/// Keeps the checks `nats` and `coordinator` of `/readyz` up to date until shutdown.
pub async fn keep_telling(
    ctx: Context,
    mut connection: watch::Receiver<Connection>,
    mut status: watch::Receiver<Status>,
) {
    loop {
        let up = connection.borrow_and_update().up;
        let admitting = status.borrow_and_update().admitting;
        ctx.ready.set("nats", up, "not connected");
        ctx.ready.set(
            "coordinator",
            admitting,
            "no new work: the coordinator does not answer beats",
        );
        let changed = tokio::select! {
            changed = connection.changed() => changed,
            changed = status.changed() => changed,
            () = ctx.shutdown.cancelled() => return,
        };
        if changed.is_err() {
            return;
        }
    }
}
