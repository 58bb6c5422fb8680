//! Models of one's own: the files that may be taken in, where they are kept, how servers load them, and the versions they
//! are.

pub mod blobs;
pub mod file;
pub mod intake;
pub mod registration;
pub mod serving;
pub mod version;
