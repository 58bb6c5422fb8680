//! The active tools, asked of the coordinator and remembered by version.

use bus::worker::{CallError, Coordinator};
use contracts::coordinator::ListToolsRequest;
use llm::ToolCard;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use workflow::tool::{Catalog, CatalogTool, ToolSpecification};
use workflow::vocabulary::ToolState;

/// Asked again at most this often for the hot path; a plan refused for a stale catalog asks at once.
const FRESH: Duration = Duration::from_secs(1);
/// Asked again at most this often when a plan was refused: many jobs may hear of a change together.
const RENEWED: Duration = Duration::from_millis(100);

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

    /// The active tools, a second old at most while the coordinator answers.
    ///
    /// # Errors
    /// When it never answered until `deadline`.
    pub async fn current(&self, deadline: Instant) -> Result<Arc<Tools>, CallError> {
        self.at_most(FRESH, deadline).await
    }

    /// The active tools, asked for just now.
    ///
    /// # Errors
    /// When the coordinator never answered until `deadline`.
    pub async fn renewed(&self, deadline: Instant) -> Result<Arc<Tools>, CallError> {
        self.at_most(RENEWED, deadline).await
    }

    async fn at_most(&self, age: Duration, deadline: Instant) -> Result<Arc<Tools>, CallError> {
        let mut known = self.known.lock().await;
        if known.asked.is_none_or(|at| at.elapsed() >= age) {
            // What is known already is good enough while the coordinator is away: it checks every plan anyway.
            let patience = if known.asked.is_some() {
                Instant::now() + FRESH
            } else {
                deadline
            };
            match self.ask(&mut known, patience.min(deadline)).await {
                Ok(()) => {}
                Err(error) if known.asked.is_none() => return Err(error),
                Err(error) => tracing::warn!(%error, "planning with the tools known so far"),
            }
            known.asked = Some(Instant::now());
        }
        Ok(Arc::clone(&known.tools))
    }

    async fn ask(&self, known: &mut Known, deadline: Instant) -> Result<(), CallError> {
        let known_version = known.version;
        let call = |mut client: contracts::coordinator::worker_service_client::WorkerServiceClient<_>| async move {
            let ask = ListToolsRequest {
                tenant: String::new(),
                known_version,
            };
            client.list_tools(Coordinator::unary(ask)).await
        };
        let answer = self.coordinator.until(deadline, call).await?.into_inner();
        if !answer.unchanged {
            known.tools = Arc::new(read(&answer.tools_json));
            known.version = answer.version;
        }
        Ok(())
    }
}

/// A tool this build cannot read is one it does not plan with.
pub fn read(documents: &[String]) -> Tools {
    let mut tools = BTreeMap::new();
    let mut cards = Vec::new();
    for document in documents {
        let parsed = (
            serde_json::from_str::<ToolSpecification>(document),
            serde_json::from_str::<ToolCard>(document),
        );
        let (Ok(spec), Ok(card)) = parsed else {
            tracing::warn!(
                document = document.get(..200).unwrap_or(document),
                "a tool cannot be read"
            );
            continue;
        };
        match CatalogTool::new(spec, ToolState::Active) {
            Ok(tool) => {
                tools.insert(card.tool_id.clone(), Arc::new(tool));
                cards.push(card);
            }
            Err(error) => tracing::warn!(%error, "a tool cannot be planned with"),
        }
    }
    Tools {
        cards,
        catalog: Catalog { tools },
    }
}
