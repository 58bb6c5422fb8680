//! How long a text is wanted.

use crate::text::tokens::words;

/// Bounds in words; none where nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// What to aim at.
    pub target: Option<usize>,
    /// Most words.
    pub max: Option<usize>,
    /// Most characters.
    pub max_chars: Option<usize>,
    /// `short` -1, `detailed` 1.
    pub hint: i8,
}

const AT_MOST: [&str; 9] = [
    "under", "below", "than", "most", "maximum", "max", "within", "exceed", "limit",
];
const AT_LEAST: [&str; 3] = ["least", "minimum", "over"];

/// Reads bounds such as `500 words`, `under 200 words`, `300-400 words`, `280 characters`, `short`.
pub fn asked_in(text: &str) -> Length {
    let found = words(text);
    let lower: Vec<String> = found.iter().map(|word| word.text.to_lowercase()).collect();
    let mut length = Length::default();
    for (i, unit) in lower.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|j| lower.get(j));
        match unit.as_str() {
            "words" | "word" => {
                if let Some(bound) = before.and_then(|n| number(n)) {
                    set_words(&mut length, &lower, i - 1, bound);
                }
            }
            "characters" | "chars" => length.max_chars = before.and_then(|n| number(n)).or(length.max_chars),
            "short" | "brief" | "concise" | "shorter" | "quick" => length.hint = -1,
            "detailed" | "in-depth" | "comprehensive" | "long" | "longer" | "thorough" | "long-form" => length.hint = 1,
            compound => {
                let size = compound.strip_suffix("-word").and_then(number);
                length.target = size.or(length.target);
            }
        }
    }
    length
}

fn set_words(length: &mut Length, words: &[String], at: usize, bound: usize) {
    let near = |offset: usize| {
        at.checked_sub(offset)
            .and_then(|i| words.get(i))
            .map_or("", String::as_str)
    };
    let range_start = number(near(1)).or_else(|| matches!(near(1), "to" | "and").then(|| number(near(2))).flatten());
    if let Some(low) = range_start.filter(|low| *low < bound) {
        length.target = Some((low + bound) / 2);
        length.max = Some(bound);
    } else if [near(1), near(2)].iter().any(|word| AT_LEAST.contains(word)) {
        length.target = Some(bound + bound / 10);
    } else if AT_MOST.contains(&near(1))
        || (near(1) == "to" && matches!(near(2), "up" | "limit" | "limited"))
        || (AT_MOST.contains(&near(2)) && near(1) != "about")
    {
        // No more is no wish for as many.
        length.max = Some(bound);
    } else {
        length.target = Some(bound);
    }
}

/// A number, or the upper end of `300-400`.
fn number(word: &str) -> Option<usize> {
    let digits = word.rsplit(['-', '–']).next()?.replace(',', "");
    digits.parse().ok().filter(|n| (1..=100_000).contains(n))
}

#[cfg(test)]
mod tests {
    use super::{Length, asked_in};

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let of = |target, max| Length {
            target,
            max,
            ..Length::default()
        };
        for (text, expected) in [
            ("about 500 words", of(Some(500), None)),
            ("a 300-word note", of(Some(300), None)),
            ("under 200 words", of(None, Some(200))),
            ("no more than 150 words", of(None, Some(150))),
            ("at least 1,000 words", of(Some(1100), None)),
            ("300 to 400 words", of(Some(350), Some(400))),
            (
                "280 characters",
                Length {
                    max_chars: Some(280),
                    ..Length::default()
                },
            ),
            (
                "a short text",
                Length {
                    hint: -1,
                    ..Length::default()
                },
            ),
            ("nothing said", Length::default()),
        ] {
            assert_eq!(asked_in(text), expected, "{text}");
        }
    }
}
