//! Lines of a stream of pieces, with a bound on what is held.

/// Bytes of a line; a longer one is passed over and told.
pub const MOST_BYTES: usize = 64 << 20;

/// A line, or that there was one that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without the end of the line.
    Whole(Vec<u8>),
    /// It had more than [`MOST_BYTES`].
    TooLong,
}

/// Splits pieces into numbered lines.
#[derive(Debug)]
pub struct Lines {
    most: usize,
    number: u64,
    pending: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// With lines of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            number: 0,
            pending: Vec::new(),
            too_long: false,
        }
    }

    /// The lines that end in the piece, each with its number from 1.
    pub fn push(&mut self, piece: &[u8]) -> Vec<(u64, Line)> {
        let mut lines = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            self.hold(line);
            lines.push(self.end());
            rest = after.get(1..).unwrap_or_default();
        }
        self.hold(rest);
        lines
    }

    /// What follows the last end of a line; none: nothing does.
    pub fn finish(&mut self) -> Option<(u64, Line)> {
        (self.too_long || !self.pending.is_empty()).then(|| self.end())
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.too_long || self.pending.len() + bytes.len() > self.most {
            self.too_long = true;
            self.pending = Vec::new();
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    fn end(&mut self) -> (u64, Line) {
        self.number += 1;
        let bytes = std::mem::take(&mut self.pending);
        let line = if std::mem::take(&mut self.too_long) {
            Line::TooLong
        } else {
            Line::Whole(bytes)
        };
        (self.number, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_pieces_fall() {
        let text = b"one\n\ntwo two\r\nthree";
        let read = |size: usize| {
            let mut lines = Lines::new(100);
            let mut read: Vec<_> = text.chunks(size).flat_map(|piece| lines.push(piece)).collect();
            read.extend(lines.finish());
            read
        };
        let whole = |n: u64, line: &[u8]| (n, Line::Whole(line.to_vec()));
        let expected = [
            whole(1, b"one"),
            whole(2, b""),
            whole(3, b"two two\r"),
            whole(4, b"three"),
        ];
        for size in 1..=text.len() {
            assert_eq!(read(size), expected);
        }
    }

    #[test]
    fn of_a_line_too_long_nothing_is_held_and_the_next_is_read() {
        let mut lines = Lines::new(4);
        assert_eq!(lines.push(b"12345678"), []);
        assert_eq!(lines.pending.capacity(), 0);
        let read = lines.push(b"9\nok\n123456");
        assert_eq!(read, [(1, Line::TooLong), (2, Line::Whole(b"ok".to_vec()))]);
        assert_eq!(lines.finish(), Some((3, Line::TooLong)));
    }
}
