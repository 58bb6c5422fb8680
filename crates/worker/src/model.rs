//! The engine of a role, as configured.

use anyhow::Context as _;
use llm::Engine;
use service::config::{LlmConfig, ProviderKind, Role};
use std::sync::Arc;

/// What answers `role`.
///
/// # Errors
/// When the configuration cannot be served.
pub fn engine(config: &LlmConfig, role: Role) -> anyhow::Result<Arc<dyn Engine>> {
    let kind = match config.provider(role) {
        ProviderKind::Null => "null",
        ProviderKind::Offline => "offline",
        ProviderKind::Openai => "openai",
        ProviderKind::Anthropic => "anthropic",
    };
    llm::open(kind).with_context(|| format!("llm.roles.{}", role.as_str()))
}
