//! What a line may hold, told before it is read: values in memory take many times the bytes they were written with.

/// Values of the record itself, about.
const MOST_VALUES: usize = 200_000;
/// And of those inside its texts, which are read as JSON to take secrets out. Commas of prose count, too.
const MOST_INSIDE: usize = 2_000_000;
/// Levels of the record itself.
const MOST_LEVELS: usize = 32;

/// Why a line is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Of values.
    #[error("the record has more than {MOST_VALUES} values")]
    Values,
    /// Of values inside texts.
    #[error("the texts of the record have more than {MOST_INSIDE} values")]
    Inside,
    /// Of levels.
    #[error("the record has more than {MOST_LEVELS} levels")]
    Levels,
}

/// Counts what is between a line's quotes and outside of them, in one pass.
///
/// # Errors
/// Where it is more than a record has.
pub fn check(line: &str) -> Result<(), TooMuch> {
    let (mut values, mut inside, mut levels) = (0, 0, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in line.bytes() {
        match byte {
            _ if escaped => {
                escaped = false;
                // May stand for any of these.
                inside += usize::from(byte == b'u');
            }
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                levels += 1;
                values += 1;
            }
            b']' | b'}' if !quoted => levels = levels.saturating_sub(1),
            b',' if !quoted => values += 1,
            b'[' | b'{' | b',' => inside += 1,
            _ => {}
        }
        if levels > MOST_LEVELS {
            return Err(TooMuch::Levels);
        }
    }
    if values > MOST_VALUES {
        Err(TooMuch::Values)
    } else if inside > MOST_INSIDE {
        Err(TooMuch::Inside)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_few_bytes_and_many_values_is_not_read() {
        let record = format!(r#"{{"request":"a, b [c] \" {{","steps":[{}]}}"#, "{},".repeat(100));
        assert_eq!(check(&record), Ok(()));
        assert_eq!(check(&format!("[{}]", "0,".repeat(MOST_VALUES))), Err(TooMuch::Values));
        assert_eq!(check(&"[".repeat(MOST_LEVELS + 1)), Err(TooMuch::Levels));
        let nested = format!(r#"{{"output":"[{}]"}}"#, "0,".repeat(MOST_INSIDE));
        assert_eq!(check(&nested), Err(TooMuch::Inside));
        let spelt = format!(r#"{{"output":"\u005b{}"}}"#, r"0\u002c".repeat(MOST_INSIDE));
        assert_eq!(check(&spelt), Err(TooMuch::Inside), "whichever way they are written");
        let prose = format!(
            r#"{{"output":"{}"}}"#,
            "words, and more words that are long ".repeat(1_000_000)
        );
        assert_eq!(check(&prose), Ok(()), "tens of megabytes of prose are a text");
        // A quote that is escaped ends no text.
        assert_eq!(check(&format!(r#"{{"a":"\"{}"}}"#, "[".repeat(100))), Ok(()));
    }
}
