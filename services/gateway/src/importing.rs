//! Passing training records on to the learner while they come in.

use crate::application::Application;
use crate::caller::TENANT;
use crate::refusal::Refusal;
use bytes::Bytes;
use contracts::learner::{ImportChunk, LearningDocument};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of one import.
const MOST_BYTES: u64 = 16 << 30;
/// Bytes of one message.
const MOST_PIECE: usize = 1 << 20;

/// Pieces of an import as they come, and why they stopped coming.
pub type Pieces = BoxStream<'static, Result<Bytes, Refusal>>;

impl Application {
    /// Imports training records, one JSON document a line; the report.
    ///
    /// # Errors
    /// What the learner refuses; 400, 408, 413 where the lines do not come to their end: what came before is imported.
    pub async fn import(&self, pieces: Pieces) -> Result<LearningDocument, Refusal> {
        let broken = Arc::new(Broken::default());
        let chunks = chunks(pieces, Arc::clone(&broken));
        tokio::select! {
            // An end that is none must not look like one: then the call is dropped, and the learner knows.
            biased;
            refusal = broken.told() => Err(refusal),
            report = self.learner.import(chunks) => report,
        }
    }
}

/// Why the pieces stopped coming.
#[derive(Default)]
struct Broken {
    why: Mutex<Option<Refusal>>,
    told: Notify,
}

impl Broken {
    fn tell(&self, refusal: Refusal) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        self.told.notify_one();
    }

    async fn told(&self) -> Refusal {
        loop {
            self.told.notified().await;
            if let Some(refusal) = self.why.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return refusal;
            }
        }
    }
}

fn chunks(pieces: Pieces, broken: Arc<Broken>) -> impl Stream<Item = ImportChunk> + Send + 'static {
    let first = ImportChunk {
        tenant: TENANT.to_owned(),
        chunk: Vec::new(),
    };
    let rest = stream::unfold((pieces, 0_u64, broken), |(mut pieces, before, broken)| async move {
        match next(&mut pieces, before).await {
            Ok(None) => None,
            Ok(Some(piece)) => {
                let size = before + piece.len() as u64;
                Some((piece, (pieces, size, broken)))
            }
            Err(refusal) => {
                broken.tell(refusal);
                std::future::pending().await
            }
        }
    });
    let rest = rest.flat_map(|piece| {
        let parts: Vec<ImportChunk> = piece.chunks(MOST_PIECE).map(chunk).collect();
        stream::iter(parts)
    });
    stream::iter([first]).chain(rest)
}

fn chunk(bytes: &[u8]) -> ImportChunk {
    ImportChunk {
        tenant: String::new(),
        chunk: bytes.to_vec(),
    }
}

async fn next(pieces: &mut Pieces, before: u64) -> Result<Option<Bytes>, Refusal> {
    let next = tokio::time::timeout(PATIENCE, pieces.next()).await;
    let next = next.map_err(|_| Refusal::new(408, "request_timeout", "nothing came for 30 seconds"))?;
    let Some(piece) = next.transpose()? else {
        return Ok(None);
    };
    if before + piece.len() as u64 > MOST_BYTES {
        let detail = format!("an import has at most {MOST_BYTES} bytes");
        return Err(Refusal::new(413, "body_too_large", detail).with("max_bytes", MOST_BYTES));
    }
    Ok(Some(piece))
}
