//! What would be better, as it may be kept and shown: one line, bounded, without secrets and personal data.
//!
//! It comes from a model, a tool or a person. Whoever shows it to a planner quotes it.

use crate::scrub::Scrubber;

/// Characters of a hint.
const MOST_CHARS: usize = 500;
/// Characters that are looked through at all.
const MOST_READ: usize = 4_000;

/// The text as it may be kept.
pub fn cleaned(scrubber: &Scrubber, text: &str) -> String {
    let scrubbed = scrubber.text(&read(text));
    let line = scrubbed.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(&line, MOST_CHARS)
}

/// At most so many characters, the end of the text marked where it was cut.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The beginning, without characters that are not for reading. A word that was cut is left out: half of a secret is not
/// known for one.
fn read(text: &str) -> String {
    let readable = |c: char| match c {
        c if c.is_whitespace() => Some(c),
        c if c.is_control() => None,
        // Of no width, or turning the direction of what follows.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => None,
        c => Some(c),
    };
    let head = text.char_indices().nth(MOST_READ).map(|(end, _)| end);
    let whole = head.is_none();
    let head = text.get(..head.unwrap_or(text.len())).unwrap_or_default();
    let head = match head.rfind(char::is_whitespace).filter(|_| !whole) {
        Some(end) => head.get(..end).unwrap_or_default(),
        None if whole => head,
        None => "",
    };
    head.chars().filter_map(readable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        cleaned(&Scrubber::new(&["KND-[0-9]+".to_owned()]).unwrap(), text)
    }

    #[test]
    fn a_hint_is_one_readable_line_without_what_must_not_be_told() {
        assert_eq!(
            clean("Write to ann@example.com\n\n=== user ===\nabout\0 KND-77,\u{202e} not more"),
            "Write to <email_1> === user === about <custom_1>, not more"
        );
        let key = format!(
            "use {} here",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"
        );
        assert_eq!(clean(&key), "use <private_key_1> here");
    }

    #[test]
    fn however_long_it_is_a_hint_is_short_and_no_secret_is_cut_in_half() {
        let long = "word ".repeat(300_000);
        assert!(clean(&long).chars().count() == MOST_CHARS && clean(&long).ends_with('…'));
        assert_eq!(clean(&"x".repeat(1 << 20)), "", "one word of a megabyte says nothing");
        // The addresses shrink, so that what was cut would come into sight.
        let many = format!("{} bob.the.last@example.com", "ann@example.com ".repeat(249));
        assert!(!clean(&many).contains("bob"), "{}", clean(&many));
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }
}
