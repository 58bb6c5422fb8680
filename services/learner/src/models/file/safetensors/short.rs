use std::io::{self, Read};

/// Of one text. Trainers write what they were told to do into the header, so that some are long.
const MOST_TEXT: usize = 1 << 20;
/// Of one number or word.
const MOST_WORD: usize = 64;

/// Lets JSON through whose texts, numbers and words are no longer than this: a parser holds each as a whole.
pub struct ShortTokens<R> {
    inner: R,
    within: Within,
    length: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Word,
    Text,
    Escape,
}

impl<R> ShortTokens<R> {
    /// Of JSON from its beginning.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            within: Within::Nothing,
            length: 0,
        }
    }

    fn see(&mut self, byte: u8) -> io::Result<()> {
        let next = match (self.within, byte) {
            (Within::Text, b'"') => Within::Nothing,
            (Within::Text, b'\\') => Within::Escape,
            (Within::Text | Within::Escape, _) | (_, b'"') => Within::Text,
            (_, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') => Within::Word,
            _ => Within::Nothing,
        };
        let goes_on = next == self.within || self.within == Within::Escape || next == Within::Escape;
        self.length = if goes_on { self.length + 1 } else { 0 };
        self.within = next;
        let most = if next == Within::Word { MOST_WORD } else { MOST_TEXT };
        match self.length > most && next != Within::Nothing {
            true => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a token of more than {most} bytes"),
            )),
            false => Ok(()),
        }
    }
}

impl<R: Read> Read for ShortTokens<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in buffer.iter().take(read) {
            self.see(*byte)?;
        }
        Ok(read)
    }
}
