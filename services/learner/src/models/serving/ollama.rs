//! Ollama: takes the bytes of a file, and makes a model of them by name.

use super::server::{At, Server};
use super::{Kind, ModelServer, Order, ServingError, Standing};
use crate::models::file::Format;
use async_trait::async_trait;
use outbound::Method;
use serde_json::{Value, json};

/// The server.
pub struct Ollama(pub Server);

#[async_trait]
impl ModelServer for Ollama {
    fn refuses(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Model(Format::Gguf) | Kind::Adapter(Format::Gguf) => None,
            Kind::Model(Format::Safetensors) => {
                Some("one file of safetensors is no whole model to Ollama; convert it to GGUF")
            }
            Kind::Adapter(Format::Safetensors) => Some("convert the adapter to GGUF for Ollama"),
        }
    }

    async fn standing(&self, served_as: &str) -> Result<Standing, ServingError> {
        let listed = self.list().await?;
        Ok(match listed.iter().any(|name| name == served_as) {
            // It loads what is asked for.
            true => Standing::Ready,
            false => Standing::Absent,
        })
    }

    async fn list(&self) -> Result<Vec<String>, ServingError> {
        let list = self.0.get(At::Root, "/api/tags").await?;
        let entries = list.get("models").and_then(Value::as_array).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.get("name")?.as_str());
        Ok(names
            .map(|name| name.strip_suffix(":latest").unwrap_or(name).to_owned())
            .collect())
    }

    async fn load(&self, order: &Order<'_>) -> Result<(), ServingError> {
        let digest = format!("sha256:{}", order.sha256);
        let blob = format!("/api/blobs/{digest}");
        if !self.0.has(At::Root, &blob).await? {
            self.0.send_file(At::Root, &blob, order.blob).await?;
        }
        let file = format!("{}.gguf", order.served_as);
        let body = match (order.kind, order.base) {
            (Kind::Adapter(_), Some(base)) => {
                json!({"model": order.served_as, "from": base, "adapters": {file: digest}, "stream": false})
            }
            (Kind::Adapter(_), None) => return Err(ServingError::Refused("the adapter names no base".to_owned())),
            (Kind::Model(_), _) => json!({"model": order.served_as, "files": {file: digest}, "stream": false}),
        };
        let made = self.0.send(Method::POST, At::Root, "/api/create", &body).await?;
        match made.get("error").and_then(Value::as_str) {
            Some(words) => Err(ServingError::Refused(format!("{} refuses: {words}", self.0.name))),
            None => Ok(()),
        }
    }

    async fn unload(&self, served_as: &str) -> Result<(), ServingError> {
        let body = json!({ "model": served_as });
        self.0
            .send(Method::DELETE, At::Root, "/api/delete", &body)
            .await
            .map(drop)
    }
}
