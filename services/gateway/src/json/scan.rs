//! One pass over the bytes before parsing: nesting depth and text that cannot be stored.
//!
//! Depth is checked here so that no recursive parser ever sees a document deep enough to hurt.

/// Why a document is refused before it is parsed.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nested deeper than allowed.
    TooDeep { at: usize },
    /// NUL or half of a surrogate pair.
    Text { at: usize, what: &'static str },
}

/// Scans `text`. Malformed JSON passes; the parser will say what is wrong with it.
///
/// # Errors
/// The first fault, with its byte offset.
pub fn scan(text: &str, max_depth: usize) -> Result<(), Fault> {
    let mut bytes = text.bytes().enumerate();
    let mut depth = 0_usize;
    let mut in_string = false;
    while let Some((at, byte)) = bytes.next() {
        match byte {
            0 => return Err(Fault::Text { at, what: "NUL" }),
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                if let Some((_, b'u')) = bytes.next() {
                    check_escape(text, at)?;
                }
            }
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > max_depth {
                    return Err(Fault::TooDeep { at });
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Judges the `\uXXXX` at `at`. A low half is fine only right behind a high half.
fn check_escape(text: &str, at: usize) -> Result<(), Fault> {
    let what = match escape(text, at) {
        Some(0) => "NUL, written as an escape,",
        Some(0xD800..=0xDBFF) if !matches!(escape(text, at + 6), Some(0xDC00..=0xDFFF)) => "lone surrogate",
        Some(0xDC00..=0xDFFF) if !high_half_before(text, at) => "lone surrogate",
        _ => return Ok(()),
    };
    Err(Fault::Text { at, what })
}

fn high_half_before(text: &str, at: usize) -> bool {
    let Some(before) = at.checked_sub(6) else {
        return false;
    };
    // The backslash of the high half must itself be an escape's beginning: `\\ud800` is text. An
    // odd number of backslashes up to it says so.
    let run = text
        .as_bytes()
        .get(..=before)
        .map_or(0, |head| head.iter().rev().take_while(|b| **b == b'\\').count());
    run % 2 == 1 && matches!(escape(text, before), Some(0xD800..=0xDBFF))
}

/// The code unit of the `\uXXXX` at `at`, when there is one.
fn escape(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at.checked_add(6)?)?.strip_prefix("\\u")?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Fault, scan};

    #[test]
    fn brackets_in_strings_do_not_count_and_escapes_are_told_from_text() {
        assert_eq!(scan(r#"{"a":"[[[[\"[["}"#, 1), Ok(()));
        assert_eq!(scan("[[]]", 1), Err(Fault::TooDeep { at: 1 }));
        assert_eq!(scan(r#""\\u0000""#, 1), Ok(()));
        assert_eq!(scan(r#""\ud83d\ude00""#, 1), Ok(()));
        assert!(scan(r#""\\ud83d\ude00""#, 1).is_err());
        assert_eq!(scan("\"\\u00", 1), Ok(()));
        assert_eq!(scan("\"\\u\u{e9}\u{e9}\u{e9}\"", 1), Ok(()));
    }
}
