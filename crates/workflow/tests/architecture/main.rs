//! Holds the shape of the workspace: which crate may know which, and that the core stays pure.

#[cfg(test)]
mod edges;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod workspace;
