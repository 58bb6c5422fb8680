//! One supervisor a state directory.

use crate::layout::Layout;
use anyhow::{Context, Result};
use std::fs::{File, TryLockError};
use std::io::Write;

/// Held while the supervisor lives; the system lets go of it however it dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it; `None` when another supervisor has it.
    ///
    /// # Errors
    /// When the file cannot be opened, locked or written.
    pub fn take(layout: &Layout) -> Result<Option<Self>> {
        layout.create()?;
        let path = layout.lock();
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(Some(Self { _file: file }))
    }

    /// Process id of who holds it.
    pub fn holder(layout: &Layout) -> Option<u32> {
        std::fs::read_to_string(layout.lock()).ok()?.trim().parse().ok()
    }
}
