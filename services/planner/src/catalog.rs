//! The tools in use that a tenant sees, asked of the coordinator and remembered by version.

use bus::worker::{CallError, Coordinator};
use contracts::coordinator::ListToolsRequest;
use llm::ToolCard;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use workflow::tool::{Catalog, CatalogTool, ToolSpecification};
use workflow::vocabulary::ToolState;

/// Asked again at most this often for the hot path; a plan refused for a stale catalog asks at once.
const FRESH: Duration = Duration::from_secs(1);
/// Asked again at most this often when a plan was refused: many jobs may hear of a change together.
const RENEWED: Duration = Duration::from_millis(100);
/// Tenants that are remembered; who planned longest ago is forgotten for another.
const TENANTS: usize = 256;

/// What a tenant sees of the catalog, in the forms planning needs.
#[derive(Default)]
pub struct Tools {
    /// For engines.
    pub cards: Vec<ToolCard>,
    /// For validation, with estimates that were measured where they were.
    pub catalog: Catalog,
    /// By tool: what was measured beside its estimates.
    pub measured: BTreeMap<String, Measured>,
}

/// What is known of the catalog.
pub struct KnownTools {
    coordinator: Coordinator,
    tenants: std::sync::Mutex<Tenants>,
}

#[derive(Default)]
struct Tenants {
    remembered: HashMap<String, Remembered>,
    /// Tenants without tools of their own see the same, and share it.
    by_version: HashMap<u64, Weak<Tools>>,
}

struct Remembered {
    used: Instant,
    known: Arc<Mutex<Known>>,
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
            tenants: std::sync::Mutex::default(),
        }
    }

    /// The tools in use, a second old at most while the coordinator answers.
    ///
    /// # Errors
    /// When it never answered until `deadline`.
    pub async fn current(&self, tenant: &str, deadline: Instant) -> Result<Arc<Tools>, CallError> {
        self.at_most(FRESH, tenant, deadline).await
    }

    /// The tools in use, asked for just now.
    ///
    /// # Errors
    /// When the coordinator never answered until `deadline`.
    pub async fn renewed(&self, tenant: &str, deadline: Instant) -> Result<Arc<Tools>, CallError> {
        self.at_most(RENEWED, tenant, deadline).await
    }

    async fn at_most(&self, age: Duration, tenant: &str, deadline: Instant) -> Result<Arc<Tools>, CallError> {
        let known = self.tenants().known(tenant);
        let mut known = known.lock().await;
        if known.asked.is_none_or(|at| at.elapsed() >= age) {
            // What is known already is good enough while the coordinator is away: it checks every plan anyway.
            let patience = if known.asked.is_some() {
                Instant::now() + FRESH
            } else {
                deadline
            };
            match self.ask(tenant, &mut known, patience.min(deadline)).await {
                Ok(()) => {}
                Err(error) if known.asked.is_none() => return Err(error),
                Err(error) => tracing::warn!(%error, "planning with the tools known so far"),
            }
            known.asked = Some(Instant::now());
        }
        Ok(Arc::clone(&known.tools))
    }

    async fn ask(&self, tenant: &str, known: &mut Known, deadline: Instant) -> Result<(), CallError> {
        let known_version = known.version;
        let call = |mut client: contracts::coordinator::worker_service_client::WorkerServiceClient<_>| async move {
            let ask = ListToolsRequest {
                tenant: tenant.to_owned(),
                known_version,
            };
            client.list_tools(Coordinator::unary(ask)).await
        };
        let answer = self.coordinator.until(deadline, call).await?.into_inner();
        if !answer.unchanged {
            known.tools = self.shared(answer.version, &answer.tools_json);
            known.version = answer.version;
        }
        Ok(())
    }

    /// Of one version there is one reading, however many tenants see it.
    fn shared(&self, version: u64, documents: &[String]) -> Arc<Tools> {
        if let Some(tools) = self.tenants().by_version.get(&version).and_then(Weak::upgrade) {
            return tools;
        }
        let tools = Arc::new(read(documents));
        let mut tenants = self.tenants();
        tenants.by_version.retain(|_, tools| tools.strong_count() > 0);
        tenants.by_version.insert(version, Arc::downgrade(&tools));
        tools
    }

    fn tenants(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenants {
    fn known(&mut self, tenant: &str) -> Arc<Mutex<Known>> {
        let used = Instant::now();
        if let Some(remembered) = self.remembered.get_mut(tenant) {
            remembered.used = used;
            return Arc::clone(&remembered.known);
        }
        if self.remembered.len() >= TENANTS {
            let oldest = self.remembered.iter().min_by_key(|(_, remembered)| remembered.used);
            let oldest = oldest.map(|(tenant, _)| tenant.clone());
            if let Some(oldest) = oldest {
                self.remembered.remove(&oldest);
            }
        }
        let known = Arc::<Mutex<Known>>::default();
        let remembered = Remembered {
            used,
            known: Arc::clone(&known),
        };
        self.remembered.insert(tenant.to_owned(), remembered);
        known
    }
}

/// What was measured of a tool, as it stands beside its definition.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// Share of attempts that went well, 0-1.
    pub success_rate: Option<f64>,
    /// By size of the model: runs of steps that named one.
    pub sizes: BTreeMap<String, OfSize>,
}

/// What runs with a model of one size take.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct OfSize {
    /// USD.
    pub estimated_cost: Option<f64>,
    /// Seconds.
    pub estimated_duration: Option<f64>,
    /// As for the tool.
    pub success_rate: Option<f64>,
}

/// A tool this build cannot read is one it does not plan with.
pub fn read(documents: &[String]) -> Tools {
    let mut tools = Tools::default();
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
        let measured = serde_json::from_str::<Measured>(document).unwrap_or_default();
        match CatalogTool::new(spec, ToolState::Active) {
            Ok(tool) => {
                tools.measured.insert(tool.spec.tool_id.clone(), measured);
                tools.catalog.insert(Arc::new(tool));
                tools.cards.push(card);
            }
            Err(error) => tracing::warn!(%error, "a tool cannot be planned with"),
        }
    }
    tools
}
