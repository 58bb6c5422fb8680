use std::io;

/// Why a file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// Loading it may run what its maker wrote.
    #[error("{0} are not accepted: loading one may run code; convert it to safetensors or GGUF")]
    RunsCode(&'static str),
    /// Something else.
    #[error("the file is neither GGUF nor safetensors")]
    UnknownFormat,
    /// A format that is known, but not in this form.
    #[error("{0}")]
    Unsupported(String),
    /// It ends before what it announces.
    #[error("the file ends too early: {0}")]
    Truncated(String),
    /// The header breaks its own rules.
    #[error("the header is not sound: {0}")]
    Malformed(String),
    /// The header claims more than any model needs.
    #[error("the header is too large: {0}")]
    TooLarge(String),
    /// Two tensors share bytes.
    #[error("tensors overlap: {0}")]
    Overlap(String),
    /// Bytes that belong to no tensor.
    #[error("{0} bytes of the file belong to no tensor")]
    Unclaimed(u64),
}

impl FileError {
    /// What programs tell them apart by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "model_file_unreadable",
            Self::RunsCode(_) => "model_file_runs_code",
            Self::UnknownFormat => "model_file_unknown_format",
            Self::Unsupported(_) => "model_file_unsupported",
            Self::Truncated(_) => "model_file_truncated",
            Self::Malformed(_) => "model_file_malformed",
            Self::TooLarge(_) => "model_file_header_too_large",
            Self::Overlap(_) => "model_file_tensors_overlap",
            Self::Unclaimed(_) => "model_file_trailing_data",
        }
    }
}
