//! A tool that is served: its definition, and what is checked against it before a call.

use super::{Offer, Tool};
use crate::failure::RunFailure;
use serde_json::{Map, Value};
use std::sync::Arc;
use workflow::tool::{CatalogTool, SchemaRejected, ToolSource, ToolSpecification};
use workflow::vocabulary::{EffectClass, ToolState};

/// A tool that is served.
pub struct Served {
    definition: CatalogTool,
    /// As called.
    pub tool: Arc<dyn Tool>,
}

impl Served {
    /// What a source offers.
    ///
    /// # Errors
    /// When its input schema is none.
    pub fn new(offer: Offer) -> Result<Self, SchemaRejected> {
        Ok(Self {
            tool: offer.tool,
            definition: CatalogTool::new(offer.spec, ToolState::Active)?,
        })
    }

    /// The definition.
    pub fn spec(&self) -> &ToolSpecification {
        &self.definition.spec
    }

    /// An agent may call it by itself: it only reads, needs nobody's leave, is no agent, and is no tenant's own, since
    /// agents are every tenant's.
    pub fn is_for_agents(&self) -> bool {
        let spec = self.spec();
        let is_tenants = spec.binding_hash.is_some();
        spec.effects == EffectClass::ReadOnly && !spec.requires_approval && !is_tenants && !self.tool.is_agent()
    }

    /// Checks that the tool is the one a plan was validated against. Shipped tools change with the
    /// program, and what they do stays the same.
    ///
    /// # Errors
    /// `tool_changed`.
    pub fn check_version(&self, planned: &str) -> Result<(), RunFailure> {
        let same = planned.is_empty() || planned == self.definition.version_hash.to_string();
        if same || self.spec().source == ToolSource::Builtin {
            return Ok(());
        }
        let message = format!(
            "the definition of `{}` changed after the plan was made",
            self.spec().tool_id
        );
        Err(RunFailure::permanent("tool_changed", message))
    }

    /// Checks resolved arguments against the input schema and hands them back.
    ///
    /// # Errors
    /// `tool_bad_arguments`.
    pub fn checked(&self, arguments: Map<String, Value>) -> Result<Map<String, Value>, RunFailure> {
        let document = Value::Object(arguments);
        if let Err(error) = self.definition.input.validate(&document) {
            let place = error.instance_path().to_string();
            let message = format!("argument `{place}`: {error}");
            return Err(RunFailure::permanent("tool_bad_arguments", message));
        }
        match document {
            Value::Object(arguments) => Ok(arguments),
            _ => Ok(Map::new()),
        }
    }
}
