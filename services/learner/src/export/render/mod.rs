//! Formats: what a record looks like in files that others train with. The record is the truth, these are views of it.

mod chat;
mod dpo;
mod lines;
mod parquet;
mod prompt;
mod shapes;
mod sharegpt;
#[cfg(test)]
mod tests;

pub use shapes::shape;

use crate::record::TrainingRecord;
use serde::{Deserialize, Serialize};

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Whole records, one a line.
    #[default]
    Jsonl,
    /// Requests and the plans that did well, as chats for supervised fine-tuning.
    OpenaiChat,
    /// Pairs of a better and a worse answer to the same prompt.
    Dpo,
    /// As `openai-chat`, in the shape of ShareGPT.
    Sharegpt,
    /// Whole records, one a row.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Jsonl, Self::OpenaiChat, Self::Dpo, Self::Sharegpt, Self::Parquet];

    /// Its name in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::OpenaiChat => "openai-chat",
            Self::Dpo => "dpo",
            Self::Sharegpt => "sharegpt",
            Self::Parquet => "parquet",
        }
    }

    /// The format of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Whether a file is lines, each of one record.
    pub const fn is_of_lines(self) -> bool {
        !matches!(self, Self::Parquet)
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When the column writer cannot begin one.
    pub fn begin(self) -> Result<Box<dyn Render>, RenderError> {
        Ok(match self {
            Self::Jsonl => Box::new(lines::Lines::new(lines::whole)),
            Self::OpenaiChat => Box::new(lines::Lines::new(chat::lines)),
            Self::Dpo => Box::new(lines::Lines::new(dpo::lines)),
            Self::Sharegpt => Box::new(lines::Lines::new(sharegpt::lines)),
            Self::Parquet => Box::new(parquet::Columns::begin()?),
        })
    }
}

/// Why a record is not in a file.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It cannot be written as JSON.
    #[error("the record cannot be written")]
    Json(#[from] serde_json::Error),
    /// The column writer refused it.
    #[error("the columns cannot be written")]
    Columns(#[from] ::parquet::errors::ParquetError),
}

/// A file that is being written.
pub trait Render: Send {
    /// Writes a record; tells how many lines or rows it became.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of it is.
    fn add(&mut self, record: &TrainingRecord) -> Result<u64, RenderError>;

    /// The bytes that are ready, taken out.
    fn take(&mut self) -> Vec<u8>;

    /// Ends the file; what is left of it can be taken then.
    ///
    /// # Errors
    /// When the end cannot be written.
    fn finish(&mut self) -> Result<(), RenderError>;
}

/// Which formats a record has something for, beside those that take every record whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses {
    /// It is an example to follow.
    pub example: bool,
    /// It holds a better and a worse answer to the same prompt.
    pub pairs: bool,
}

impl Uses {
    /// Of a record.
    pub fn of(record: &TrainingRecord) -> Self {
        Self {
            example: chat::is_example(record),
            pairs: !dpo::pairs(record).is_empty(),
        }
    }
}
