//! The text of a document, as JSON or YAML, within bounds.

use serde_json::Value;
use std::path::PathBuf;

/// Bytes of a document.
pub const MAX_BYTES: usize = 4 << 20;

/// A document that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotReadable {
    /// The file.
    #[error("file {} cannot be read", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Too long.
    #[error("the document is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Neither JSON nor YAML.
    #[error("the document is neither JSON nor YAML: {0}")]
    Syntax(String),
    /// Something else.
    #[error("the document says not `openapi: 3.0` or `3.1`")]
    Version,
}

/// The document.
///
/// # Errors
/// Its size, its syntax, its version.
pub fn parse(text: &str) -> Result<Value, NotReadable> {
    if text.len() > MAX_BYTES {
        return Err(NotReadable::TooLong);
    }
    let document = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| NotReadable::Syntax(error.to_string()))?
    } else {
        yaml(text)?
    };
    match version(&document) {
        Some("3.0" | "3.1") => Ok(document),
        _ => Err(NotReadable::Version),
    }
}

/// `3.0` or `3.1`, of `3.0.3`.
pub fn version(document: &Value) -> Option<&str> {
    let version = document.get("openapi")?.as_str()?;
    version
        .get(..3)
        .filter(|_| version.get(3..4).is_none_or(|dot| dot == "."))
}

/// Aliases are copies: what they may grow to is bounded like the text itself.
fn yaml(text: &str) -> Result<Value, NotReadable> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 200_000,
            max_aliases: 1_000,
            max_total_scalar_bytes: MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 200_000,
            max_replay_stack_depth: 32,
            max_alias_expansions_per_anchor: 1_000,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let reason = error.to_string();
        NotReadable::Syntax(reason.chars().take(300).collect())
    })
}
