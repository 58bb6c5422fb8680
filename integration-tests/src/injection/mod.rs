//! Poisoned tools, a model that does whatever it reads, and listeners that remember everything.

mod corpus;
mod obedient;
mod reader;
mod sink;

pub use corpus::{Poison, corpus};
pub use obedient::{FORBIDDEN, NAMED, obedient, obeyed};
pub use reader::{DIGEST, WANTED, reader};
pub use sink::{Request, Sink};
