//! The services' configuration, checked before any of them is started.

use super::supervisor::ConfigurationFault;
use crate::layout::Layout;
use anyhow::Result;
use service::config::{self, Config, Sources};
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
    config::load(&sources).map_err(|faults| ConfigurationFault::new("the installation", faults.to_string()).into())
}

/// `deploy/local.toml` of the project's root, where nothing else is named: services may be started from
/// any directory below it.
pub fn local_file(layout: &Layout) -> Option<PathBuf> {
    if std::env::var_os(LOCAL_FILE).is_some_and(|path| !path.is_empty()) {
        return None;
    }
    Some(layout.root().join("deploy/local.toml")).filter(|path| path.is_file())
}
