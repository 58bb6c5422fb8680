//! Passwords of the development servers: made once, kept in a file only its owner reads.

use super::random;
use crate::layout::{self, Layout};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One password an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Postgres superuser; used by the supervisor alone.
    pub postgres_superuser: String,
    /// Postgres role of coordinator and learner.
    pub postgres_service: String,
    /// Postgres role that may only read.
    pub postgres_reader: String,
    /// NATS user of the services.
    pub nats_service: String,
    /// NATS user that may only read.
    pub nats_reader: String,
}

impl Credentials {
    /// Reads them, or makes them on the first start.
    ///
    /// # Errors
    /// When the file cannot be read, understood or written.
    pub fn load_or_create(layout: &Layout) -> Result<Self> {
        let path = layout.credentials();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("understanding {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let fresh = Self::generate()?;
                layout::replace_private(&path, &serde_json::to_vec_pretty(&fresh)?)?;
                Ok(fresh)
            }
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn generate() -> Result<Self> {
        Ok(Self {
            postgres_superuser: random::password()?,
            postgres_service: random::password()?,
            postgres_reader: random::password()?,
            nats_service: random::password()?,
            nats_reader: random::password()?,
        })
    }
}
