//! Servers that load files: how each is told to, and what it says it serves.
//!
//! Which file is loaded where is decided in [`turns`]; a server is one file with one trait. None is told anything but by the
//! address that the operator configured.

mod enable;
mod error;
mod listed;
mod llama_cpp;
mod ollama;
mod server;
mod smoke;
mod turns;
mod vllm;

pub use error::ServingError;
pub use smoke::Smoke;
pub use turns::{Configured, Turns};

use super::file::{Format, ModelFile};
use async_trait::async_trait;
use server::Server;
use service::config::{ProviderConfig, Serves};
use std::path::Path;

/// What a file is, for whoever loads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A whole model.
    Model(Format),
    /// A LoRA adapter.
    Adapter(Format),
}

/// A file to load.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What it is to be served as: the name of one version.
    pub served_as: &'a str,
    /// The file, or the folder of an adapter, as this process sees it.
    pub here: &'a Path,
    /// The same as the server sees it.
    pub there: &'a str,
    /// Its bytes.
    pub blob: &'a Path,
    /// Of its bytes, in 64 hex digits.
    pub sha256: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Of an adapter: what the server calls its base.
    pub base: Option<&'a str>,
}

/// How a name stands at a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It may be asked.
    Ready,
    /// It is being loaded.
    Coming,
    /// It is not there, or was thrown out.
    Absent,
}

/// A server that loads files.
#[async_trait]
pub trait ModelServer: Send + Sync {
    /// Why it cannot serve such a file; none: it can.
    fn refuses(&self, kind: Kind) -> Option<&'static str>;

    /// How a name stands there; tells as well whether the server is there at all.
    ///
    /// # Errors
    /// When it does not say.
    async fn standing(&self, served_as: &str) -> Result<Standing, ServingError>;

    /// Everything it serves, by name.
    ///
    /// # Errors
    /// When it does not say.
    async fn list(&self) -> Result<Vec<String>, ServingError>;

    /// Has it load a file. Told twice it does the same as told once.
    ///
    /// # Errors
    /// When it does not.
    async fn load(&self, order: &Order<'_>) -> Result<(), ServingError>;

    /// Has it forget a name.
    ///
    /// # Errors
    /// When it does not.
    async fn unload(&self, served_as: &str) -> Result<(), ServingError>;
}

impl Kind {
    /// Of a header.
    pub fn of(file: &ModelFile) -> Self {
        match file.adapter {
            Some(_) => Self::Adapter(file.format),
            None => Self::Model(file.format),
        }
    }
}

/// The server that a provider is; none: it loads no files.
///
/// # Errors
/// A key that is not there, an address that is none.
pub fn open(name: &str, provider: &ProviderConfig) -> anyhow::Result<Option<Box<dyn ModelServer>>> {
    let Some(serves) = provider.serves else { return Ok(None) };
    let server = Server::open(name, provider)?;
    Ok(Some(match serves {
        Serves::LlamaCpp => Box::new(llama_cpp::LlamaCpp(server)),
        Serves::Ollama => Box::new(ollama::Ollama(server)),
        Serves::Vllm => Box::new(vllm::Vllm(server)),
        Serves::Listed => Box::new(listed::Listed(server)),
    }))
}
