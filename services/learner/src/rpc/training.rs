//! Training data: shapes of files, and imports.

use super::{Learner, away};
use crate::export::render::{Format, shape};
use crate::imports::ImportError;
use contracts::learner::{ExportDocument, ImportChunk, LearningDocument};
use contracts::problem::Problem;
use futures::{Stream, StreamExt, stream};
use tonic::Status;

impl Learner {
    /// Imports what comes; the first message names the tenant.
    pub(crate) async fn imported<S>(&self, chunks: S) -> Result<LearningDocument, Problem>
    where
        S: Stream<Item = Result<ImportChunk, Status>> + Send + Unpin,
    {
        let Some(_leave) = self.imports.begin() else {
            return Err(Problem::new(
                429,
                "too_many_imports",
                "wait until a running import has ended",
            ));
        };
        let mut chunks = chunks;
        let Some(Ok(first)) = chunks.next().await else {
            return Err(broken_off());
        };
        if first.tenant.is_empty() {
            return Err(Problem::new(422, "validation", "the first message names the tenant"));
        }
        let rest = chunks.map(|chunk| chunk.map(|chunk| chunk.chunk));
        let pieces = stream::iter([Ok(first.chunk)]).chain(rest);
        let report = self
            .imports
            .run(&first.tenant, pieces)
            .await
            .map_err(|error| match error {
                ImportError::Store(error) => away(&error),
                ImportError::Source(_) => broken_off(),
                ImportError::Reading(_) => Problem::new(500, "internal", "the lines could not be read"),
            })?;
        let json = serde_json::to_string(&report)
            .map_err(|_| Problem::new(500, "internal", "the report could not be written"))?;
        Ok(LearningDocument { json, replayed: false })
    }
}

fn broken_off() -> Problem {
    Problem::new(
        400,
        "body_incomplete",
        "the lines stopped coming; what came before is imported, and the same again imports the rest",
    )
}

/// The JSON Schema of what stands in a file of that format.
#[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
pub(super) fn schema(format: &str) -> Result<ExportDocument, Problem> {
    let known = Some(format)
        .filter(|name| !name.is_empty())
        .map_or(Some(Format::Jsonl), Format::parse);
    let format = known.ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        Problem::new(422, "unsupported_format", format!("format must be one of {names}"))
    })?;
    Ok(ExportDocument {
        json: shape(format).to_string(),
        running: false,
    })
}
