//! Files of models.

use crate::http::{CONNECT_TIMEOUT, read};
use crate::{Client, ClientError};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use reqwest::Body;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use std::io;

/// No file has it, nor anything that is said beside one.
const BOUNDARY: &str = "orchestrator-model-3f9c1b7e5d20";

/// What a file is to become.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Upload {
    /// Versions are counted by name.
    pub model_name: String,
    /// It is to be tried as soon as it answered.
    pub enable_immediately: bool,
    /// Who is to serve it.
    pub provider: Option<String>,
    /// What it was made from; of an adapter, what it is loaded on.
    pub base_model: Option<String>,
    /// `adapter_config.json`.
    pub adapter_config: Option<String>,
    /// The export that it was trained on.
    pub trained_on: Option<String>,
    /// The same key makes no second version.
    pub idempotency_key: Option<String>,
}

impl Client {
    /// Sends a model's file as it is read; the registered version. No more is read than the other side takes, so that what
    /// was read is what arrived, but for a little.
    ///
    /// # Errors
    /// What the gateway refuses, or that it does not answer; then nothing of the file is kept there.
    pub async fn upload_model<S>(&self, upload: &Upload, file_name: &str, file: S) -> Result<Value, ClientError>
    where
        S: Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
    {
        // The answer comes after the last byte, however long that takes.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy()
            .build()?;
        let begins = form(upload, file_name);
        let ends = format!("\r\n--{BOUNDARY}--\r\n");
        let body = stream::iter([Ok(Bytes::from(begins))])
            .chain(file)
            .chain(stream::iter([Ok(Bytes::from(ends))]));
        let request = http.post(format!("{}/training-data/upload-model", self.base));
        let mut request = request.header(CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
        if let Some(key) = &upload.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        read(request.body(Body::wrap_stream(body)).send().await?).await
    }
}

/// Everything before the first byte of the file, which comes last: what is wrong with the rest is told at once.
fn form(upload: &Upload, file_name: &str) -> String {
    let enable = upload.enable_immediately.then(|| "true".to_owned());
    let fields = [
        ("model_name", Some(upload.model_name.clone())),
        ("enable_immediately", enable),
        ("provider", upload.provider.clone()),
        ("base_model", upload.base_model.clone()),
        ("adapter_config", upload.adapter_config.clone()),
        ("trained_on", upload.trained_on.clone()),
    ];
    let mut form = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            form.push_str(&head);
            form.push_str(&value);
            form.push_str("\r\n");
        }
    }
    let file_name: String = file_name.chars().filter(|c| !c.is_control() && *c != '"').collect();
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model_file\"; filename=\"{file_name}\"");
    form.push_str(&head);
    form.push_str("\r\nContent-Type: application/octet-stream\r\n\r\n");
    form
}
