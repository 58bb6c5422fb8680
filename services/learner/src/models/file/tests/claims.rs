//! Headers that claim more than there is, and headers that have it.

use super::super::inspect;
use super::made::{F32, gguf, head, safetensors, text};
use std::io::{self, Cursor, Read};

const MIB: u64 = 1 << 20;

/// The most that this process held since it began, bytes; none where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

fn code(file: impl Read, size: u64) -> &'static str {
    match inspect(file, size) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[test]
fn what_a_short_file_claims_is_not_believed() {
    let of = |bytes: Vec<u8>| code(bytes.as_slice(), bytes.len() as u64);
    let long = (1_u64 << 40).to_le_bytes().to_vec();
    let list = |kind: u32, count: u64| {
        let kinds = [9_u32, kind].map(u32::to_le_bytes).concat();
        head(1, 1, &[text("x"), kinds, count.to_le_bytes().to_vec()])
    };
    assert_eq!(of(head(u64::MAX, 0, &[])), "model_file_header_too_large");
    assert_eq!(of(head(1, u64::MAX, &[])), "model_file_header_too_large");
    assert_eq!(
        of(head(1, 1, std::slice::from_ref(&long))),
        "model_file_header_too_large"
    );
    assert_eq!(
        of(head(1, 1, &[text("x"), 8_u32.to_le_bytes().to_vec(), long])),
        "model_file_truncated"
    );
    assert_eq!(of(list(4, 1 << 30)), "model_file_truncated");
    assert_eq!(of(list(12, u64::MAX)), "model_file_truncated");
    assert_eq!(of(list(8, u64::MAX)), "model_file_truncated");
    assert_eq!(of(list(9, 1)), "model_file_unsupported");
    let mut gibibyte = safetensors("{}", 64);
    gibibyte[..8].copy_from_slice(&(1_u64 << 30).to_le_bytes());
    assert_eq!(of(gibibyte), "model_file_header_too_large");
    let mut longer = safetensors("{}", 64);
    longer[..8].copy_from_slice(&4096_u64.to_le_bytes());
    assert_eq!(of(longer), "model_file_truncated");
    assert_eq!(of(gguf(&[], &[("a", &[1 << 40], F32, 32)])), "model_file_truncated");
}

/// Each is as long as it says it is.
#[test]
fn memory_is_flat_whatever_a_header_is_made_of() {
    let json = |start: &str, filling: u8| {
        let length = 99_000_000_u64.to_le_bytes().to_vec();
        Cursor::new([length, start.as_bytes().to_vec()].concat()).chain(io::repeat(filling))
    };
    let before = peak().unwrap_or_default();
    let long_text = json(r#"{"__metadata__":{"x":""#, b'x');
    assert_eq!(code(long_text, 1 << 40), "model_file_header_too_large");
    let long_key = json(r#"{"#, b'"');
    assert_eq!(code(long_key, 1 << 40), "model_file_malformed");
    let long_shape = json(r#"{"a":{"dtype":"U8","shape":[1"#, b'1');
    assert_eq!(code(long_shape, 1 << 40), "model_file_header_too_large");
    let escapes = json(r#"{"__metadata__":{"x":""#, b'\\');
    assert_eq!(code(escapes, 1 << 40), "model_file_header_too_large");
    let nested = json(r#"{"a":"#, b'[');
    assert_eq!(code(nested, 1 << 40), "model_file_malformed");
    let many = Cursor::new(head(1, 10_000, &[])).chain(endless_entries());
    assert_eq!(code(many, 1 << 40), "model_file_header_too_large");
    let tensors = Cursor::new(head(
        1,
        1,
        &[
            text("x"),
            8_u32.to_le_bytes().to_vec(),
            99_000_000_u64.to_le_bytes().to_vec(),
        ],
    ));
    assert_eq!(
        code(tensors.chain(io::repeat(0xff)), 1 << 40),
        "model_file_header_too_large"
    );
    let rose = peak().unwrap_or_default().saturating_sub(before);
    assert!(rose < 32 * MIB, "memory rose by {} KiB", rose / 1024);
}

/// Keys that differ, of the greatest length.
fn endless_entries() -> impl Read {
    struct Entries {
        n: u64,
        piece: Cursor<Vec<u8>>,
    }
    impl Read for Entries {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.piece.position() == self.piece.get_ref().len() as u64 {
                self.n += 1;
                let key = format!("{:0>60000}", self.n);
                self.piece = Cursor::new([text(&key), 0_u32.to_le_bytes().to_vec(), vec![1]].concat());
            }
            self.piece.read(buffer)
        }
    }
    Entries {
        n: 0,
        piece: Cursor::default(),
    }
}
