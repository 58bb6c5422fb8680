//! Randomness of the operating system, for passwords and ports.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Read;

/// `N` random bytes.
///
/// # Errors
/// When the system's random device cannot be read.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut device| device.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes)
}

/// A password of 192 bits: lower-case hex, so it stands in URLs, SQL and configuration as it is.
///
/// # Errors
/// As [`bytes`].
pub fn password() -> Result<String> {
    Ok(bytes::<24>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
