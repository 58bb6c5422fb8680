//! The tool catalog in memory: what plans may name, and what channels there are.

pub mod announced;
pub mod changing;
pub mod discovery;
pub mod measures;
pub mod offered;
pub mod registering;
pub mod transitions;

use crate::store::catalog::signals::{self, Signals};
use crate::store::catalog::{ToolRow, days};
use crate::store::{StoreError, catalog};
use offered::{Measured, Offered, Sources};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tracing::warn;
use workflow::tool::{Catalog, CatalogTool, ToolSpecification};
use workflow::vocabulary::ToolState;

/// Planners hear of new measurements this often.
const MEASURES_AGE: Duration = Duration::from_secs(60);

/// However many submissions name tools that are not there, the catalog is read for them this often.
const MEETING_PAUSE: Duration = Duration::from_millis(200);

/// The catalog as all parts of the process see it.
#[derive(Clone, Default)]
pub struct SharedCatalog {
    current: Arc<RwLock<Current>>,
    /// Of two who read, the second must not put back what the first read before it.
    refreshing: Arc<tokio::sync::Mutex<()>>,
    /// When the last reading for submissions began.
    met: Arc<tokio::sync::Mutex<Option<tokio::time::Instant>>>,
}

#[derive(Default)]
struct Current {
    /// Of each tool, the revision that was read.
    revisions: BTreeMap<String, i64>,
    catalog: Arc<Catalog>,
    offered: Arc<Offered>,
    channels: Arc<Vec<String>>,
    signals: Signals,
    measured: Arc<Measured>,
    measured_at: Option<Instant>,
}

impl SharedCatalog {
    /// The tools of all tenants.
    pub fn current(&self) -> Arc<Catalog> {
        Arc::clone(&self.read().catalog)
    }

    /// Names of the channels some executor serves.
    pub fn channels(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.read().channels)
    }

    /// The tools that planners are offered.
    pub fn offered(&self) -> Arc<Offered> {
        Arc::clone(&self.read().offered)
    }

    /// What executors hear with their beats.
    pub fn signals(&self) -> Signals {
        self.read().signals
    }

    /// Reads what has changed. No row is ever deleted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self, pool: &PgPool) -> Result<(), StoreError> {
        let _turn = self.refreshing.lock().await;
        let revisions: BTreeMap<String, i64> = catalog::revisions(pool).await?.into_iter().collect();
        let channels = catalog::channels(pool).await?;
        let served = catalog::served(pool).await?;
        let signals = signals::read(pool).await?;
        let measured = self.measured(pool).await?;
        let changed = self.changed(&revisions);
        let mut catalog = self.current();
        if !changed.is_empty() {
            catalog = Arc::new(with(&catalog, catalog::some(pool, &changed).await?));
        }
        let sources = Sources {
            catalog: Arc::clone(&catalog),
            served,
            measured,
        };
        let before = self.offered();
        let offered = match before.is_of(&sources) {
            true => before,
            false => Arc::new(Offered::of(sources)),
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.signals = signals;
        current.offered = offered;
        current.revisions = revisions;
        current.catalog = catalog;
        current.channels = Arc::new(channels);
        Ok(())
    }

    /// What is read after the call, with one reading for all who ask at about the same time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn meet(&self, pool: &PgPool) -> Result<(), StoreError> {
        let came = tokio::time::Instant::now();
        let mut last = self.met.lock().await;
        if last.is_some_and(|last| last >= came) {
            return Ok(());
        }
        if let Some(last) = *last {
            tokio::time::sleep_until(last + MEETING_PAUSE).await;
        }
        let began = tokio::time::Instant::now();
        self.refresh(pool).await?;
        *last = Some(began);
        Ok(())
    }

    /// Tools whose row is another one than the one that was read.
    fn changed(&self, revisions: &BTreeMap<String, i64>) -> Vec<String> {
        let current = self.read();
        let changed = revisions
            .iter()
            .filter(|(id, revision)| current.revisions.get(*id) != Some(revision));
        changed.map(|(id, _)| id.clone()).collect()
    }

    /// What was measured, a minute old at most.
    async fn measured(&self, pool: &PgPool) -> Result<Arc<Measured>, StoreError> {
        {
            let current = self.read();
            if current.measured_at.is_some_and(|at| at.elapsed() < MEASURES_AGE) {
                return Ok(Arc::clone(&current.measured));
            }
        }
        let sums: Arc<Measured> = Arc::new(days::sums(pool, None).await?.into_iter().collect());
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.measured_at = Some(Instant::now());
        current.measured = Arc::clone(&sums);
        Ok(sums)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The catalog with these rows as they are now. What is compiled already stays.
fn with(known: &Catalog, rows: Vec<ToolRow>) -> Catalog {
    let mut catalog = known.clone();
    for row in rows {
        match tool_of(&row) {
            Ok(tool) => catalog.insert(Arc::new(tool)),
            Err(reason) => {
                warn!(tool_id = row.tool_id, reason, "a tool of the catalog cannot be used");
                catalog.remove(&row.tool_id);
            }
        }
    }
    catalog
}

fn tool_of(row: &ToolRow) -> Result<CatalogTool, String> {
    let spec: ToolSpecification = serde_json::from_str(&row.spec).map_err(|e| e.to_string())?;
    let state = ToolState::parse(&row.state).ok_or("an unknown state")?;
    let tool = CatalogTool::new(spec, state).map_err(|e| e.to_string())?;
    Ok(CatalogTool {
        tenant: row.tenant.clone(),
        stopped: row.stopped,
        ..tool
    })
}
