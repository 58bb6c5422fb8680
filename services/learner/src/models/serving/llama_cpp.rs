//! llama-server as a router (`--models-dir`, no model): it finds files by their names and loads them when told.

use super::server::{At, Server, ids};
use super::{Kind, ModelServer, Order, ServingError, Standing};
use crate::models::file::Format;
use async_trait::async_trait;
use outbound::Method;
use serde_json::{Value, json};

/// The server.
pub struct LlamaCpp(pub Server);

impl LlamaCpp {
    /// It looks into its folder again.
    async fn listed(&self) -> Result<Value, ServingError> {
        self.0.get(At::Root, "/models?reload=1").await
    }
}

#[async_trait]
impl ModelServer for LlamaCpp {
    fn refuses(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Model(Format::Gguf) => None,
            Kind::Model(Format::Safetensors) => Some("llama.cpp serves GGUF alone"),
            Kind::Adapter(_) => {
                Some("llama.cpp loads adapters with their base alone; merge them, or serve them as `listed`")
            }
        }
    }

    async fn standing(&self, served_as: &str) -> Result<Standing, ServingError> {
        let list = self.listed().await?;
        let entries = list.get("data").and_then(Value::as_array).into_iter().flatten();
        let mut its = entries.filter(|entry| entry.get("id").and_then(Value::as_str) == Some(served_as));
        let status = its.next().and_then(|entry| entry.pointer("/status/value")?.as_str());
        Ok(match status {
            // Asked, it wakes up.
            Some("loaded" | "sleeping") => Standing::Ready,
            Some("loading") => Standing::Coming,
            _ => Standing::Absent,
        })
    }

    async fn list(&self) -> Result<Vec<String>, ServingError> {
        Ok(ids(&self.listed().await?))
    }

    async fn load(&self, order: &Order<'_>) -> Result<(), ServingError> {
        if !self.list().await?.iter().any(|name| name == order.served_as) {
            return Err(ServingError::Waits(format!(
                "{} does not see {}; start it with --models-dir at the folder of that file, or restart it",
                self.0.name, order.there
            )));
        }
        let body = json!({ "model": order.served_as });
        self.0
            .send(Method::POST, At::Root, "/models/load", &body)
            .await
            .map(drop)
    }

    async fn unload(&self, served_as: &str) -> Result<(), ServingError> {
        let body = json!({ "model": served_as });
        self.0
            .send(Method::POST, At::Root, "/models/unload", &body)
            .await
            .map(drop)
    }
}
