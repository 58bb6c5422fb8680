//! What a request means, for memory; and how near tools are to it: vectors of what tools say of themselves, kept while
//! plannings ask for them.

use futures::FutureExt;
use futures::future::{BoxFuture, Shared as SharedFuture};
use llm::{EmbedError, Embedder, ToolCard};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For one batch of tools, beside plannings.
const BATCH_PATIENCE: Duration = Duration::from_secs(60);

/// What no planning asked for so long is of no tool any more; tenants whose tools differ plan by turns.
const KEPT: Duration = Duration::from_secs(600);
/// Vectors that are kept for other plannings than the one that asks.
const MOST_KEPT: usize = 10_000;

/// What of a tool is embedded. Versions of a tool that say the same share a vector.
type ToolText = String;

/// Finds by meaning.
#[derive(Clone)]
pub struct Meaning(Arc<Shared>);

struct Shared {
    embedder: Embedder,
    /// For the request of one planning.
    patience: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    vectors: BTreeMap<ToolText, Vector>,
    /// Somebody is embedding what is lacking.
    filling: bool,
    /// Why the last to do so gave up.
    failed: Option<EmbedError>,
}

struct Vector {
    numbers: Arc<[f32]>,
    /// When a planning asked for it last.
    asked: Instant,
}

/// Tools are found by words alone this time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMeaning {
    /// Most tools have no vector yet.
    #[error("{known} of {tools} tools are embedded so far{}", because(.failed.as_ref()))]
    Lacking {
        /// Tools with a vector.
        known: usize,
        /// Tools of the catalog.
        tools: usize,
        /// Why it stopped, if it did.
        failed: Option<EmbedError>,
    },
    /// The request has no vector.
    #[error("the request is not embedded: {0}")]
    Request(#[from] EmbedError),
    /// The vectors of the tools are of another model than the request's.
    #[error("the vectors have other dimensions than before; tools are embedded anew")]
    OtherDimensions,
}

impl NoMeaning {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Lacking { failed: None, .. } | Self::OtherDimensions => "embeddings_lacking",
            Self::Lacking {
                failed: Some(error), ..
            }
            | Self::Request(error) => error.code(),
        }
    }
}

fn because(failed: Option<&EmbedError>) -> String {
    failed.map_or_else(String::new, |error| format!(": {error}"))
}

impl Meaning {
    /// Waits so long for the vector of a request.
    pub fn by(embedder: Embedder, patience: Duration) -> Self {
        Self(Arc::new(Shared {
            embedder,
            patience,
            known: Mutex::new(Known::default()),
        }))
    }

    /// Of a request that is planned: embedded once, when somebody first needs it.
    pub fn of(&self, request: &str) -> Meant {
        let (shared, request) = (Arc::clone(&self.0), request.to_owned());
        let embedded = async move {
            // A task of its own: whoever has no time left leaves it to those who have.
            let task = tokio::spawn(async move { shared.embed_request(&request).await });
            let gone = |error: tokio::task::JoinError| Err(EmbedError::Away(error.to_string()));
            task.await.unwrap_or_else(gone)
        };
        Meant {
            meaning: self.clone(),
            vector: embedded.boxed().shared(),
        }
    }

    /// Most tools have a vector.
    fn check_known(&self, texts: &[ToolText]) -> Result<(), NoMeaning> {
        let state = self.0.known();
        let known = texts.iter().filter(|text| state.vectors.contains_key(*text)).count();
        if known * 2 >= texts.len() {
            return Ok(());
        }
        Err(NoMeaning::Lacking {
            known,
            tools: texts.len(),
            failed: state.failed.clone(),
        })
    }

    /// Has the vectors that are lacking made by one task at a time, and forgets those nobody asks for.
    fn embed_lacking(&self, texts: &[ToolText]) {
        let lacking: BTreeSet<ToolText> = {
            let mut known = self.0.known();
            if known.filling {
                return;
            }
            let texts: BTreeSet<&ToolText> = texts.iter().collect();
            known.keep(&texts);
            let lacking = texts.into_iter().filter(|text| !known.vectors.contains_key(*text));
            let lacking: BTreeSet<ToolText> = lacking.cloned().collect();
            known.filling = !lacking.is_empty();
            lacking
        };
        if !lacking.is_empty() {
            tokio::spawn(Arc::clone(&self.0).embed(lacking.into_iter().collect()));
        }
    }
}

