//! Where files of models are kept: by the hash of what is in them, whole and checked, or not at all.
//!
//! A file comes in under `tmp/`, by a name of its own, and is hashed as it comes; once it is whole, on disk and its header
//! is found sound it is moved to `sha256/<hex>`. What is aborted is deleted at once, what a crash left behind by the next
//! sweep. The same bytes twice are one blob. The directory is shared by learners: who takes in a file holds a lock on it,
//! which ends with its process.

mod error;
mod incoming;
mod local;
mod placed;
mod receive;
mod sweep;
#[cfg(test)]
mod tests;

pub use error::IntakeError;
pub use incoming::{Blob, Incoming, Sound};
pub use local::open_local;
pub use placed::{CONFIG, Form};
pub use receive::{append, blocking, copy};

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A directory of blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    dir: PathBuf,
    most: u64,
}

impl Blobs {
    /// Below `dir`, which is made if need be; files of at most `most` bytes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: impl Into<PathBuf>, most: u64) -> io::Result<Self> {
        let blobs = Self { dir: dir.into(), most };
        fs::create_dir_all(blobs.incoming())?;
        fs::create_dir_all(blobs.kept())?;
        fs::create_dir_all(blobs.placed())?;
        Ok(blobs)
    }

    /// Begins to take in a file; `id` is used for nothing else.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn begin(&self, id: Uuid) -> Result<Incoming, IntakeError> {
        Incoming::create(&self.incoming().join(id.to_string()), &self.kept(), self.most)
    }

    /// Where a blob lies; `sha256` in 64 hex digits, lower case. None: it is no such text.
    pub fn path(&self, sha256: &str) -> Option<PathBuf> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let sound = sha256.len() == 64 && sha256.bytes().all(digit);
        sound.then(|| self.kept().join(sha256))
    }

    fn incoming(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    fn kept(&self) -> PathBuf {
        self.dir.join("sha256")
    }

    fn placed(&self) -> PathBuf {
        self.dir.join("served")
    }
}

/// A name in a directory outlives a crash only once the directory is written, too.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
