//! Reading JSON documents by pointer, with refusals that show the document.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Short ways into a JSON document.
pub trait Document {
    /// The text at `pointer`.
    ///
    /// # Errors
    /// There is none.
    fn text(&self, pointer: &str) -> Result<&str>;
    /// The text at `pointer`, or empty.
    fn said(&self, pointer: &str) -> &str;
    /// The number at `pointer`.
    ///
    /// # Errors
    /// There is none.
    fn number(&self, pointer: &str) -> Result<f64>;
    /// The list at `pointer`.
    ///
    /// # Errors
    /// There is none.
    fn list(&self, pointer: &str) -> Result<&[Value]>;
}

impl Document for Value {
    fn text(&self, pointer: &str) -> Result<&str> {
        let found = self.pointer(pointer).and_then(Self::as_str);
        found.with_context(|| format!("no text at {pointer} of {}", shortened(self)))
    }

    fn said(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Self::as_str).unwrap_or_default()
    }

    fn number(&self, pointer: &str) -> Result<f64> {
        let found = self.pointer(pointer).and_then(Self::as_f64);
        found.with_context(|| format!("no number at {pointer} of {}", shortened(self)))
    }

    fn list(&self, pointer: &str) -> Result<&[Value]> {
        let found = self.pointer(pointer).and_then(Self::as_array);
        found
            .map(Vec::as_slice)
            .with_context(|| format!("no list at {pointer} of {}", shortened(self)))
    }
}

/// The step of a status document.
///
/// # Errors
/// The plan has no step of that key.
pub fn step<'a>(status: &'a Value, key: &str) -> Result<&'a Value> {
    let steps = status.list("/plan/steps")?;
    steps
        .iter()
        .find(|step| step["key"] == key)
        .with_context(|| format!("no step {key} in {}", shortened(status)))
}

/// At most 2,000 characters of the document.
pub fn shortened(document: &Value) -> String {
    let text = document.to_string();
    match text.char_indices().nth(2000) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
