//! Names that users give to things: readable, and what they seem to be.

/// Most characters of a name.
pub const MAX_NAME: usize = 64;
/// Most characters of a step's key: one of a plan, with the place of an item behind it (`posts/63`).
pub const MAX_STEP_KEY: usize = MAX_NAME + 8;

/// Why a text cannot be a name; `None` when it can.
pub fn unfit_name(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.chars().nth(MAX_NAME).is_some() {
        return Some("must have 1 to 64 characters");
    }
    unreadable(text)
}

/// Why a text cannot be read as what it seems to be; `None` when it can.
pub fn unreadable(text: &str) -> Option<&'static str> {
    if text.trim() != text {
        return Some("must not begin or end with white space");
    }
    text.chars()
        .any(is_hidden)
        .then_some("has control, bidirectional or invisible characters")
}

/// Characters that make a text look like another one, or like nothing.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::unfit_name;

    #[test]
    fn names_are_readable_in_any_language_and_hide_nothing() {
        for good in ["revenue_monthly", "Umsatz (€)", "売上", "a", &"x".repeat(64)] {
            assert_eq!(unfit_name(good), None, "{good}");
        }
        for bad in [
            "",
            " a",
            "a\n",
            "a\u{202E}b",
            "a\u{E0041}",
            "a\u{200B}b",
            "\u{FEFF}a",
            &"x".repeat(65),
        ] {
            assert!(unfit_name(bad).is_some(), "{bad:?}");
        }
    }
}
