//! What patterns mean: their intents are embedded beside everything else, and compared with requests.

use super::direction::{Direction, MAX_DIMENSIONS};
use super::fusion::Candidate;
use crate::backoff::Backoff;
use crate::store::{Question, Store, StoreError, Unembedded};
use contracts::learner::RecallRequest;
use llm::{EmbedError, Embedder};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// For one batch.
const BATCH_PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at whether there is something to embed.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Looking may take this part of the time, however many patterns there are.
const SHARE_OF_TIME: u32 = 50;
/// After a failure the embedder itself asks nobody for 30 s.
const FIRST_PAUSE: Duration = Duration::from_secs(31);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Embeds the intents of patterns that are offered, the newest first.
pub struct Embedding {
    store: Store,
    embedder: Embedder,
    states: Vec<&'static str>,
    next: Batch,
    /// Of the last vectors.
    dimensions: Option<usize>,
}

/// Which patterns are next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    /// Those from here on were embedded, or are left out until all others are.
    before: Option<Uuid>,
    size: usize,
}

impl Batch {
    const FIRST: Self = Self {
        before: None,
        size: Embedder::BATCH,
    };

    fn after_success(self, last: Uuid) -> Self {
        Self {
            before: Some(last),
            size: (self.size * 2).min(Embedder::BATCH),
        }
    }

    /// A text that the server does not want is found by asking for fewer, and left out.
    fn after_failure(self, error: &EmbedError, last: Uuid) -> Self {
        match (error, self.size) {
            (EmbedError::Away(_) | EmbedError::LeftAlone(_), _) => self,
            (_, 1) => Self {
                before: Some(last),
                ..self
            },
            (_, size) => Self { size: size / 2, ..self },
        }
    }
}

/// A batch was not embedded.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server of embeddings gave nothing.
    #[error("the server of embeddings: {0}")]
    Embed(#[from] EmbedError),
    /// Nothing to keep.
    #[error("vectors have more than {MAX_DIMENSIONS} dimensions")]
    Dimensions,
}

impl Embedding {
    /// Of patterns in these states, and those pinned.
    pub fn new(store: Store, embedder: Embedder, states: Vec<&'static str>) -> Self {
        Self {
            store,
            embedder,
            states,
            next: Batch::FIRST,
            dimensions: None,
        }
    }

    /// Until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut pause = Duration::ZERO;
        while crate::slept(pause, &shutdown).await {
            let begun = Instant::now();
            let batch = tokio::select! {
                () = shutdown.cancelled() => return,
                batch = self.batch() => batch,
            };
            pause = match batch {
                Ok(0) => LOOK_EVERY.max(begun.elapsed() * SHARE_OF_TIME),
                Ok(_) => {
                    backoff.reset();
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(%error, "patterns are not found by meaning yet");
                    backoff.pause()
                }
            };
        }
    }

    /// Embeds the next; how many. 0: there are none left, and the next batch begins anew.
    ///
    /// # Errors
    /// When they were not embedded.
    pub async fn batch(&mut self) -> Result<usize, Unfinished> {
        let model = self.embedder.id();
        let unembedded = self
            .store
            .unembedded(&model, self.dimensions, &self.states, self.next.before, self.next.size)
            .await?;
        let Some(last) = unembedded.last().map(|last| last.pattern) else {
            self.next.before = None;
            return Ok(0);
        };
        let intents: Vec<&str> = unembedded.iter().map(|of| of.intent.as_str()).collect();
        let vectors = match self.embedder.embed(&intents, BATCH_PATIENCE).await {
            Ok(vectors) => vectors,
            Err(error) => {
                self.next = self.next.after_failure(&error, last);
                return Err(error.into());
            }
        };
        let directions: Option<Vec<Direction>> = vectors.iter().map(|vector| Direction::of(vector)).collect();
        let directions = directions.ok_or(Unfinished::Dimensions)?;
        self.dimensions = vectors.first().map(Vec::len);
        let found: Vec<(Unembedded, Direction)> = unembedded.into_iter().zip(directions).collect();
        self.store.keep_directions(&model, &found).await?;
        self.next = self.next.after_success(last);
        Ok(found.len())
    }
}

/// Ranks patterns by what they mean.
#[derive(Default)]
pub struct Ranking {
    /// It was said that nothing can be compared.
    told: AtomicBool,
}

impl Ranking {
    /// The patterns whose meaning is known, and how near each is to what the request says it means; none where it does not
    /// say that, or in vectors of another model than patterns have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn near(
        &self,
        store: &Store,
        question: &Question,
        request: &RecallRequest,
    ) -> Result<Vec<Candidate>, StoreError> {
        let asked = Direction::of(&request.meaning).filter(|_| !request.meaning_model.contains('\0'));
        let Some(asked) = asked else {
            return Ok(Vec::new());
        };
        let known = store.directions(question, &request.meaning_model, &asked).await?;
        let compared = known
            .iter()
            .filter_map(|(candidate, direction)| {
                let meaning = Some(asked.cosine(direction)?);
                Some(Candidate { meaning, ..*candidate })
            })
            .collect::<Vec<_>>();
        if compared.is_empty() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::info!(
                model = request.meaning_model,
                dimensions = request.meaning.len(),
                "no pattern has a vector to compare this request with, this is said once"
            );
        }
        Ok(compared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_refused_keeps_none_of_the_others_away() {
        // Patterns 99 to 0, and the server does not take a batch with 70 in it.
        let (mut next, mut embedded, mut asked) = (Batch::FIRST, Vec::new(), 0);
        loop {
            let first = next.before.map_or(100, |before| before.as_u128());
            let batch: Vec<u128> = (0..first).rev().take(next.size).collect();
            let Some(last) = batch.last().map(|last| Uuid::from_u128(*last)) else {
                break;
            };
            asked += 1;
            next = if batch.contains(&70) {
                next.after_failure(&EmbedError::Refused(400), last)
            } else {
                embedded.extend(batch);
                next.after_success(last)
            };
        }
        assert_eq!(embedded, (0..100).rev().filter(|n| *n != 70).collect::<Vec<_>>());
        assert!(asked < 25, "{asked}");
    }

    #[test]
    fn an_outage_is_no_fault_of_the_texts() {
        let away = EmbedError::Away("no connection".to_owned());
        assert_eq!(Batch::FIRST.after_failure(&away, Uuid::nil()), Batch::FIRST);
    }
}
