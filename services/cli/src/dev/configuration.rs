//! The services' configuration, checked before any of them is started.

use super::supervisor::ConfigurationFault;
use crate::layout::Layout;
use anyhow::Result;
use service::config::{self, Config, Faults, Role, Sources};
use std::path::PathBuf;

const LOCAL_FILE: &str = "ORCHESTRATOR_LOCAL_CONFIG";

/// What the services will see.
///
/// # Errors
/// With every fault found.
pub fn load(layout: &Layout) -> Result<Config> {
    let mut sources = Sources::of_process(vec![("service.development".to_owned(), "true".to_owned())]);
    if let Some(path) = local_file(layout) {
        sources
            .environment
            .push((LOCAL_FILE.to_owned(), path.to_string_lossy().into_owned()));
    }
    config::load(&sources).map_err(|faults| refused(&faults).into())
}

/// All services see this environment, so that a key one of them would miss is missing here.
///
/// # Errors
/// With what is missing.
pub fn check_keys(config: &Config) -> Result<()> {
    [Role::Planner, Role::Writer, Role::Judge]
        .into_iter()
        .map(|role| config.llm.check_keys(role))
        .chain([config.check_embeddings_key()])
        .try_for_each(|checked| checked.map_err(|faults| refused(&faults).into()))
}

fn refused(faults: &Faults) -> ConfigurationFault {
    ConfigurationFault::new("the installation", faults.to_string())
}

/// `deploy/local.toml` of the project's root, where nothing else is named: services may be started from
/// any directory below it.
pub fn local_file(layout: &Layout) -> Option<PathBuf> {
    if std::env::var_os(LOCAL_FILE).is_some_and(|path| !path.is_empty()) {
        return None;
    }
    Some(layout.root().join("deploy/local.toml")).filter(|path| path.is_file())
}
