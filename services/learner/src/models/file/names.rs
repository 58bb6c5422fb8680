use super::error::FileError;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Names that were met, by their hashes, which do not grow with them.
#[derive(Default)]
pub struct Names(HashSet<u64>);

impl Names {
    /// One more.
    ///
    /// # Errors
    /// When it was met before.
    pub fn meet(&mut self, name: &str) -> Result<(), FileError> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        match self.0.insert(hasher.finish()) {
            true => Ok(()),
            false => Err(FileError::Malformed(format!("{name} is there twice"))),
        }
    }
}
