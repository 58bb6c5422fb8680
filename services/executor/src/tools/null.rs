//! The tool `null`: returns its arguments.

use super::{Call, Offer, Output, Tool};
use crate::effects::Stop;
use crate::tools::agent::specification;
use async_trait::async_trait;
use std::sync::Arc;

struct Null;

/// The tool.
pub fn offer(pool: &str) -> Offer {
    let mut spec = specification(llm::null_tool(), pool);
    spec.estimated_cost = Some(0.0);
    // Seconds: steps that stand side by side may share a message.
    spec.estimated_duration = Some(0.001);
    Offer {
        spec,
        tool: Arc::new(Null),
    }
}

#[async_trait]
impl Tool for Null {
    async fn call(&self, call: Call<'_>) -> Result<Output, Stop> {
        Ok(Output::free(serde_json::Value::Object(call.arguments).to_string()))
    }
}
