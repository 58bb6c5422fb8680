//! What is told by the first bytes, or the name.

use super::Format;
use super::error::FileError;
use std::path::Path;

const PICKLES: &str = "pickles";
const ARCHIVES: &str = "archives of pickles";
/// Endings under which pickles go about.
const ENDINGS: &[&str] = &["bin", "ckpt", "joblib", "npy", "npz", "pickle", "pkl", "pt", "pth"];

/// Refuses names under which files go about that run code, whatever is in this one.
///
/// # Errors
/// When the name is such a one.
pub fn check_name(name: &str) -> Result<(), FileError> {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    match ENDINGS.contains(&ending.as_str()) {
        true => Err(FileError::RunsCode(PICKLES)),
        false => Ok(()),
    }
}

/// Refuses what the first 16 bytes of a file say is no model.
///
/// # Errors
/// When it is none.
pub fn check_first(first: &[u8]) -> Result<(), FileError> {
    format(first).map(drop)
}

/// By the first bytes. What says safetensors there is held to all of that format's rules.
pub(super) fn format(first: &[u8]) -> Result<Format, FileError> {
    match first {
        [b'G', b'G', b'U', b'F', ..] => Ok(Format::Gguf),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Err(FileError::RunsCode(ARCHIVES)),
        // The length of a header, then the header.
        [_, _, _, _, _, _, _, _, b'{', ..] => Ok(Format::Safetensors),
        [0x80, 2..=5, ..] => Err(FileError::RunsCode(PICKLES)),
        [b't' | b'f' | b'm', b'j' | b'm', b'g', b'g', ..] | [b'l', b'm', b'g', b'g', ..] => Err(
            FileError::Unsupported("files of GGML from before GGUF are not accepted".to_owned()),
        ),
        _ => Err(FileError::UnknownFormat),
    }
}
