//! Words and their stems.

/// A word and where it stands, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    pub start: usize,
    pub end: usize,
}

/// The words of a text. `e-mail`, `don't`, `node.js`, `0.04`, `50,000` and `C++` are one word each.
pub fn words(text: &str) -> Vec<Word<'_>> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let at = |i: usize| chars.get(i).map(|(_, c)| *c);
    let mut found = Vec::new();
    let mut i = 0;
    while let Some(&(start, first)) = chars.get(i) {
        if !first.is_alphanumeric() {
            i += 1;
            continue;
        }
        while let Some(c) = at(i) {
            let before = i.checked_sub(1).and_then(at).unwrap_or(' ');
            if !c.is_alphanumeric() && !joins(before, c, at(i + 1)) {
                break;
            }
            i += 1;
        }
        let end = chars.get(i).map_or(text.len(), |(offset, _)| *offset);
        if let Some(slice) = text.get(start..end) {
            found.push(Word {
                text: slice,
                start,
                end,
            });
        }
    }
    found
}

/// Whether `c` belongs to the word it stands in.
fn joins(before: char, c: char, after: Option<char>) -> bool {
    let between = before.is_alphanumeric() && after.is_some_and(char::is_alphanumeric);
    match c {
        '\'' | '’' | '-' | '&' | '_' | '.' => between,
        ',' => before.is_ascii_digit() && after.is_some_and(|a| a.is_ascii_digit()),
        '+' | '#' => (before.is_alphabetic() || before == '+') && !after.is_some_and(char::is_alphanumeric),
        _ => false,
    }
}

/// The words of a text that begin with a digit, without the separators of thousands.
pub fn numbers(text: &str) -> Vec<String> {
    let found = words(text)
        .into_iter()
        .filter(|word| word.text.starts_with(|c: char| c.is_ascii_digit()));
    found.map(|word| stem(word.text)).collect()
}

/// Number of words.
pub fn word_count(text: &str) -> usize {
    words(text).len()
}

/// The common form of a word's inflections; numbers lose their separators.
pub fn stem(word: &str) -> String {
    let lower = word.to_lowercase().replace('’', "'");
    if lower.starts_with(|c: char| c.is_ascii_digit()) {
        return lower.replace(',', "");
    }
    let base = lower.strip_suffix("'s").unwrap_or(&lower);
    strip_ending(base).to_owned()
}

fn strip_ending(word: &str) -> String {
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    let singular = singular(word);
    let base = ["ing", "ed", "ly"]
        .iter()
        .find_map(|ending| {
            singular
                .strip_suffix(ending)
                .filter(|rest| rest.len() >= 3 && has_vowel(rest))
        })
        .map_or_else(|| singular.clone(), undouble);
    match base.strip_suffix('e') {
        Some(rest) if rest.len() >= 3 => rest.to_owned(),
        _ => base,
    }
}

fn singular(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ies").filter(|rest| rest.len() > 1) {
        return format!("{rest}y");
    }
    for ending in ["sses", "xes", "ches", "shes", "zes"] {
        if word.ends_with(ending) {
            return word.trim_end_matches("es").to_owned();
        }
    }
    if ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) {
        return word.to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

fn has_vowel(text: &str) -> bool {
    text.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// `planning` and `plan` meet: the doubled consonant goes, except where English keeps it.
fn undouble(rest: &str) -> String {
    let mut ending = rest.chars().rev();
    match (ending.next(), ending.next()) {
        (Some(a), Some(b)) if a == b && !"lsz".contains(a) => {
            let mut short = rest.to_owned();
            short.pop();
            short
        }
        _ => rest.to_owned(),
    }
}

/// Stems of the words that carry meaning, in order, repeats included; hyphenated words count in parts.
pub fn content_stems(text: &str) -> Vec<String> {
    content_words(text).iter().map(|word| stem(word)).collect()
}

/// The words that carry meaning, as written.
pub fn content_words(text: &str) -> Vec<&str> {
    words(text)
        .into_iter()
        .flat_map(|word| word.text.split(['-', '_']))
        .filter(|part| !part.is_empty() && !is_stopword(part))
        .collect()
}

/// Words that carry no meaning of their own.
pub fn is_stopword(word: &str) -> bool {
    let lower = word.to_lowercase();
    let single = lower.len() == 1 && lower.chars().all(char::is_alphabetic);
    single || STOPWORDS.contains(&lower.as_str())
}

const STOPWORDS: &[&str] = &[
    "a", "about", "above", "across", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "could", "did", "do",
    "does", "doing", "don't", "down", "during", "each", "either", "etc", "few", "for", "from", "further", "had", "has",
    "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "i'm", "if", "in", "into", "is", "isn't",
    "it", "it's", "its", "itself", "just", "let", "let's", "may", "me", "might", "more", "most", "must", "my", "no",
    "nor", "not", "of", "off", "on", "once", "only", "onto", "or", "other", "our", "ours", "out", "over", "own", "per",
    "please", "same", "shall", "she", "should", "so", "some", "such", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "through", "to", "too", "under", "until", "up", "upon", "us", "very",
    "via", "was", "we", "were", "what", "when", "where", "whether", "which", "while", "who", "whom", "why", "will",
    "with", "within", "without", "would", "you", "your", "yours",
];

#[cfg(test)]
mod tests {
    use super::{content_stems, stem, words};

    #[test]
    fn words_keep_what_belongs_together() {
        let text = "An e-mail on node.js: don't pay 50,000.50 for C++ (or C#). End.Next, A/B";
        let found: Vec<&str> = words(text).iter().map(|word| word.text).collect();
        let expected = [
            "An",
            "e-mail",
            "on",
            "node.js",
            "don't",
            "pay",
            "50,000.50",
            "for",
            "C++",
            "or",
            "C#",
            "End.Next",
            "A",
            "B",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn inflections_share_a_stem() {
        for (a, b) in [
            ("trends", "trend"),
            ("companies", "company"),
            ("planning", "plan"),
            ("roasted", "roasting"),
            ("boxes", "box"),
            ("Customer's", "customers"),
            ("50,000", "50000"),
            ("pricing", "price"),
            ("selling", "sell"),
        ] {
            assert_eq!(stem(a), stem(b), "{a} and {b}");
        }
        for word in ["business", "status", "analysis", "AI", "bus"] {
            assert_eq!(stem(word), word.to_lowercase());
        }
    }

    #[test]
    fn stopwords_and_hyphens_are_taken_apart() {
        assert_eq!(content_stems("the AI-driven shop of our own"), ["ai", "driven", "shop"]);
    }
}
