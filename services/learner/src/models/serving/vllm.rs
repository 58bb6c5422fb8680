//! vLLM with `VLLM_ALLOW_RUNTIME_LORA_UPDATING`: loads adapters on the model it was started with, by a path it sees.

use super::server::{At, Server, ids};
use super::{Kind, ModelServer, Order, ServingError, Standing};
use crate::models::file::Format;
use async_trait::async_trait;
use outbound::Method;
use serde_json::{Value, json};

/// The server.
pub struct Vllm(pub Server);

impl Vllm {
    /// Whatever it was started with, by each of its names.
    async fn bases(&self) -> Result<Vec<String>, ServingError> {
        let list = self.0.get(At::Base, "/models").await?;
        let entries = list.get("data").and_then(Value::as_array).into_iter().flatten();
        let whole = entries.filter(|entry| entry.get("parent").is_none_or(Value::is_null));
        let names = whole.flat_map(|entry| ["id", "root"].map(|key| entry.get(key).and_then(Value::as_str)));
        Ok(names.flatten().map(str::to_owned).collect())
    }
}

#[async_trait]
impl ModelServer for Vllm {
    fn refuses(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Adapter(Format::Safetensors) => None,
            Kind::Adapter(Format::Gguf) => Some("vLLM loads adapters in safetensors"),
            Kind::Model(_) => Some("vLLM serves the model it was started with; start one with this file, as `listed`"),
        }
    }

    async fn standing(&self, served_as: &str) -> Result<Standing, ServingError> {
        let listed = self.list().await?;
        Ok(match listed.iter().any(|name| name == served_as) {
            true => Standing::Ready,
            false => Standing::Absent,
        })
    }

    async fn list(&self) -> Result<Vec<String>, ServingError> {
        Ok(ids(&self.0.get(At::Base, "/models").await?))
    }

    async fn load(&self, order: &Order<'_>) -> Result<(), ServingError> {
        let bases = self.bases().await?;
        let base = order.base.unwrap_or_default();
        if !bases.iter().any(|name| name == base) {
            return Err(ServingError::Refused(format!(
                "{} serves {}, and the adapter is of {base}",
                self.0.name,
                bases.join(", ")
            )));
        }
        let body = json!({ "lora_name": order.served_as, "lora_path": order.there });
        let loaded = self.0.send(Method::POST, At::Base, "/load_lora_adapter", &body).await;
        loaded.map(drop).map_err(|error| match error {
            ServingError::Refused(words) => ServingError::Refused(format!(
                "{words} (it has to see {}, and needs VLLM_ALLOW_RUNTIME_LORA_UPDATING)",
                order.there
            )),
            other => other,
        })
    }

    async fn unload(&self, served_as: &str) -> Result<(), ServingError> {
        let body = json!({ "lora_name": served_as });
        let path = "/unload_lora_adapter";
        self.0.send(Method::POST, At::Base, path, &body).await.map(drop)
    }
}
