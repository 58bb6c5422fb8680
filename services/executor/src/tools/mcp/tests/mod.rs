//! Servers nobody would write, and some that are as they should be.

mod channel;
mod http;
mod rig;
mod stdio;
