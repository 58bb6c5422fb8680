use crate::models::blobs::IntakeError;
use crate::models::file::{AdapterError, FileError};
use crate::store::StoreError;

/// Why a file is not taken in. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// What is said beside it makes no sense.
    #[error("{0}")]
    Fields(String),
    /// The file itself, or how it came.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// It fits no base.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// Enough others come in.
    #[error("enough other files come in; try again when one of them is there")]
    Busy,
    /// The key came with something else before.
    #[error("another request had this idempotency key; use a new one for each request")]
    Reused,
    /// The database has a problem.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FileError> for UploadError {
    fn from(error: FileError) -> Self {
        Self::Intake(error.into())
    }
}
