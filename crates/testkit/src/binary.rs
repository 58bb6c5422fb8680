//! Where the servers' programs are.

use std::path::{Path, PathBuf};

/// A Postgres installation: the folder with `initdb` and `postgres`, the newest first.
pub(crate) fn postgres_folder() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(search_path())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// `nats-server`: named by `ORCHESTRATOR_NATS_SERVER`, in PATH, or where the scripts put it.
pub(crate) fn nats_server() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ORCHESTRATOR_NATS_SERVER") {
        return Some(PathBuf::from(named));
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    search_path()
        .into_iter()
        .map(|folder| folder.join("nats-server"))
        .chain([repository.join(".orchestrator/bin/nats-server")])
        .find(|program| program.is_file())
}

fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}
