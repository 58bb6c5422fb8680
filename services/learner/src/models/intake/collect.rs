//! What a crash, or a request that failed late, left behind.

use crate::chain;
use crate::models::blobs::Blobs;
use crate::store::{Store, StoreError};
use std::collections::BTreeSet;
use std::io;
use tokio::task::spawn_blocking;

#[derive(Debug, thiserror::Error)]
enum CollectError {
    #[error("the directory of files cannot be read")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the process ends")]
    Ends(#[from] tokio::task::JoinError),
}

/// Deletes what came in and nobody writes any more, and files that no version names. Where some other file is being
/// registered, the next time does.
pub async fn collect(store: &Store, blobs: &Blobs) {
    match collected(store, blobs).await {
        Ok(0) => {}
        Ok(gone) => tracing::info!(gone, "files of models that nobody names are deleted"),
        Err(error) => tracing::warn!(error = chain(&error), "files of models that nobody names stay for now"),
    }
}

async fn collected(store: &Store, blobs: &Blobs) -> Result<usize, CollectError> {
    let disk = blobs.clone();
    let (swept, kept) = spawn_blocking(move || io::Result::Ok((disk.sweep()?, disk.hashes()?))).await??;
    let Some(held) = store.hold_model_files_alone().await? else {
        return Ok(swept);
    };
    let named: BTreeSet<String> = store.named_model_files(&kept).await?.into_iter().collect();
    let disk = blobs.clone();
    let unnamed: Vec<String> = kept.into_iter().filter(|hash| !named.contains(hash)).collect();
    let gone = spawn_blocking(move || {
        let count = unnamed.len();
        unnamed.iter().try_for_each(|hash| disk.discard(hash)).map(|()| count)
    })
    .await??;
    held.release().await?;
    Ok(swept + gone)
}
