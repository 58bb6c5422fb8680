//! Formats of one JSON document a line.

use super::{Render, RenderError};
use crate::record::TrainingRecord;
use serde_json::Value;

/// Appends the lines of a record; tells how many.
type Write = fn(&TrainingRecord, &mut Vec<u8>) -> Result<u64, serde_json::Error>;

/// A file of lines.
pub struct Lines {
    write: Write,
    pending: Vec<u8>,
}

impl Lines {
    pub fn new(write: Write) -> Self {
        Self {
            write,
            pending: Vec::new(),
        }
    }
}

impl Render for Lines {
    fn add(&mut self, record: &TrainingRecord) -> Result<u64, RenderError> {
        let start = self.pending.len();
        let written = (self.write)(record, &mut self.pending);
        if written.is_err() {
            self.pending.truncate(start);
        }
        Ok(written?)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    fn finish(&mut self) -> Result<(), RenderError> {
        Ok(())
    }
}

/// The record itself.
pub fn whole(record: &TrainingRecord, to: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
    serde_json::to_writer(&mut *to, record)?;
    to.push(b'\n');
    Ok(1)
}

/// One line for each document.
pub fn documents(documents: &[Value], to: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
    for document in documents {
        serde_json::to_writer(&mut *to, document)?;
        to.push(b'\n');
    }
    Ok(documents.len() as u64)
}
