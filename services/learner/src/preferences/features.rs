//! What of a text's manner can be counted, so that a draft and its edit can be compared without an opinion.

use serde_json::{Value, json};

/// Of a text with words, each by its name. `words` is a number, the others are `none` or `some`.
pub fn features(text: &str) -> [(&'static str, Value); 5] {
    let has = |found: bool| json!(if found { "some" } else { "none" });
    [
        ("emoji", has(text.chars().any(is_emoji))),
        ("hashtags", has(text.split_whitespace().any(is_hashtag))),
        ("exclamation_marks", has(exclaims(text))),
        ("links", has(text.contains("http://") || text.contains("https://"))),
        ("words", json!(words(text))),
    ]
}

/// One of a text's features.
pub fn feature(text: &str, name: &str) -> Option<Value> {
    let mut all = features(text).into_iter();
    all.find_map(|(known, value)| (known == name).then_some(value))
}

/// Words, as white space parts them.
pub fn words(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .count()
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1F300}'..='\u{1FAFF}' | '\u{1F1E6}'..='\u{1F1FF}' | '\u{2600}'..='\u{27BF}' | '\u{2B50}' | '\u{2B55}')
}

/// A heading of Markdown has a space behind its `#`.
fn is_hashtag(word: &str) -> bool {
    let inner = word.trim_start_matches(['(', '"', '*', '_']);
    inner
        .strip_prefix('#')
        .is_some_and(|tag| tag.chars().next().is_some_and(char::is_alphabetic))
}

/// An image of Markdown begins with `![`.
fn exclaims(text: &str) -> bool {
    text.match_indices('!')
        .any(|(at, _)| !text.get(at + 1..).is_some_and(|rest| rest.starts_with('[')))
}
