use super::error::IntakeError;
use super::sync_dir;
use crate::models::file::{ModelFile, check_first, inspect};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file that comes in. Dropped before it is finished, it is gone.
#[derive(Debug)]
pub struct Incoming {
    file: File,
    here: Here,
    kept: PathBuf,
    hasher: Sha256,
    first: Vec<u8>,
    size: u64,
    most: u64,
}

/// Bytes that say what it is.
const FIRST: usize = 16;
/// A sweep may take a new file for an abandoned one, until it is locked.
const TRIES: usize = 5;

/// A name that goes with its owner.
#[derive(Debug)]
struct Here(PathBuf);

/// A whole file with a sound header, not kept yet.
#[derive(Debug)]
pub struct Sound {
    incoming: Incoming,
    /// What its header says.
    pub model: ModelFile,
}

/// A file that is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blob {
    /// Of its bytes: 64 hex digits, lower case.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Where it lies.
    pub path: PathBuf,
    /// What its header says.
    pub model: ModelFile,
}

impl Incoming {
    pub(super) fn create(path: &Path, kept: &Path, most: u64) -> Result<Self, IntakeError> {
        for _ in 0..TRIES {
            if let Some(file) = locked(path).map_err(IntakeError::Write)? {
                return Ok(Self {
                    file,
                    here: Here(path.to_owned()),
                    kept: kept.to_owned(),
                    hasher: Sha256::new(),
                    first: Vec::with_capacity(FIRST),
                    size: 0,
                    most,
                });
            }
        }
        Err(IntakeError::Write(io::Error::other("sweeps were faster")))
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// More of it. Blocks on the disk.
    ///
    /// # Errors
    /// When it is too much, or the disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), IntakeError> {
        let size = self.size.saturating_add(bytes.len() as u64);
        if size > self.most {
            return Err(IntakeError::TooLarge(self.most));
        }
        let lacking = FIRST - self.first.len();
        if lacking > 0 {
            self.first.extend(bytes.iter().take(lacking));
            // Told as soon as it can be: the rest need not be sent.
            if self.first.len() == FIRST {
                check_first(&self.first)?;
            }
        }
        self.file.write_all(bytes).map_err(IntakeError::Write)?;
        self.hasher.update(bytes);
        self.size = size;
        Ok(())
    }

    /// That was all: checks it. Blocks on the disk.
    ///
    /// # Errors
    /// When it is no sound model.
    pub fn check(mut self) -> Result<Sound, IntakeError> {
        self.file.rewind().map_err(IntakeError::Write)?;
        let model = inspect(&self.file, self.size)?;
        Ok(Sound { incoming: self, model })
    }

    fn keep(&self, path: &Path) -> io::Result<()> {
        if !path.try_exists()? {
            self.file.set_permissions(fs::Permissions::from_mode(0o444))?;
            self.file.sync_all()?;
            // Of two at once the second puts the same bytes there.
            fs::rename(&self.here.0, path)?;
        }
        sync_dir(&self.kept)
    }
}

impl Sound {
    /// Keeps it. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn keep(mut self) -> Result<Blob, IntakeError> {
        let sha256 = hex(&self.incoming.hasher.finalize_reset());
        let path = self.incoming.kept.join(&sha256);
        self.incoming.keep(&path).map_err(IntakeError::Write)?;
        Ok(Blob {
            sha256,
            size: self.incoming.size,
            path,
            model: self.model,
        })
    }
}

/// A new file of nobody else's, neither what is there already nor what a link leads to, locked as long as it is open. None:
/// it was swept before it was locked.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let held = match file.try_lock() {
        Ok(()) => true,
        Err(fs::TryLockError::WouldBlock) => false,
        // Without locks nothing is swept.
        Err(fs::TryLockError::Error(_)) => true,
    };
    if held && file.metadata()?.nlink() > 0 {
        return Ok(Some(file));
    }
    drop(file);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Ok(()) => {}
            // It was kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %self.0.display(), %error, "an unfinished file waits for the next sweep")
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
