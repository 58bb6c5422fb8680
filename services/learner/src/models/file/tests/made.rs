//! Small models, written as the formats say.

/// Type numbers of GGUF.
pub const F32: u32 = 0;
pub const Q8_0: u32 = 8;

/// A tensor of GGUF: name, lengths, type, bytes.
pub type Tensor<'a> = (&'a str, &'a [u64], u32, usize);

pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// An entry of a text.
pub fn entry(key: &str, value: &str) -> Vec<u8> {
    [text(key), 8_u32.to_le_bytes().to_vec(), text(value)].concat()
}

/// An entry of a number.
pub fn number(key: &str, value: u32) -> Vec<u8> {
    [text(key), 4_u32.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
}

pub fn tensor(name: &str, lengths: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend((lengths.len() as u32).to_le_bytes());
    lengths.iter().for_each(|length| bytes.extend(length.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// Magic, version, counts, and what follows them.
pub fn head(tensors: u64, entries: u64, rest: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    rest.iter().for_each(|part| bytes.extend(part));
    bytes
}

pub fn gguf(entries: &[Vec<u8>], tensors: &[Tensor<'_>]) -> Vec<u8> {
    let (mut parts, mut offset) = (entries.to_vec(), 0);
    for (name, lengths, kind, size) in tensors {
        parts.push(tensor(name, lengths, *kind, offset));
        offset += (*size as u64).next_multiple_of(32);
    }
    let mut bytes = head(tensors.len() as u64, entries.len() as u64, &parts);
    bytes.resize(bytes.len().next_multiple_of(32) + offset as usize, 7);
    bytes
}

/// Two tensors, 64 numbers of eight bits and four of 32.
pub fn small_gguf() -> Vec<u8> {
    let entries = [
        entry("general.architecture", "llama"),
        entry("general.name", "Small"),
        [
            text("tokens"),
            [9_u32, 8].map(u32::to_le_bytes).concat(),
            2_u64.to_le_bytes().to_vec(),
            text("a"),
            text("b"),
        ]
        .concat(),
        [
            text("scores"),
            [9_u32, 6].map(u32::to_le_bytes).concat(),
            2_u64.to_le_bytes().to_vec(),
            vec![0; 8],
        ]
        .concat(),
        number("general.alignment", 32),
    ];
    gguf(
        &entries,
        &[("blk.0.weight", &[32, 2], Q8_0, 68), ("norm", &[4], F32, 16)],
    )
}

pub fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 7);
    bytes
}

pub fn small_safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"format":"pt"},
        "b":{"dtype":"F32","shape":[],"data_offsets":[12,16]},
        "a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}   "#;
    safetensors(header, 16)
}
