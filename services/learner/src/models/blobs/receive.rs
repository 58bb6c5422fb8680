//! Bytes that arrive, written where nobody waits for the disk.

use super::error::IntakeError;
use super::{Blob, Blobs, Incoming};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::pin::pin;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Read from a file at once.
const PIECE: usize = 1 << 20;

/// Takes in what a stream brings; `progress` is told the bytes so far. Dropped on the way, it leaves nothing behind.
///
/// # Errors
/// When the stream fails, or the file is not accepted.
pub async fn receive<E: Display>(
    blobs: &Blobs,
    id: Uuid,
    stream: impl Stream<Item = Result<Bytes, E>>,
    mut progress: impl FnMut(u64),
) -> Result<Blob, IntakeError> {
    let mut stream = pin!(stream);
    let mut incoming = blobs.begin(id)?;
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| IntakeError::Aborted(error.to_string()))?;
        incoming = blocking(move || written(incoming, &bytes)).await?;
        progress(incoming.size());
    }
    blocking(move || incoming.finish()).await
}

/// Takes in a copy of a file: what becomes of it later does not change the blob.
///
/// # Errors
/// When it cannot be read, or is not accepted.
pub async fn copy(blobs: &Blobs, id: Uuid, mut file: File) -> Result<Blob, IntakeError> {
    let mut incoming = blobs.begin(id)?;
    blocking(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(IntakeError::Read)?;
            match piece.get(..read) {
                None | Some([]) => return incoming.finish(),
                Some(bytes) => incoming.write(bytes)?,
            }
        }
    })
    .await
}

fn written(mut incoming: Incoming, bytes: &[u8]) -> Result<Incoming, IntakeError> {
    incoming.write(bytes).map(|()| incoming)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IntakeError> + Send + 'static,
) -> Result<T, IntakeError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(IntakeError::Write(std::io::Error::other(error))),
    }
}
