//! File names made of titles.

/// Bytes of a slug; with an id and an ending it stays within what file systems allow.
const MAX_BYTES: usize = 80;

/// Lower-case letters and digits of `title`, words joined by `-`; nothing else, so it is never a path.
pub fn slug(title: &str) -> String {
    let mut slug = String::new();
    for character in title.chars().flat_map(char::to_lowercase) {
        let next = if character.is_alphanumeric() { character } else { '-' };
        if next == '-' && (slug.is_empty() || slug.ends_with('-')) {
            continue;
        }
        if slug.len() + next.len_utf8() > MAX_BYTES {
            break;
        }
        slug.push(next);
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_has_letters_digits_and_single_dashes() {
        for (title, expected) in [
            ("AI Trends: What's next?", "ai-trends-what-s-next"),
            ("../../etc/passwd", "etc-passwd"),
            ("  \u{0}\n..", ""),
            ("Ärger über Öl", "ärger-über-öl"),
            ("C:\\x\\y", "c-x-y"),
        ] {
            assert_eq!(slug(title), expected, "{title}");
        }
        assert!(slug(&"wörd ".repeat(100)).len() <= 80);
    }
}
