//! The writer's own thread: nothing that is read or served delays the next commit.

use super::Writer;
use super::inbox::Envelope;
use anyhow::Context as _;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Starts the writer; what is answered resolves when it has ended, with an error if it panicked.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    writer: Writer,
    envelopes: mpsc::Receiver<Envelope>,
    stop: CancellationToken,
) -> anyhow::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the writer's runtime")?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || {
            runtime.block_on(writer.run(envelopes, stop));
            // Nobody waits any more only when the process ends.
            drop(ended.send(()));
        })
        .context("the writer's thread")?;
    Ok(end)
}
