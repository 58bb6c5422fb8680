//! A task as it goes: redrawn in place on a terminal, a line an event everywhere else.

mod follower;
mod frame;
mod layers;
pub mod line;
mod screen;

pub use follower::Follower;
