//! The REST server.

use crate::application::Application;
use axum::Router;
use axum::serve::ListenerExt;
use service::health::Health;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use crate::routes::{BASE, router};

/// Serves until `stop`, then until every request has its answer.
///
/// # Errors
/// The listener breaks down.
pub async fn serve(
    listener: TcpListener,
    app: Arc<Application>,
    health: Health,
    stop: CancellationToken,
) -> io::Result<()> {
    let router: Router = router(app, health);
    // Small answers must not wait for more to come.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}
