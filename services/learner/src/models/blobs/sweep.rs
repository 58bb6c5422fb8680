use super::Blobs;
use std::fs::{self, File};
use std::io;

impl Blobs {
    /// Deletes what came in and nobody writes any more; tells how many.
    ///
    /// # Errors
    /// When the directory cannot be read. What somebody else deleted meanwhile is gone as well.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut swept = 0;
        for entry in fs::read_dir(self.incoming())? {
            let path = entry?.path();
            // Whoever writes it holds the lock, in whatever process; a file system without locks keeps all.
            let abandoned =
                File::open(&path).is_ok_and(|file| file.try_lock().is_ok() && fs::remove_file(&path).is_ok());
            swept += usize::from(abandoned);
        }
        Ok(swept)
    }

    /// Hashes of all that is kept.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn hashes(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.kept())? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            found.extend(Some(name).filter(|name| self.path(name).is_some()));
        }
        Ok(found)
    }

    /// Deletes one that is kept. Whoever calls it knows that nobody names it, or is about to.
    ///
    /// # Errors
    /// When it stays.
    pub fn discard(&self, sha256: &str) -> io::Result<()> {
        match self.path(sha256).map(fs::remove_file) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
