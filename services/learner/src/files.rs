//! Files of models, as configured: where they come from, where they are kept, who serves them.

use crate::models::blobs::Blobs;
use crate::models::intake::Intake;
use crate::models::serving::{self, Configured, Smoke, Turns};
use crate::store::Store;
use anyhow::Context as _;
use service::config::Config;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// Files that are brought to servers at a time.
const AT_A_TIME: usize = 2;

/// Begins to take in files, and to have them served.
///
/// # Errors
/// When the storage cannot be made, or an address is none.
pub fn open(config: &Config, store: &Store, shutdown: &CancellationToken) -> anyhow::Result<Intake> {
    let (state_dir, models) = (&config.service.state_dir, &config.models);
    let storage = std::path::absolute(models.storage_in(state_dir)).context("models.storage")?;
    let blobs = Blobs::open(&storage, models.max_file_bytes).context("models.storage cannot be made")?;
    let mut servers = BTreeMap::new();
    let mut ways = BTreeMap::new();
    for (name, provider) in &config.llm.providers {
        let server = serving::open(name, provider).with_context(|| format!("llm.providers.{name}"))?;
        let (Some(server), Some(way)) = (server, provider.serves) else {
            continue;
        };
        let seen = provider
            .storage_path
            .as_ref()
            .map_or_else(|| storage.clone(), PathBuf::from);
        servers.insert(name.clone(), Configured { server, storage: seen });
        ways.insert(name.clone(), way);
    }
    let bounds = [models.max_adapter_rank, models.uploads_at_once as u64];
    let intake = Intake::new(
        store.clone(),
        blobs.clone(),
        models.directory_in(state_dir),
        ways,
        bounds,
    );
    let smoke = Smoke(worker::chosen(&config.llm)?);
    let turns = Turns::new(store.clone(), blobs, servers, smoke, intake.woken.clone());
    for _ in 0..AT_A_TIME {
        tokio::spawn(turns.clone().run(shutdown.clone()));
    }
    Ok(intake)
}
