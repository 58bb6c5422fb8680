//! The tool catalog in memory: what plans may name, and what channels there are.

use crate::store::{StoreError, catalog};
use sqlx::PgPool;
use std::sync::{Arc, PoisonError, RwLock};
use tracing::warn;
use workflow::hash::Fingerprint;
use workflow::tool::{Catalog, CatalogTool, ToolSource, ToolSpecification};
use workflow::vocabulary::ToolState;

/// The catalog as all parts of the process see it.
#[derive(Clone, Default)]
pub struct SharedCatalog(Arc<RwLock<Current>>);

#[derive(Default)]
struct Current {
    /// Rises with every change; workers ask by it.
    version: u64,
    fingerprint: Option<Fingerprint>,
    catalog: Arc<Catalog>,
    documents: Arc<Vec<String>>,
    channels: Arc<Vec<String>>,
}

impl SharedCatalog {
    /// The tools.
    pub fn current(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).catalog)
    }

    /// Names of the channels some executor serves.
    pub fn channels(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).channels)
    }

    /// Version and documents (JSON texts of ToolSpecification) of the active tools.
    pub fn documents(&self) -> (u64, Arc<Vec<String>>) {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (current.version, Arc::clone(&current.documents))
    }

    /// Reads it anew; unchanged rows change nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self, pool: &PgPool) -> Result<(), StoreError> {
        let rows = catalog::tools(pool).await?;
        let channels = catalog::channels(pool).await?;
        let parts = rows.iter().flat_map(|r| [r.spec.as_bytes(), r.state.as_bytes()]);
        let fingerprint = Fingerprint::of(parts.chain(channels.iter().map(String::as_bytes)));
        if self.0.read().unwrap_or_else(PoisonError::into_inner).fingerprint == Some(fingerprint) {
            return Ok(());
        }
        let mut tools = Catalog::default();
        let mut documents = Vec::new();
        for row in rows {
            match tool_of(&row) {
                Ok(tool) => {
                    if tool.state == ToolState::Active {
                        documents.push(row.spec);
                    }
                    tools.tools.insert(tool.spec.tool_id.clone(), Arc::new(tool));
                }
                Err(reason) => warn!(tool_id = row.tool_id, reason, "a tool of the catalog cannot be used"),
            }
        }
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        current.version += 1;
        current.fingerprint = Some(fingerprint);
        current.catalog = Arc::new(tools);
        current.documents = Arc::new(documents);
        current.channels = Arc::new(channels);
        Ok(())
    }
}

fn tool_of(row: &catalog::ToolRow) -> Result<CatalogTool, String> {
    let spec: ToolSpecification = serde_json::from_str(&row.spec).map_err(|e| e.to_string())?;
    let state = ToolState::parse(&row.state).ok_or("an unknown state")?;
    CatalogTool::new(spec, state).map_err(|e| e.to_string())
}

/// What an announced tool becomes, given what the catalog has under its name.
///
/// Shipped and operator-configured tools follow their configuration. Any other tool whose definition
/// changed is suspended until somebody approves it; the stored definition stays the one that was
/// approved.
pub fn announced(known: Option<(&str, ToolState)>, spec: &ToolSpecification) -> Announced {
    let hash = spec.version_hash().to_string();
    match known {
        None => Announced::Store(ToolState::Active),
        Some((_, ToolState::Removed)) => Announced::Keep,
        Some((old, state)) if old == hash => {
            if state == ToolState::Active {
                Announced::Store(state)
            } else {
                Announced::Keep
            }
        }
        Some((_, _)) if spec.source != ToolSource::Mcp => Announced::Store(ToolState::Active),
        Some(_) => Announced::Suspend,
    }
}

/// What to do with an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Write the definition with this state.
    Store(ToolState),
    /// Leave the row as it is.
    Keep,
    /// Keep the definition, suspend the tool.
    Suspend,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use workflow::tool::RetryPolicy;
    use workflow::vocabulary::EffectClass;

    fn spec(source: ToolSource, description: &str) -> ToolSpecification {
        ToolSpecification {
            tool_id: "t".into(),
            name: "t".into(),
            description: description.into(),
            category: "c".into(),
            input_schema: json!({}),
            output_schema: json!(true),
            estimated_cost: None,
            estimated_duration: None,
            requires_approval: false,
            source,
            effects: EffectClass::ReadOnly,
            retry: RetryPolicy::default(),
            timeout_seconds: 1.0,
            pool: "default".into(),
        }
    }

    #[test]
    fn a_changed_definition_suspends_a_foreign_tool_and_updates_our_own() {
        let old = spec(ToolSource::Mcp, "old").version_hash().to_string();
        let known = Some((old.as_str(), ToolState::Active));
        assert_eq!(announced(known, &spec(ToolSource::Mcp, "new")), Announced::Suspend);
        assert_eq!(
            announced(known, &spec(ToolSource::Builtin, "new")),
            Announced::Store(ToolState::Active)
        );
        assert_eq!(
            announced(None, &spec(ToolSource::Mcp, "new")),
            Announced::Store(ToolState::Active)
        );
        let removed = Some((old.as_str(), ToolState::Removed));
        assert_eq!(announced(removed, &spec(ToolSource::Mcp, "old")), Announced::Keep);
    }
}
