//! Holds the shape of the workspace: which crate may know which, and that the core stays pure.

mod edges;
mod purity;
mod tokens;
mod workspace;
