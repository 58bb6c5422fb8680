//! Files of models: what may be taken in, and where it is kept.

pub mod blobs;
pub mod file;
