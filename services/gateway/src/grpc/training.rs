//! Training data, as part of `orchestrator.v1.LearningService`.

use super::learning::{Learning, parsed, text};
use crate::coordinator::refusal;
use crate::documents;
use crate::identifiers;
use crate::json;
use crate::query::unfit;
use crate::refusal::Refusal;
use bytes::Bytes;
use contracts::v1::{
    Export, ExportChunk, GetExportRequest, GetTrainingSchemaRequest, ImportReport, ImportTrainingDataRequest,
    StartExportRequest, TrainingSchema,
};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use serde_json::{Map, Value};
use tonic::Status;

impl Learning {
    pub(super) async fn begin_export(&self, request: StartExportRequest) -> Result<Export, Refusal> {
        let options = match request.options_json.as_str() {
            "" => Map::new(),
            text => json::read_object(text.as_bytes(), self.app.limits.json_depth)?,
        };
        let options = documents::export::read(options)?;
        described(self.app.start_export(&options).await?.json)
    }

    pub(super) async fn export(&self, request: GetExportRequest) -> Result<Export, Refusal> {
        let id = identifiers::require(&request.export_id)?;
        described(self.app.export(id).await?.json)
    }

    pub(super) async fn file(
        &self,
        request: GetExportRequest,
    ) -> Result<BoxStream<'static, Result<ExportChunk, Status>>, Refusal> {
        let id = identifiers::require(&request.export_id)?;
        let chunks = self.app.download(id).await?;
        let pass = |chunk: contracts::learner::ExportChunk| ExportChunk { chunk: chunk.chunk };
        Ok(chunks.map_ok(pass).boxed())
    }

    pub(super) async fn training_schema(&self, request: GetTrainingSchemaRequest) -> Result<TrainingSchema, Refusal> {
        let format = request.format;
        if !format.is_empty() && !documents::export::is_format(&format) {
            return Err(unfit("format", "must be a format of exports".to_owned()));
        }
        let document_json = self.app.learner.record_schema(format).await?.json;
        Ok(TrainingSchema { document_json })
    }

    pub(super) async fn import(
        &self,
        chunks: impl Stream<Item = Result<ImportTrainingDataRequest, Status>> + Send + 'static,
    ) -> Result<ImportReport, Refusal> {
        let pieces = chunks
            .map_ok(|chunk| Bytes::from(chunk.chunk))
            .map_err(|status| refusal(&status));
        let document_json = self.app.import(pieces.boxed()).await?.json;
        let document = parsed(&document_json)?;
        let count = |name: &str| document.get(name).and_then(Value::as_u64).unwrap_or_default();
        Ok(ImportReport {
            imported: count("imported"),
            duplicates: count("duplicates"),
            rejected: count("rejected"),
            document_json,
        })
    }
}

fn described(document_json: String) -> Result<Export, Refusal> {
    let document = parsed(&document_json)?;
    Ok(Export {
        export_id: text(&document, "export_id"),
        state: text(&document, "state"),
        format: text(&document, "format"),
        count: document.get("count").and_then(Value::as_u64),
        sha256: text(&document, "sha256"),
        document_json,
    })
}
