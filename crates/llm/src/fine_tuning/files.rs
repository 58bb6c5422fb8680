//! Files of examples.

use super::calls::id;
use super::multipart::Form;
use super::{Trainer, TrainingFault};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use outbound::{HeaderValue, Method, header};
use serde_json::Value;

/// A file to send.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'a> {
    /// What it is called there: letters, digits and `-._`.
    pub name: &'a str,
    /// The same for the same file: letters, digits and `-`.
    pub key: &'a str,
    /// Bytes.
    pub length: u64,
}

/// A file that the provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The provider's.
    pub id: String,
    /// As it was sent.
    pub name: String,
    /// Bytes; none: it does not say.
    pub length: Option<u64>,
}

impl Trainer {
    /// Sends a file of examples, piece by piece; tells its id.
    ///
    /// # Errors
    /// When it is not there afterwards, or may be.
    pub async fn upload<S, E>(&self, file: NewFile<'_>, pieces: S) -> Result<String, TrainingFault>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let form = Form::of(&file);
        let mut request = self.request(Method::POST, self.url(&["files"])?, self.upload_timeout);
        let kind = HeaderValue::from_str(&form.content_type);
        let kind = kind.map_err(|_| TrainingFault::Refused("the file's key cannot stand in a header".to_owned()))?;
        request.headers.insert(header::CONTENT_TYPE, kind);
        self.mark(&mut request, Some(file.key))?;
        let length = form.length(file.length);
        let around = |text: String| stream::iter([Ok(Bytes::from(text))]);
        let body = around(form.head).chain(pieces).chain(around(form.tail));
        let answer = self.client.upload(request, length, body).await;
        let answer = self.read(answer, self.upload_timeout)?;
        id(&answer).ok_or_else(|| TrainingFault::Wrong("the file has no id".to_owned()))
    }

    /// The files whose names begin so.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn files(&self, beginning: &str) -> Result<Vec<KeptFile>, TrainingFault> {
        let read = |file: &Value| {
            let name = file.get("filename")?.as_str()?;
            let kept = KeptFile {
                id: id(file)?,
                name: name.to_owned(),
                length: file.get("bytes").and_then(Value::as_u64),
            };
            name.starts_with(beginning).then_some(kept)
        };
        self.list(&["files"], &[("purpose", "fine-tune")], read).await
    }

    /// Deletes a file; one that is gone is.
    ///
    /// # Errors
    /// When it may still be there.
    pub async fn delete_file(&self, id: &str) -> Result<(), TrainingFault> {
        gone(self.delete(self.url(&["files", id])?).await)
    }

    /// Deletes a model that was trained here; one that is gone is.
    ///
    /// # Errors
    /// When it may still be there.
    pub async fn delete_model(&self, name: &str) -> Result<(), TrainingFault> {
        gone(self.delete(self.url(&["models", name])?).await)
    }
}

fn gone(deleted: Result<(), TrainingFault>) -> Result<(), TrainingFault> {
    match deleted {
        Err(TrainingFault::Unknown(_)) => Ok(()),
        other => other,
    }
}
