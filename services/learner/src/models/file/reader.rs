use super::error::FileError;
use std::io::{self, BufReader, Read};

/// Most that a header may have, both formats: what the reference implementation of safetensors allows.
pub const MOST_HEADER: u64 = 100_000_000;
/// More tensors than any model has.
pub const MOST_TENSORS: u64 = 100_000;

const FIRST: u64 = 16;

/// Reads a header from its beginning, never beyond what the file has or a header may have.
pub struct Reader<R> {
    inner: io::Chain<io::Cursor<Vec<u8>>, BufReader<R>>,
    at: u64,
    size: u64,
}

impl<R: Read> Reader<R> {
    /// Of a file of `size` bytes.
    pub fn new(mut file: R, size: u64) -> Result<Self, FileError> {
        let mut first = Vec::new();
        file.by_ref()
            .take(FIRST)
            .read_to_end(&mut first)
            .map_err(FileError::Read)?;
        Ok(Self {
            inner: io::Cursor::new(first).chain(BufReader::new(file)),
            at: 0,
            size,
        })
    }

    /// The first bytes, as many as there are.
    pub fn first(&self) -> &[u8] {
        self.inner.get_ref().0.get_ref()
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes read so far.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], FileError> {
        self.advance(N as u64, what)?;
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(|error| ended(error, what))?;
        Ok(bytes)
    }

    /// A number of four bytes.
    pub fn u32(&mut self, what: &str) -> Result<u32, FileError> {
        self.bytes(what).map(u32::from_le_bytes)
    }

    /// A number of eight bytes.
    pub fn u64(&mut self, what: &str) -> Result<u64, FileError> {
        self.bytes(what).map(u64::from_le_bytes)
    }

    /// A text of at most `most` bytes after its length.
    pub fn text(&mut self, most: u64, what: &str) -> Result<String, FileError> {
        let length = self.u64(what)?;
        if length > most {
            return Err(FileError::TooLarge(format!("{what} of {length} bytes")));
        }
        self.advance(length, what)?;
        let mut bytes = Vec::new();
        let read = self.inner.by_ref().take(length).read_to_end(&mut bytes);
        let read = read.map_err(FileError::Read)? as u64;
        if read < length {
            return Err(FileError::Truncated(what.to_owned()));
        }
        String::from_utf8(bytes).map_err(|_| FileError::Malformed(format!("{what} is no UTF-8")))
    }

    /// Past so many bytes.
    pub fn skip(&mut self, length: u64, what: &str) -> Result<(), FileError> {
        self.advance(length, what)?;
        let skipped = io::copy(&mut self.inner.by_ref().take(length), &mut io::sink());
        match skipped.map_err(FileError::Read)? == length {
            true => Ok(()),
            false => Err(FileError::Truncated(what.to_owned())),
        }
    }

    /// The next bytes, to be read elsewhere.
    pub fn part(&mut self, length: u64, what: &str) -> Result<impl Read + use<'_, R>, FileError> {
        self.advance(length, what)?;
        Ok(self.inner.by_ref().take(length))
    }

    fn advance(&mut self, length: u64, what: &str) -> Result<(), FileError> {
        let end = self.at.saturating_add(length);
        if end > self.size {
            return Err(FileError::Truncated(format!("{what} would need {length} more bytes")));
        }
        if end > MOST_HEADER {
            return Err(FileError::TooLarge(format!("more than {MOST_HEADER} bytes")));
        }
        self.at = end;
        Ok(())
    }
}

fn ended(error: io::Error, what: &str) -> FileError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FileError::Truncated(what.to_owned()),
        _ => FileError::Read(error),
    }
}
