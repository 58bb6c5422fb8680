//! Names and ports nobody else has.

use anyhow::Context;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// 16 hex digits, other ones at each call.
pub(crate) fn suffix() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}