/// What one request means.
#[derive(Clone)]
pub struct Meant {
    meaning: Meaning,
    vector: SharedFuture<BoxFuture<'static, Result<Arc<[f32]>, EmbedError>>>,
}

impl Meant {
    /// Who is asked: provider and model.
    pub fn model(&self) -> String {
        self.meaning.0.embedder.id()
    }

    /// Of unit length.
    ///
    /// # Errors
    /// When there is none; within the time for one request.
    pub async fn vector(&self) -> Result<Arc<[f32]>, EmbedError> {
        self.vector.clone().await
    }

    /// The cosine of each tool to the request, by index; none where the tool has no vector yet. What is lacking is
    /// embedded beside this and later plannings.
    ///
    /// # Errors
    /// When there is nothing to go by; within the time for one request.
    pub async fn similarity(&self, tools: &[ToolCard]) -> Result<Vec<Option<f32>>, NoMeaning> {
        let texts: Vec<ToolText> = tools.iter().map(text_of).collect();
        self.meaning.embed_lacking(&texts);
        self.meaning.check_known(&texts)?;
        let request = self.vector().await?;
        let mut known = self.meaning.0.known();
        known.vectors.retain(|_, vector| vector.numbers.len() == request.len());
        let near = |text: &ToolText| known.vectors.get(text).map(|vector| cosine(&vector.numbers, &request));
        let similarity: Vec<Option<f32>> = texts.iter().map(near).collect();
        if similarity.iter().all(Option::is_none) {
            return Err(NoMeaning::OtherDimensions);
        }
        Ok(similarity)
    }
}

impl Known {
    /// These texts are asked for.
    fn keep(&mut self, texts: &BTreeSet<&ToolText>) {
        let now = Instant::now();
        let kept = if self.vectors.len() > MOST_KEPT {
            Duration::ZERO
        } else {
            KEPT
        };
        self.vectors.retain(|text, vector| {
            if texts.contains(text) {
                vector.asked = now;
            }
            vector.asked == now || now.duration_since(vector.asked) < kept
        });
    }
}

impl Shared {
    async fn embed_request(&self, request: &str) -> Result<Arc<[f32]>, EmbedError> {
        let [vector] = self
            .embedder
            .embed(&[request], self.patience)
            .await?
            .try_into()
            .unwrap_or_default();
        Ok(vector.into())
    }

    async fn embed(self: Arc<Self>, texts: Vec<ToolText>) {
        // Whatever happens, the next planning may try again.
        let filling = Filling(&self);
        for batch in texts.chunks(Embedder::BATCH) {
            let asked: Vec<&str> = batch.iter().map(String::as_str).collect();
            let outcome = self.embedder.embed(&asked, BATCH_PATIENCE).await;
            let mut known = self.known();
            match outcome {
                Ok(vectors) => {
                    let asked = Instant::now();
                    let vectors = vectors.into_iter().map(Arc::from);
                    let vectors = vectors.map(|numbers| Vector { numbers, asked });
                    known.vectors.extend(batch.iter().cloned().zip(vectors));
                    known.failed = None;
                }
                Err(EmbedError::LeftAlone(_)) if known.failed.is_some() => break,
                Err(error) => {
                    known.failed = Some(error);
                    break;
                }
            }
        }
        drop(filling);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Filling<'a>(&'a Shared);

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.0.known().filling = false;
    }
}

/// Its name, what it does, what kind it is, the names of its arguments.
fn text_of(tool: &ToolCard) -> ToolText {
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let arguments: Vec<&str> = properties
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    format!(
        "{}: {} ({}) {}",
        tool.name,
        tool.description,
        tool.category,
        arguments.join(", ")
    )
}

/// Of vectors of unit length and equal dimensions.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
