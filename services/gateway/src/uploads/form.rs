//! A form with a model's file, read as it comes.

use super::steady::Steady;
use super::{Sender, Stopped};
use crate::application::to_json;
use crate::body;
use crate::refusal::Refusal;
use axum::body::BodyDataStream;
use bytes::Bytes;
use contracts::learner::upload_model_request::Part;
use contracts::problem::FieldError;
use multer::{Field, Multipart};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::timeout;

const FILE: &str = "model_file";
const FLAG: &str = "enable_immediately";
/// Fields that are text, with their most bytes.
const TEXTS: [(&str, usize); 6] = [
    ("model_name", 1024),
    (FLAG, 16),
    ("provider", 1024),
    ("base_model", 4096),
    ("trained_on", 64),
    ("adapter_config", 1 << 20),
];
/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a form that was refused is read on.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one message.
const MOST_PIECE: usize = 1 << 20;

/// A form that comes in.
pub struct Form<'b> {
    parts: Multipart<'b>,
    fields: Map<String, Value>,
    most: u64,
    has_file: bool,
    /// The learner knows all fields.
    told: bool,
}

impl Form<'_> {
    /// With a file of at most so many bytes.
    pub fn new(body: BodyDataStream, boundary: String, most: u64) -> Self {
        Self {
            parts: Multipart::new(Steady::new(body), boundary),
            fields: Map::new(),
            most,
            has_file: false,
            told: false,
        }
    }

    /// Passes everything on; ends early where the learner takes no more.
    ///
    /// # Errors
    /// What is wrong with the form.
    pub async fn pass_on(&mut self, learner: Sender) -> Result<(), Refusal> {
        loop {
            let next = timeout(PATIENCE, self.parts.next_field()).await;
            let Some(field) = next.map_err(|_| silent())?.map_err(|error| broken(&error))? else {
                break;
            };
            match field.name() {
                Some(FILE) => {
                    if self.file(field, &learner).await?.is_err() {
                        return waiting().await;
                    }
                }
                Some(name) => {
                    let name = name.to_owned();
                    self.text(&name, field).await?;
                }
                None => return Err(unfit("", "every part of the form has a name")),
            }
        }
        if !self.has_file {
            return Err(unfit(FILE, "required: the file"));
        }
        let told = match self.told {
            true => Ok(()),
            false => learner.send(Part::FieldsJson(to_json(&self.fields)?)).await,
        };
        if told.is_err() || learner.send(Part::Complete(true)).await.is_err() {
            return waiting().await;
        }
        Ok(())
    }

    /// Reads on for a while, so that whoever sends hears the answer.
    pub async fn discard(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.parts.next_field().await {} };
        if timeout(DISCARD_PATIENCE, rest).await.is_err() {
            tracing::debug!("a form that was refused is still being sent");
        }
    }

    async fn file(&mut self, mut field: Field<'_>, learner: &Sender) -> Result<Result<(), Stopped>, Refusal> {
        if std::mem::replace(&mut self.has_file, true) {
            return Err(unfit(FILE, "stands there twice"));
        }
        if self.fields.contains_key("model_name") {
            self.told = true;
            if learner.send(Part::FieldsJson(to_json(&self.fields)?)).await.is_err() {
                return Ok(Err(Stopped));
            }
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        if learner.send(Part::FileName(name)).await.is_err() {
            return Ok(Err(Stopped));
        }
        let mut size = 0;
        while let Some(piece) = next(&mut field).await? {
            size += piece.len() as u64;
            if size > self.most {
                body::discard(&mut field).await;
                return Err(too_large(self.most));
            }
            for part in piece.chunks(MOST_PIECE) {
                if learner.send(Part::Chunk(part.to_vec())).await.is_err() {
                    return Ok(Err(Stopped));
                }
            }
        }
        Ok(Ok(()))
    }

    async fn text(&mut self, name: &str, mut field: Field<'_>) -> Result<(), Refusal> {
        let Some((_, most)) = TEXTS.iter().find(|(known, _)| *known == name) else {
            let shown: String = name.chars().take(64).collect();
            return Err(Refusal::new(422, "unknown_field", format!("unknown field {shown:?}")));
        };
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut field).await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > *most {
                return Err(unfit(name, &format!("has at most {most} bytes")));
            }
        }
        let invalid = |_| Refusal::new(400, "invalid_text", format!("{name} is not UTF-8"));
        let text = String::from_utf8(bytes).map_err(invalid)?;
        let value = match (name, text.as_str()) {
            (FLAG, "true") => Value::Bool(true),
            (FLAG, "false") => Value::Bool(false),
            (FLAG, _) => return Err(unfit(name, "must be true or false")),
            _ => Value::String(text),
        };
        self.told = false;
        match self.fields.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(unfit(name, "stands there twice")),
        }
    }
}

/// 413.
pub fn too_large(most: u64) -> Refusal {
    let detail = format!("a model's file has at most {most} bytes");
    Refusal::new(413, "model_file_too_large", detail).with("max_bytes", most)
}

/// The learner's answer says what it is.
async fn waiting<T>() -> T {
    std::future::pending().await
}

async fn next(field: &mut Field<'_>) -> Result<Option<Bytes>, Refusal> {
    let next = timeout(PATIENCE, field.chunk()).await;
    next.map_err(|_| silent())?.map_err(|error| broken(&error))
}

fn silent() -> Refusal {
    Refusal::new(408, "request_timeout", "nothing came for 30 seconds")
}

fn broken(error: &multer::Error) -> Refusal {
    match error {
        multer::Error::StreamReadFailed(_) | multer::Error::IncompleteStream => incomplete(),
        multer::Error::IncompleteFieldData { .. } | multer::Error::IncompleteHeaders => incomplete(),
        _ => Refusal::new(400, "multipart_syntax", "the body is no form that could be read"),
    }
}

fn incomplete() -> Refusal {
    Refusal::new(
        400,
        "body_incomplete",
        "the body ended before its end; nothing of it is kept",
    )
}

fn unfit(name: &str, detail: &str) -> Refusal {
    let pointer = format!("/{name}");
    Refusal::new(422, "validation", format!("{name}: {detail}")).with_errors(vec![FieldError {
        pointer,
        detail: detail.to_owned(),
    }])
}
