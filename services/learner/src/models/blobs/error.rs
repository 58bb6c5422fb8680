use crate::models::file::FileError;
use std::io;

/// Why a file is not taken in. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It is no sound model.
    #[error(transparent)]
    File(#[from] FileError),
    /// More than the limit.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// There was not enough room, or the disk failed.
    #[error("the file could not be written")]
    Write(#[source] io::Error),
    /// Whoever sent it stopped.
    #[error("the upload was broken off: {0}")]
    Aborted(String),
    /// What is named does not lie below the directory of models.
    #[error("{0}")]
    Path(String),
    /// It is there and cannot be read.
    #[error("the file could not be read")]
    Read(#[source] io::Error),
}

impl IntakeError {
    /// What programs tell them apart by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::TooLarge(_) => "model_file_too_large",
            Self::Write(_) => "model_storage_failed",
            Self::Aborted(_) => "upload_aborted",
            Self::Path(_) => "model_file_not_found",
            Self::Read(_) => "model_file_unreadable",
        }
    }
}
