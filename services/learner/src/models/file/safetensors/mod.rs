//! Safetensors: the length of a header, the header in JSON, then the tensors' bytes without gap, overlap or rest.

mod header;
mod short;

use super::error::FileError;
use super::reader::{MOST_HEADER, Reader};
use super::{Format, Lora, ModelFile};
use header::Header;
use serde::de::DeserializeSeed;
use short::ShortTokens;
use std::io::{self, Read};

/// Of a reader at its beginning.
pub fn inspect<R: Read>(mut reader: Reader<R>) -> Result<ModelFile, FileError> {
    let length = reader.u64("the length of the header")?;
    if length > MOST_HEADER - 8 {
        return Err(FileError::TooLarge(format!("{length} bytes")));
    }
    let data = reader.size() - reader.at();
    let data = data.checked_sub(length);
    let data = data.ok_or_else(|| FileError::Truncated(format!("a header of {length} bytes")))?;
    let mut header = Header::default();
    {
        let part = ShortTokens::new(io::BufReader::new(reader.part(length, "the header")?));
        let mut json = serde_json::Deserializer::from_reader(part);
        let read = header.deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|error| header.fault.take().unwrap_or_else(|| unsound(error)))?;
    }
    header.check(data)?;
    Ok(ModelFile {
        format: Format::Safetensors,
        architecture: header.architecture,
        name: header.name,
        parameters: header.parameters.values().sum(),
        quantisation: header
            .parameters
            .iter()
            .max_by_key(|(_, numbers)| **numbers)
            .map(|(name, _)| (*name).to_owned()),
        tensors: header.places.len() as u64,
        adapter: header.rank.map(|rank| Lora { rank, base: Vec::new() }),
    })
}

fn unsound(error: serde_json::Error) -> FileError {
    match error.classify() {
        serde_json::error::Category::Io => match error.io_error_kind() {
            Some(io::ErrorKind::InvalidData) => FileError::TooLarge(error.to_string()),
            _ => FileError::Read(error.into()),
        },
        serde_json::error::Category::Eof => FileError::Malformed("it ends within a value".to_owned()),
        _ => FileError::Malformed(error.to_string()),
    }
}
