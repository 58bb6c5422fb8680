//! Training data.

use crate::http::{checked, read};
use crate::tasks::segment;
use crate::{Client, ClientError};
use bytes::Bytes;
use futures::Stream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What to export.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ExportRequest {
    /// `jsonl` and others of the contract; absent: `jsonl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Only records of at least this quality, 0-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_by_quality: Option<f64>,
    /// Most records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// RFC 3339: ended at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// RFC 3339: ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What a draw of `limit` records follows from; absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// `granted`: only where the owners of the data allow training with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// `train`, `validation` or `test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// `live`, `import` or `all`; absent: `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// What became of an import.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ImportReport {
    /// Records that are there now and were not before.
    pub imported: u64,
    /// Records that were there already.
    pub duplicates: u64,
    /// Lines that were refused.
    pub rejected: u64,
    /// Why, line by line, and whatever else it says.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An export's document.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Export {
    /// Its id.
    pub export_id: String,
    /// `running`, `complete` …
    pub state: String,
    /// Count, hash, manifest and whatever else it says.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Client {
    /// Starts an export; a small one is complete in the answer.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer.
    pub async fn start_export(&self, request: &ExportRequest) -> Result<Export, ClientError> {
        self.post("/training-data/export", request).await
    }

    /// An export's document.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn export(&self, export_id: &str) -> Result<Export, ClientError> {
        self.get(&format!("/training-data/exports/{}", segment(export_id)))
            .await
    }

    /// The bytes of a complete export, as they come.
    ///
    /// # Errors
    /// As [`Self::start_export`]; items fail when the connection breaks.
    pub async fn download_export(
        &self,
        export_id: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + use<>, ClientError> {
        let path = format!("/training-data/exports/{}/file", segment(export_id));
        let response = self.request(Method::GET, &path).send().await?;
        Ok(checked(response).await?.bytes_stream())
    }

    /// Imports training records, one JSON document a line. The same again imports nothing twice.
    ///
    /// # Errors
    /// As [`Self::start_export`]; a broken connection leaves what came before imported.
    pub async fn import<S>(&self, lines: S) -> Result<ImportReport, ClientError>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let request = self.request(Method::POST, "/training-data/import");
        let request = request.header(CONTENT_TYPE, "application/x-ndjson");
        read(request.body(Body::wrap_stream(lines)).send().await?).await
    }

    /// The JSON Schema of one record.
    ///
    /// # Errors
    /// As [`Self::start_export`].
    pub async fn record_schema(&self) -> Result<Value, ClientError> {
        self.get("/training-data/schema").await
    }
}
