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
    /// A caller registered it: it is one tenant's alone.
    is_tenants: bool,
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
            is_tenants: false,
        })
    }

    /// What a caller registered.
    ///
    /// # Errors
    /// When its input schema is none.
    pub fn registered(offer: Offer) -> Result<Self, SchemaRejected> {
        Ok(Self {
            is_tenants: true,
            ..Self::new(offer)?
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
        spec.effects == EffectClass::ReadOnly && !spec.requires_approval && !self.is_tenants && !self.tool.is_agent()
    }

    /// Its definition has this hash. Shipped tools change with the program, and what they do stays the same.
    pub fn is(&self, version_hash: &str) -> bool {
        self.spec().source == ToolSource::Builtin || version_hash == self.definition.version_hash.to_string()
    }

    /// Checks that the tool is the one a plan was validated against.
    ///
    /// # Errors
    /// `tool_changed`.
    pub fn check_version(&self, planned: &str) -> Result<(), RunFailure> {
        if planned.is_empty() || self.is(planned) {
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
