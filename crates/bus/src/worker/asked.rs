//! Whom rollouts may ask now, as coordinators say: a work item may have waited since it was made.

use super::coordinator::Rollouts;
use contracts::coordinator::{Asked as Line, ListAskedRequest};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A rollback is heard of after this long, and what it takes to get to the coordinators.
const FRESH: Duration = Duration::from_secs(1);
/// Nobody waits longer for an answer that changes little.
const PATIENCE: Duration = Duration::from_secs(1);
/// Tenants that are remembered beside each other.
const MOST: usize = 1_000;

/// What coordinators said, by tenant.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    client: Rollouts,
    said: Arc<Mutex<HashMap<String, Said>>>,
}

/// None: nobody answered.
#[derive(Clone, Debug)]
struct Said {
    at: Instant,
    lines: Option<Arc<[Line]>>,
}

impl Asked {
    pub(super) fn by(client: Rollouts) -> Self {
        Self {
            client,
            said: Arc::default(),
        }
    }

    /// Role, provider and model are among them, or nobody says.
    pub(super) async fn has(&self, tenant: &str, wanted: [&str; 3]) -> bool {
        let lines = match self.fresh(tenant) {
            Some(said) => said.lines,
            None => self.ask(tenant).await,
        };
        let is_wanted = |line: &Line| [&*line.role, &*line.provider, &*line.model] == wanted;
        lines.is_none_or(|lines| lines.iter().any(is_wanted))
    }

    fn fresh(&self, tenant: &str) -> Option<Said> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = said.get(tenant).filter(|said| said.at.elapsed() < FRESH);
        said.cloned()
    }

    async fn ask(&self, tenant: &str) -> Option<Arc<[Line]>> {
        // Of the time before it was asked.
        let at = Instant::now();
        let request = ListAskedRequest {
            tenant: tenant.to_owned(),
        };
        let mut client = self.client.clone();
        let lines = match timeout(PATIENCE, client.list_asked(request)).await {
            Ok(Ok(answer)) => Some(Arc::from(answer.into_inner().asked)),
            Ok(Err(status)) => {
                tracing::debug!(code = ?status.code(), "nobody says whom rollouts may ask: {}", status.message());
                None
            }
            Err(_elapsed) => None,
        };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= MOST {
            said.retain(|_, said| said.at.elapsed() < FRESH);
        }
        said.insert(
            tenant.to_owned(),
            Said {
                at,
                lines: lines.clone(),
            },
        );
        lines
    }
}
