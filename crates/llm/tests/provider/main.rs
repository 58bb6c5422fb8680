//! Models of providers, against a server that speaks both protocols.

mod exchanges;
mod faults;
mod fixture;
