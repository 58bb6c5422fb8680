use super::super::error::FileError;
use super::super::names::Names;
use super::super::reader::MOST_TENSORS;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

const METADATA: &str = "__metadata__";
const MOST_DIMENSIONS: usize = 16;

/// What is kept of a header while it is read.
#[derive(Default)]
pub struct Header {
    /// By the name of their type.
    pub parameters: BTreeMap<&'static str, u64>,
    /// Where tensors begin and end, by the first byte of data.
    pub places: Vec<(u64, u64)>,
    /// Highest rank of the matrices of an adapter, where there are any.
    pub rank: Option<u64>,
    pub architecture: Option<String>,
    pub name: Option<String>,
    /// What was wrong, as it was found.
    pub fault: Option<FileError>,
    names: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// As the format writes them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(non_camel_case_types, reason = "as the format writes them")]
enum Dtype {
    Bool,
    F4,
    F6_E2M3,
    F6_E3M2,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    F8_E8M0,
    I16,
    U16,
    F16,
    Bf16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64,
}

impl Dtype {
    /// Name and bits of a number.
    fn written(self) -> (&'static str, u64) {
        match self {
            Self::Bool => ("BOOL", 8),
            Self::F4 => ("F4", 4),
            Self::F6_E2M3 => ("F6_E2M3", 6),
            Self::F6_E3M2 => ("F6_E3M2", 6),
            Self::U8 => ("U8", 8),
            Self::I8 => ("I8", 8),
            Self::F8_E5M2 => ("F8_E5M2", 8),
            Self::F8_E4M3 => ("F8_E4M3", 8),
            Self::F8_E8M0 => ("F8_E8M0", 8),
            Self::I16 => ("I16", 16),
            Self::U16 => ("U16", 16),
            Self::F16 => ("F16", 16),
            Self::Bf16 => ("BF16", 16),
            Self::I32 => ("I32", 32),
            Self::U32 => ("U32", 32),
            Self::F32 => ("F32", 32),
            Self::C64 => ("C64", 64),
            Self::F64 => ("F64", 64),
            Self::I64 => ("I64", 64),
            Self::U64 => ("U64", 64),
        }
    }
}

/// Lengths, of which there are few.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lengths;
        impl<'de> Visitor<'de> for Lengths {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST_DIMENSIONS} lengths")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut lengths = Vec::new();
                while let Some(length) = list.next_element()? {
                    if lengths.len() == MOST_DIMENSIONS {
                        return Err(A::Error::invalid_length(MOST_DIMENSIONS + 1, &self));
                    }
                    lengths.push(length);
                }
                Ok(Shape(lengths))
            }
        }
        deserializer.deserialize_seq(Lengths)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Header {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Header {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let met = self.names.meet(&name);
            self.note(met)?;
            if name == METADATA {
                let Metadata { architecture, name } = map.next_value()?;
                (self.architecture, self.name) = (architecture, name);
            } else {
                let tensor = map.next_value()?;
                let added = self.add(&name, &tensor);
                self.note(added)?;
            }
        }
        Ok(())
    }
}

/// Texts by name, of which two are kept.
#[derive(Default)]
struct Metadata {
    architecture: Option<String>,
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut kept = Metadata::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "modelspec.architecture" => kept.architecture = Some(map.next_value()?),
                        "modelspec.title" => kept.name = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(kept)
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

impl Header {
    /// A parser carries no errors but its own.
    fn note<E: Error>(&mut self, found: Result<(), FileError>) -> Result<(), E> {
        found.map_err(|fault| {
            let error = E::custom(&fault);
            self.fault = Some(fault);
            error
        })
    }

    fn add(&mut self, name: &str, tensor: &Tensor) -> Result<(), FileError> {
        let (kind, bits) = tensor.dtype.written();
        let (begin, end) = tensor.data_offsets;
        if self.places.len() as u64 == MOST_TENSORS {
            return Err(FileError::TooLarge(format!("more than {MOST_TENSORS} tensors")));
        }
        let lengths = tensor.shape.0.as_slice();
        let numbers = lengths.iter().try_fold(1_u64, |all, length| all.checked_mul(*length));
        let all_bits = numbers.and_then(|numbers| numbers.checked_mul(bits));
        let bytes = end.checked_sub(begin);
        let fits = all_bits
            .zip(bytes)
            .is_some_and(|(bits, bytes)| bits.is_multiple_of(8) && bits / 8 == bytes);
        if !fits {
            return Err(FileError::Malformed(format!(
                "{name} has offsets that its shape cannot have"
            )));
        }
        self.places.push((begin, end));
        *self.parameters.entry(kind).or_default() += numbers.unwrap_or_default();
        // Of PEFT; rank by inputs.
        if name.contains(".lora_A.") || name.contains(".lora_embedding_A") {
            self.rank = self.rank.max(lengths.first().copied());
        }
        Ok(())
    }

    /// Whether tensors fill so many bytes, each once.
    pub fn check(&mut self, data: u64) -> Result<(), FileError> {
        self.places.sort_unstable();
        let mut filled = 0;
        for (begin, end) in &self.places {
            if *begin < filled {
                return Err(FileError::Overlap(format!("two have the bytes from {begin} on")));
            }
            if *begin > filled {
                return Err(FileError::Unclaimed(begin - filled));
            }
            filled = *end;
        }
        match data {
            _ if self.places.is_empty() => Err(FileError::Malformed("no tensors".to_owned())),
            _ if filled > data => Err(FileError::Truncated(format!(
                "{} bytes of tensors are missing",
                filled - data
            ))),
            _ if filled < data => Err(FileError::Unclaimed(data - filled)),
            _ => Ok(()),
        }
    }
}
