//! The lines of `text/event-stream`.

use crate::ClientError;

/// Largest event read.
const MAX_FRAME: usize = 8 << 20;

/// One event as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// `id`.
    pub id: String,
    /// `event`.
    pub event: String,
    /// `data`, its lines joined.
    pub data: String,
}

/// Cuts pieces of a stream into events.
#[derive(Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Up to here the buffer has been looked at.
    at: usize,
    current: Frame,
    has_data: bool,
}

impl Frames {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole event, if it has come.
    ///
    /// # Errors
    /// An event larger than 8 MiB.
    pub fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                let frame = std::mem::take(&mut self.current);
                if std::mem::take(&mut self.has_data) {
                    return Ok(Some(frame));
                }
                continue;
            }
            self.field(&line);
        }
        let held = self.buffer.len().saturating_sub(self.at) + self.current.data.len();
        if held > MAX_FRAME {
            Err(ClientError::EventTooLarge)
        } else {
            Ok(None)
        }
    }

    /// The next whole line, without its end.
    fn line(&mut self) -> Option<String> {
        let rest = self.buffer.get(self.at..)?;
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest.get(..length)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = String::from_utf8_lossy(line).into_owned();
        self.at += length + 1;
        Some(line)
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => value.clone_into(&mut self.current.id),
            "event" => value.clone_into(&mut self.current.event),
            "data" => {
                if self.has_data {
                    self.current.data.push('\n');
                }
                self.current.data.push_str(value);
                self.has_data = true;
            }
            // Comments have an empty name; `retry` is the server's advice to browsers.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Frames};

    #[test]
    fn events_are_read_however_the_stream_is_cut() {
        let text = "retry: 1000\n\n: keep-alive\n\nid: 7\nevent: a.b\ndata: {\"x\":\ndata: 1}\n\nid:8\r\nevent:c\r\ndata:\u{e9}\r\n\r\nid: 9\ndata: cut";
        for size in [1, 2, 3, 7, 1000] {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                frames.push(piece);
                while let Some(frame) = frames.next().unwrap() {
                    seen.push(frame);
                }
            }
            let frame = |id: &str, event: &str, data: &str| Frame {
                id: id.to_owned(),
                event: event.to_owned(),
                data: data.to_owned(),
            };
            assert_eq!(seen, [frame("7", "a.b", "{\"x\":\n1}"), frame("8", "c", "\u{e9}")]);
        }
    }
}
