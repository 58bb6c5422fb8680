//! The lines of an export, by part of the data set, piece by piece.

use super::tune::{Examples, Part};
use crate::record::Split;
use crate::store::{ExportPiece, Store, StoreError};
use bytes::Bytes;
use futures::{Stream, stream};
use uuid::Uuid;

/// Why lines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The export is of before lines were told apart.
    #[error("the export does not say which part of the data set its lines are of; export again")]
    Unmarked,
}

/// Puts lines together that begin in one piece and end in another.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Hands over each line that ends in the piece, its end included.
    fn each(&mut self, piece: &ExportPiece, mut with: impl FnMut(u8, &[u8], &[u8])) -> Result<(), LinesError> {
        let parts = piece.parts.as_deref().ok_or(LinesError::Unmarked)?;
        let mut parts = parts.iter();
        for line in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.last() != Some(&b'\n') {
                self.begun.extend_from_slice(line);
                continue;
            }
            with(*parts.next().ok_or(LinesError::Unmarked)?, &self.begun, line);
            self.begun.clear();
        }
        Ok(())
    }
}

/// What there is to train and measure with; none: the export has no lines, or is not there.
///
/// # Errors
/// When it cannot be told.
pub async fn measure(store: &Store, export: Uuid) -> Result<Examples, LinesError> {
    let (mut lines, mut examples, mut no) = (Lines::default(), Examples::default(), 0);
    while let Some(piece) = store.export_piece(export, no).await? {
        lines.each(&piece, |part, begun, line| {
            let of = match part {
                part if part == Split::Train.byte() => &mut examples.train,
                part if part == Split::Validation.byte() => &mut examples.validation,
                _ => return,
            };
            *of = Part {
                lines: of.lines + 1,
                bytes: of.bytes + (begun.len() + line.len()) as u64,
            };
        })?;
        no += 1;
    }
    Ok(examples)
}

/// The lines of one part, as they stand in the export; a piece of it is held at a time.
pub fn read(
    store: Store,
    export: Uuid,
    split: Split,
) -> impl Stream<Item = Result<Bytes, LinesError>> + Send + 'static {
    let from = (store, Lines::default(), 0);
    stream::try_unfold(from, move |(store, mut lines, no)| async move {
        let Some(piece) = store.export_piece(export, no).await? else {
            return Ok(None);
        };
        let mut found = Vec::new();
        lines.each(&piece, |part, begun, line| {
            if part == split.byte() {
                found.extend_from_slice(begun);
                found.extend_from_slice(line);
            }
        })?;
        Ok(Some((Bytes::from(found), (store, lines, no + 1))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_wherever_pieces_are_cut() {
        let text = b"{\"a\":1}\n{\"bb\":22}\n{\"c\":3}\n";
        let parts = [0, 1, 2];
        for size in 1..=text.len() {
            let (mut lines, mut found, mut ended) = (Lines::default(), Vec::new(), 0);
            for bytes in text.chunks(size) {
                let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
                let piece = ExportPiece {
                    bytes: bytes.to_vec(),
                    parts: Some(parts[ended..ended + ends].to_vec()),
                };
                ended += ends;
                let keep = |part, begun: &[u8], line: &[u8]| found.push((part, [begun, line].concat()));
                lines.each(&piece, keep).unwrap();
            }
            let expected = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
            assert_eq!(found, (0..).zip(expected).collect::<Vec<_>>(), "{size}");
        }
        let unmarked = ExportPiece {
            bytes: text.to_vec(),
            parts: None,
        };
        assert!(Lines::default().each(&unmarked, |_, _, _| {}).is_err());
    }
}
