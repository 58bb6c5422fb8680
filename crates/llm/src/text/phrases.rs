//! Phrases: lists in prose, capitals, cuts at word boundaries.

use super::tokens::is_stopword;

/// `a`, `a and b`, `a, b and c`.
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// Each item in quotation marks, listed.
pub fn quoted(items: &[String]) -> String {
    listed(&items.iter().map(|item| format!("“{item}”")).collect::<Vec<_>>())
}

/// The first letter as a capital, the rest as it is.
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Capitals as in a headline: small words stay small, except the first.
pub fn headline(text: &str) -> String {
    let words = text.split_whitespace().enumerate().map(|(i, word)| {
        let keeps = i > 0 && is_stopword(word);
        if keeps { word.to_owned() } else { capitalised(word) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `a` or `an` before it, as it is spoken.
pub fn with_article(noun: &str) -> String {
    let first = noun.split_whitespace().next().unwrap_or("");
    let spelled = first.len() > 1 && first.chars().all(char::is_uppercase);
    let vowels: &[char] = if spelled {
        &['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']
    } else {
        &['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']
    };
    let article = if first.starts_with(vowels) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// At most `limit` characters, cut between words, with an ellipsis where something is missing.
pub fn shorten(text: &str, limit: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= limit {
        return flat;
    }
    let mut short = String::new();
    for word in flat.split(' ') {
        if short.chars().count() + word.chars().count() + 2 > limit {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    if short.is_empty() {
        short = flat.chars().take(limit.saturating_sub(1)).collect();
    }
    format!("{}…", short.trim_end_matches([',', ';', ':', '.']))
}

/// Ends with a full stop, unless it is closed already.
pub fn closed(text: &str) -> String {
    let trimmed = text.trim();
    if super::sentences::is_closed(trimmed) {
        return trimmed.to_owned();
    }
    format!("{}.", trimmed.trim_end_matches([',', ';', ':', '-', '–', '—', ' ']))
}

/// Without repeats (case ignored), order kept.
pub fn distinct(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    items
        .into_iter()
        .filter(|item| !item.is_empty() && seen.insert(item.to_lowercase()))
        .collect()
}

/// Whether `text` has `phrase`, case, spacing and kind of apostrophe ignored.
pub fn contains_phrase(text: &str, phrase: &str) -> bool {
    let wanted = folded(phrase);
    !wanted.is_empty() && folded(text).contains(&wanted)
}

fn folded(text: &str) -> String {
    let even = text.to_lowercase().replace('’', "'").replace(['“', '”', '"', '*'], "");
    even.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{closed, contains_phrase, headline, listed, shorten, with_article};

    #[test]
    fn phrases_read_as_people_write_them() {
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(headline("the future of work in AI"), "The Future of Work in AI");
        assert_eq!(shorten("one two three", 9), "one two…");
        assert_eq!(closed("so it is,"), "so it is.");
        assert_eq!(closed("“Yes.”"), "“Yes.”");
        assert_eq!(with_article("FAQ"), "an FAQ");
        assert_eq!(with_article("blog post"), "a blog post");
    }

    #[test]
    fn a_phrase_is_found_whatever_its_case_and_spacing() {
        assert!(contains_phrase("All **Free\nShipping** today", "free shipping"));
        assert!(!contains_phrase("Free of shipping", "free shipping"));
        assert!(!contains_phrase("anything", " "));
    }
}
