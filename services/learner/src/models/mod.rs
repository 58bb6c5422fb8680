//! Models of one's own: the files that may be taken in, where they are kept, and the versions they are.

pub mod blobs;
pub mod file;
pub mod registration;
pub mod version;
