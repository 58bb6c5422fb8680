//! Bytes that arrive, written where nobody waits for the disk.

use super::Incoming;
use super::error::IntakeError;
use bytes::Bytes;
use std::fs::File;
use std::io::Read;
use tokio::task::spawn_blocking;

/// Read from a file at once.
const PIECE: usize = 1 << 20;

/// More of what comes in. Dropped on the way, nothing of it stays.
///
/// # Errors
/// When it is too much, no model, or the disk does not take it.
pub async fn append(mut incoming: Incoming, bytes: Bytes) -> Result<Incoming, IntakeError> {
    blocking(move || incoming.write(&bytes).map(|()| incoming)).await
}

/// The whole of a file: what becomes of it later does not change what came in.
///
/// # Errors
/// When it cannot be read, and as [`append`].
pub async fn copy(mut incoming: Incoming, mut file: File) -> Result<Incoming, IntakeError> {
    blocking(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(IntakeError::Read)?;
            match piece.get(..read) {
                None | Some([]) => return Ok(incoming),
                Some(bytes) => incoming.write(bytes)?,
            }
        }
    })
    .await
}

/// Work that waits for the disk.
///
/// # Errors
/// Its own.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IntakeError> + Send + 'static,
) -> Result<T, IntakeError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(IntakeError::Write(std::io::Error::other(error))),
    }
}
