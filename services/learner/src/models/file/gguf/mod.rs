//! GGUF, versions 2 and 3: magic, version, counts, metadata, tensors; then their data, each aligned, one after the other.

mod metadata;
mod types;

use super::error::FileError;
use super::names::Names;
use super::reader::{MOST_TENSORS, Reader};
use super::{Format, Lora, ModelFile};
use metadata::Metadata;
use std::collections::BTreeMap;
use std::io::Read;
use types::Type;

const MOST_DIMENSIONS: u32 = 4;
const MOST_NAME: u64 = 127;
const ALIGNMENT: u64 = 32;
const MOST_ALIGNMENT: u64 = 1 << 16;

/// Of a reader at its beginning.
pub fn inspect<R: Read>(mut reader: Reader<R>) -> Result<ModelFile, FileError> {
    reader.skip(4, "the magic")?;
    check_version(reader.u32("the version")?)?;
    let tensors = reader.u64("the number of tensors")?;
    let entries = reader.u64("the number of entries")?;
    if tensors > MOST_TENSORS {
        return Err(FileError::TooLarge(format!("{tensors} tensors")));
    }
    let metadata = Metadata::read(&mut reader, entries)?;
    if metadata.number("split.count").is_some_and(|parts| parts > 1) {
        let text = "the file is one part of several; merge them first (llama-gguf-split --merge)";
        return Err(FileError::Unsupported(text.to_owned()));
    }
    let alignment = alignment(&metadata)?;
    let found = Tensors::read(&mut reader, tensors, alignment)?;
    found.check_size(padded(reader.at(), alignment), alignment, reader.size())?;
    let adapter = adapter(&metadata, found.rank)?;
    Ok(ModelFile {
        format: Format::Gguf,
        architecture: metadata.text("general.architecture"),
        name: metadata.text("general.name"),
        parameters: found.parameters.values().sum(),
        quantisation: found.mostly(),
        tensors,
        adapter,
    })
}

fn check_version(version: u32) -> Result<(), FileError> {
    match version {
        2 | 3 => Ok(()),
        // Its low half is empty when it is written from the other end.
        _ if version.trailing_zeros() >= 16 => {
            Err(FileError::Unsupported("big-endian GGUF is not accepted".to_owned()))
        }
        _ => Err(FileError::Unsupported(format!(
            "version {version} of GGUF is not known"
        ))),
    }
}

fn alignment(metadata: &Metadata) -> Result<u64, FileError> {
    let alignment = metadata.number("general.alignment").unwrap_or(ALIGNMENT);
    match alignment.is_power_of_two() && alignment <= MOST_ALIGNMENT {
        true => Ok(alignment),
        false => Err(FileError::Malformed(format!("an alignment of {alignment}"))),
    }
}

/// Both are small: sizes are held against the file's before they are added up.
fn padded(length: u64, alignment: u64) -> u64 {
    length.next_multiple_of(alignment)
}

fn adapter(metadata: &Metadata, rank: Option<u64>) -> Result<Option<Lora>, FileError> {
    match metadata.text("general.type").as_deref() {
        Some("adapter") => {}
        // Matrices of an adapter in what says it is a model.
        _ if rank.is_some() => {
            return Err(FileError::Malformed(
                "an adapter that does not say it is one".to_owned(),
            ));
        }
        _ => return Ok(None),
    }
    let kind = metadata.text("adapter.type").unwrap_or_default();
    if kind != "lora" {
        return Err(FileError::Unsupported(format!(
            "adapters of type {kind:?} are not accepted"
        )));
    }
    let rank = rank.ok_or_else(|| FileError::Malformed("an adapter without matrices".to_owned()))?;
    let names = ["general.base_model.0.name", "general.base_model.0.repo_url"];
    Ok(Some(Lora {
        rank,
        base: names.into_iter().filter_map(|key| metadata.text(key)).collect(),
    }))
}

#[derive(Default)]
struct Tensors {
    /// By the name of their type.
    parameters: BTreeMap<&'static str, u64>,
    /// End of the data: with padding, and without.
    padded_end: u64,
    end: u64,
    rank: Option<u64>,
}

impl Tensors {
    fn read<R: Read>(reader: &mut Reader<R>, count: u64, alignment: u64) -> Result<Self, FileError> {
        let (mut found, mut names) = (Self::default(), Names::default());
        for _ in 0..count {
            let name = reader.text(MOST_NAME, "the name of a tensor")?;
            names.meet(&name)?;
            found.read_one(reader, &name, alignment)?;
        }
        match count {
            0 => Err(FileError::Malformed("no tensors".to_owned())),
            _ => Ok(found),
        }
    }

    fn read_one<R: Read>(&mut self, reader: &mut Reader<R>, name: &str, alignment: u64) -> Result<(), FileError> {
        let dimensions = reader.u32("the dimensions of a tensor")?;
        if dimensions == 0 || dimensions > MOST_DIMENSIONS {
            return Err(FileError::Malformed(format!("{name} has {dimensions} dimensions")));
        }
        let lengths: Result<Vec<u64>, _> = (0..dimensions).map(|_| reader.u64("the shape of a tensor")).collect();
        let lengths = lengths?;
        let id = reader.u32("the type of a tensor")?;
        let offset = reader.u64("the offset of a tensor")?;
        let known =
            Type::of(id).ok_or_else(|| FileError::Unsupported(format!("{name} is of an unknown type, {id}")))?;
        let too_large = || FileError::Truncated(format!("{name} is larger than the file"));
        let numbers = lengths
            .iter()
            .try_fold(1_u64, |all, length| all.checked_mul(*length))
            .ok_or_else(too_large)?;
        let row = lengths.first().copied().unwrap_or_default();
        let bytes = known.bytes(numbers).filter(|bytes| *bytes <= reader.size());
        let whole_blocks = row.is_multiple_of(known.block) && numbers > 0;
        if !whole_blocks {
            return Err(FileError::Malformed(format!(
                "{name} has a shape that {} cannot have",
                known.name
            )));
        }
        let bytes = bytes.ok_or_else(too_large)?;
        // So writers write it, and so the reference reads it: then nothing overlaps, and nothing is left out.
        if offset < self.padded_end {
            return Err(FileError::Overlap(format!(
                "{name} begins before the one before it ends"
            )));
        }
        if offset > self.padded_end {
            return Err(FileError::Unclaimed(offset - self.padded_end));
        }
        self.end = offset + bytes;
        self.padded_end = padded(self.end, alignment);
        if self.padded_end > reader.size().next_multiple_of(alignment) {
            return Err(too_large());
        }
        *self.parameters.entry(known.name).or_default() += numbers;
        if let (true, Some(rank)) = (name.ends_with(".lora_a"), lengths.get(1)) {
            self.rank = self.rank.max(Some(*rank));
        }
        Ok(())
    }

    /// The last tensor may be padded, or not.
    fn check_size(&self, begin: u64, alignment: u64, size: u64) -> Result<(), FileError> {
        let (end, padded_end) = (begin + self.end, begin + self.padded_end);
        debug_assert!(padded_end - end < alignment);
        match size {
            _ if size < end => Err(FileError::Truncated(format!(
                "{} bytes of tensors are missing",
                end - size
            ))),
            _ if size > padded_end => Err(FileError::Unclaimed(size - padded_end)),
            _ => Ok(()),
        }
    }

    fn mostly(&self) -> Option<String> {
        let most = self.parameters.iter().max_by_key(|(_, numbers)| **numbers);
        most.map(|(name, _)| (*name).to_owned())
    }
}
