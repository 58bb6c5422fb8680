//! Models of providers, against a server that speaks both protocols.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it wants fails"
)]

mod chosen;
mod exchanges;
mod faults;
mod fixture;
mod grants;
