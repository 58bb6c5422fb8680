//! What a file of a model says about itself. Only headers are read, a piece at a time, so that memory stays what it is
//! whatever a header claims; nothing is loaded, and nothing that could run code is accepted.

mod adapter;
mod error;
mod gguf;
mod names;
mod reader;
mod refused;
mod safetensors;
#[cfg(test)]
pub(crate) mod tests;

pub use adapter::{AdapterConfig, AdapterError, Base, check_adapter};
pub use error::FileError;
pub use refused::{check_first, check_name};

use reader::Reader;
use serde::{Deserialize, Serialize};
use std::io::Read;

/// How a model is written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Of llama.cpp.
    Gguf,
    /// Of Hugging Face.
    Safetensors,
}

/// What a header says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModelFile {
    /// How it is written down.
    pub format: Format,
    /// Kind of network (`llama`, `gemma3`); safetensors seldom say.
    pub architecture: Option<String>,
    /// What its maker calls it.
    pub name: Option<String>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// How most of them are written (`Q4_K`, `BF16`).
    pub quantisation: Option<String>,
    /// Tensors.
    pub tensors: u64,
    /// It is a LoRA adapter, and no model by itself.
    pub adapter: Option<Lora>,
}

/// What a header says of a LoRA adapter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lora {
    /// The highest rank of its matrices.
    pub rank: u64,
    /// Names of the model it was made for; safetensors have them beside the file.
    pub base: Vec<String>,
}

/// Reads the header of a file of `size` bytes, and holds it against the size.
///
/// # Errors
/// When it is no sound model: see [`FileError`].
pub fn inspect(file: impl Read, size: u64) -> Result<ModelFile, FileError> {
    let reader = Reader::new(file, size)?;
    match refused::format(reader.first())? {
        Format::Gguf => gguf::inspect(reader),
        Format::Safetensors => safetensors::inspect(reader),
    }
}
