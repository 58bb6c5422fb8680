//! The active tools, asked of the coordinator and remembered by version.

use bus::worker::Coordinator;
use contracts::coordinator::ListToolsRequest;
use llm::ToolCard;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use workflow::tool::{Catalog, CatalogTool, ToolSpecification};
use workflow::vocabulary::ToolState;

/// Asked again at most this often; plans refused for a stale catalog come back with the reason.
const FRESH: Duration = Duration::from_secs(1);

/// The catalog in the two forms planning needs.
#[derive(Default)]
pub struct Tools {
    /// For engines.
    pub cards: Vec<ToolCard>,
    /// For validation.
    pub catalog: Catalog,
}

/// What is known of the catalog.
pub struct KnownTools {
    coordinator: Coordinator,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    version: u64,
    asked: Option<Instant>,
    tools: Arc<Tools>,
}

impl KnownTools {
    pub fn new(coordinator: Coordinator) -> Self {
        Self {
            coordinator,
            known: Mutex::new(Known::default()),
        }
    }

    /// The active tools, at most a second old.
    ///
    /// # Errors
    /// When the coordinator does not answer.
    pub async fn current(&self) -> Result<Arc<Tools>, tonic::Status> {
        let mut known = self.known.lock().await;
        if known.asked.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(Arc::clone(&known.tools));
        }
        let ask = ListToolsRequest {
            tenant: String::new(),
            known_version: known.version,
        };
        let answer = self
            .coordinator
            .client()
            .list_tools(Coordinator::unary(ask))
            .await?
            .into_inner();
        if !answer.unchanged {
            known.tools = Arc::new(read(&answer.tools_json));
            known.version = answer.version;
        }
        known.asked = Some(Instant::now());
        Ok(Arc::clone(&known.tools))
    }
}

/// A tool this build cannot read is one it does not plan with.
fn read(documents: &[String]) -> Tools {
    let mut tools = BTreeMap::new();
    let mut cards = Vec::new();
    for document in documents {
        let Ok(spec) = serde_json::from_str::<ToolSpecification>(document) else {
            continue;
        };
        let Ok(card) = serde_json::from_str::<ToolCard>(document) else {
            continue;
        };
        let id = spec.tool_id.clone();
        if let Ok(tool) = CatalogTool::new(spec, ToolState::Active) {
            tools.insert(id, Arc::new(tool));
            cards.push(card);
        }
    }
    Tools {
        cards,
        catalog: Catalog { tools },
    }
}
