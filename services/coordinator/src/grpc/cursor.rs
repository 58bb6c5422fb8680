//! Cursors: opaque to clients, made and read in one place. The first letter says of which list they
//! are, so that none is taken for another's.

use crate::grpc::problems;
use chrono::{DateTime, Utc};
use tonic::Status;
use uuid::Uuid;

/// Lists whose order is a moment, then an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timed {
    /// Open gates by opening.
    Gates,
    /// Ended tasks by end.
    Finished,
}

impl Timed {
    const fn letter(self) -> char {
        match self {
            Self::Gates => 'g',
            Self::Finished => 'f',
        }
    }

    /// After this place.
    pub fn write(self, at: DateTime<Utc>, id: Uuid) -> String {
        format!("{}{:x}-{}", self.letter(), at.timestamp_micros().max(0), id.simple())
    }

    /// The place; none for the beginning.
    ///
    /// # Errors
    /// 400 `invalid_cursor`.
    pub fn read(self, cursor: &str) -> Result<Option<(DateTime<Utc>, Uuid)>, Status> {
        read(cursor, |cursor| {
            let (micros, id) = cursor.strip_prefix(self.letter())?.split_once('-')?;
            let micros = Some(micros).filter(|m| is_hex(m))?;
            let at = DateTime::from_timestamp_micros(i64::from_str_radix(micros, 16).ok()?)?;
            Some((at, Uuid::try_parse(id).ok()?))
        })
    }
}

/// After this task of a list by id.
pub fn write_task(id: Uuid) -> String {
    format!("t{}", id.simple())
}

/// The task; none for the beginning.
///
/// # Errors
/// 400 `invalid_cursor`.
pub fn read_task(cursor: &str) -> Result<Option<Uuid>, Status> {
    read(cursor, |cursor| Uuid::try_parse(cursor.strip_prefix('t')?).ok())
}

/// After this name of a list by name.
pub fn write_name(name: &str) -> String {
    let hex = name.bytes().map(|byte| format!("{byte:02x}"));
    std::iter::once("n".to_owned()).chain(hex).collect()
}

/// The name; none for the beginning.
///
/// # Errors
/// 400 `invalid_cursor`.
pub fn read_name(cursor: &str) -> Result<Option<String>, Status> {
    read(cursor, |cursor| {
        let hex = cursor
            .strip_prefix('n')
            .filter(|hex| is_hex(hex) && hex.len() % 2 == 0)?;
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
        String::from_utf8(bytes?).ok().filter(|name| !name.contains('\0'))
    })
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn read<T>(cursor: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Status> {
    if cursor.is_empty() {
        return Ok(None);
    }
    parse(cursor)
        .map(Some)
        .ok_or_else(|| problems::invalid_cursor().to_status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::problem::Problem;

    #[test]
    fn a_cursor_is_read_back_by_its_own_list_alone() {
        let id = Uuid::from_u128(0x0192_7abc);
        let at = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let cursors = [
            write_task(id),
            write_name("shop.stöck"),
            Timed::Gates.write(at, id),
            Timed::Finished.write(at, id),
        ];
        assert!(cursors.iter().all(|c| c.bytes().all(|b| b.is_ascii_graphic())));
        assert_eq!(read_task(&cursors[0]).unwrap(), Some(id));
        assert_eq!(read_name(&cursors[1]).unwrap().as_deref(), Some("shop.stöck"));
        assert_eq!(Timed::Gates.read(&cursors[2]).unwrap(), Some((at, id)));
        assert_eq!(Timed::Finished.read(&cursors[3]).unwrap(), Some((at, id)));
        for (own, cursor) in cursors.iter().enumerate() {
            let read = [
                read_task(cursor).is_ok(),
                read_name(cursor).is_ok(),
                Timed::Gates.read(cursor).is_ok(),
                Timed::Finished.read(cursor).is_ok(),
            ];
            assert_eq!(read.iter().position(|ok| *ok), Some(own));
            assert_eq!(read.iter().filter(|ok| **ok).count(), 1, "{cursor}");
        }
    }

    #[test]
    fn a_forged_cursor_is_refused_and_none_is_the_beginning() {
        assert_eq!(read_task("").unwrap(), None);
        for forged in [
            "../../etc/passwd",
            "t",
            "t1",
            "nzz",
            "n0",
            "g-",
            "gffffffffffffffff-0",
            "n+1+1",
            "näää",
        ] {
            let statuses = [
                read_task(forged).err(),
                read_name(forged).err(),
                Timed::Gates.read(forged).err(),
            ];
            for status in statuses {
                assert_eq!(
                    Problem::from_status(&status.unwrap()).code,
                    "invalid_cursor",
                    "{forged}"
                );
            }
        }
    }
}
