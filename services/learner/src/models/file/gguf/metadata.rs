use super::super::error::FileError;
use super::super::names::Names;
use super::super::reader::Reader;
use std::collections::BTreeMap;
use std::io::Read;

const MOST_ENTRIES: u64 = 10_000;
const MOST_KEY: u64 = 65_535;
/// Of a text that is kept.
const MOST_TEXT: u64 = 1024;
const TEXTS: &[&str] = &[
    "adapter.type",
    "general.architecture",
    "general.base_model.0.name",
    "general.base_model.0.repo_url",
    "general.name",
    "general.type",
];
const NUMBERS: &[&str] = &["general.alignment", "split.count"];

const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// The few entries that matter here.
#[derive(Default)]
pub struct Metadata {
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<String, u64>,
}

impl Metadata {
    /// Reads all and keeps the few.
    pub fn read<R: Read>(reader: &mut Reader<R>, entries: u64) -> Result<Self, FileError> {
        if entries > MOST_ENTRIES {
            return Err(FileError::TooLarge(format!("{entries} entries")));
        }
        let (mut kept, mut names) = (Self::default(), Names::default());
        for _ in 0..entries {
            let key = reader.text(MOST_KEY, "a key")?;
            names.meet(&key)?;
            let kind = reader.u32("the type of a value")?;
            kept.value(reader, key, kind)?;
        }
        Ok(kept)
    }

    /// A text entry.
    pub fn text(&self, key: &str) -> Option<String> {
        self.texts.get(key).cloned()
    }

    /// A number that is not negative.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.numbers.get(key).copied()
    }

    fn value<R: Read>(&mut self, reader: &mut Reader<R>, key: String, kind: u32) -> Result<(), FileError> {
        let (texts, numbers) = (TEXTS.contains(&key.as_str()), NUMBERS.contains(&key.as_str()));
        match kind {
            TEXT if texts => {
                let text = reader.text(MOST_TEXT, &key)?;
                self.texts.insert(key, text);
            }
            _ if texts => return Err(FileError::Malformed(format!("{key} is no text"))),
            TEXT | ARRAY if numbers => return Err(FileError::Malformed(format!("{key} is no number"))),
            TEXT => skip_text(reader)?,
            ARRAY => skip_array(reader)?,
            kind => {
                let number = scalar(reader, kind)?;
                if numbers {
                    let number = number.ok_or_else(|| FileError::Malformed(format!("{key} is no number")))?;
                    self.numbers.insert(key, number);
                }
            }
        }
        Ok(())
    }
}

fn skip_text<R: Read>(reader: &mut Reader<R>) -> Result<(), FileError> {
    let length = reader.u64("the length of a text")?;
    reader.skip(length, "a text")
}

fn skip_array<R: Read>(reader: &mut Reader<R>) -> Result<(), FileError> {
    let kind = reader.u32("the type of a list")?;
    let count = reader.u64("the length of a list")?;
    if kind == TEXT {
        // Each has eight bytes at least, so that the file's size ends this.
        return (0..count).try_for_each(|_| skip_text(reader));
    }
    let size = width(kind).ok_or_else(|| FileError::Unsupported(format!("a list of type {kind}")))?;
    let bytes = count.checked_mul(size);
    let bytes = bytes.ok_or_else(|| FileError::Truncated(format!("a list of {count} values")))?;
    reader.skip(bytes, "a list")
}

/// The number, where it is a whole one and not negative.
fn scalar<R: Read>(reader: &mut Reader<R>, kind: u32) -> Result<Option<u64>, FileError> {
    let what = "a value";
    let size = width(kind).ok_or_else(|| FileError::Unsupported(format!("a value of type {kind}")))?;
    let raw = match size {
        1 => u64::from(reader.bytes::<1>(what).map(u8::from_le_bytes)?),
        2 => u64::from(reader.bytes(what).map(u16::from_le_bytes)?),
        4 => u64::from(reader.u32(what)?),
        _ => reader.u64(what)?,
    };
    let whole = matches!(kind, 0..=5 | 10 | 11);
    let signed = matches!(kind, 1 | 3 | 5 | 11);
    let negative = signed && raw >> (8 * size - 1) & 1 == 1;
    Ok((whole && !negative).then_some(raw))
}

/// Bytes of a value; none of texts, lists and what is not known.
fn width(kind: u32) -> Option<u64> {
    match kind {
        // Whole numbers and truth values of a byte, two, four; fractions of four.
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
