/// Why a server does not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServingError {
    /// It does not answer, or cannot just now.
    #[error("{0}")]
    Away(String),
    /// It, or a person, has to do something first.
    #[error("{0}")]
    Waits(String),
    /// It will not.
    #[error("{0}")]
    Refused(String),
}
