//! Finding phrases and what stands around them.

use crate::text::tokens::{Word, words};

/// Where `phrase` stands in `text` as whole words, case ignored; bytes.
pub fn find_phrase(text: &str, phrase: &str) -> Option<(usize, usize)> {
    find_phrase_from(text, phrase, 0)
}

/// The same, from byte `from` on.
pub fn find_phrase_from(text: &str, phrase: &str, from: usize) -> Option<(usize, usize)> {
    let tail = text.get(from..)?;
    let wanted = lowered_words(phrase);
    if !may_contain(tail, &wanted) {
        return None;
    }
    let found = words(tail);
    let place = found
        .windows(wanted.len().max(1))
        .find_map(|run| matched(tail, run, &wanted));
    place.map(|(start, end)| (start + from, end + from))
}

/// Every place of `phrase`, at most 40.
pub fn places(text: &str, phrase: &str) -> Vec<(usize, usize)> {
    let wanted = lowered_words(phrase);
    if !may_contain(text, &wanted) {
        return Vec::new();
    }
    let found = words(text);
    let runs = found.windows(wanted.len().max(1));
    runs.filter_map(|run| matched(text, run, &wanted)).take(40).collect()
}

fn lowered_words(phrase: &str) -> Vec<String> {
    phrase.split_whitespace().map(str::to_lowercase).collect()
}

/// Cheap, since most phrases looked for are not there.
fn may_contain(text: &str, wanted: &[String]) -> bool {
    let lower = text.to_lowercase();
    wanted.iter().all(|word| lower.contains(word.as_str()))
}

fn matched(text: &str, run: &[Word<'_>], wanted: &[String]) -> Option<(usize, usize)> {
    let equal = run
        .iter()
        .zip(wanted)
        .all(|(word, want)| word.text.to_lowercase() == *want);
    let (start, end) = (run.first()?.start, run.last()?.end);
    // Words of one phrase stand next to each other, not across a sentence's end.
    let near = || {
        text.get(start..end)
            .is_some_and(|span| wanted.len() == 1 || !span.contains([',', ';', ':', '\n']))
    };
    (equal && near()).then_some((start, end))
}

/// The beginning of a text: at most `limit` bytes, cut between characters.
pub fn head(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

/// The earliest of several phrases.
pub fn find_any<'a>(text: &str, phrases: &[&'a str]) -> Option<(&'a str, usize, usize)> {
    let found = phrases
        .iter()
        .filter_map(|phrase| find_phrase(text, phrase).map(|(start, end)| (*phrase, start, end)));
    found.min_by_key(|(_, start, end)| (*start, usize::MAX - end))
}

/// Where the sentence or line ends.
pub fn hard_stop(text: &str) -> usize {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let ends = chars.iter().enumerate().find(|(i, (_, c))| {
        let next = chars.get(i + 1).map(|(_, c)| *c);
        match c {
            '\n' | ';' => true,
            '.' | '!' | '?' => next.is_none_or(|n| n.is_whitespace() || n == '"' || n == '”'),
            _ => false,
        }
    });
    ends.map_or(text.len(), |(_, (offset, _))| *offset)
}

/// Without the punctuation, blanks and quotation marks around it.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace() || [',', ';', ':', '.', '!', '?', '-', '–', '—', '"', '“', '”'].contains(&c)
    })
}

/// `a, b and c` taken apart.
pub fn split_list(text: &str) -> Vec<String> {
    let even = text
        .replace(" as well as ", ", ")
        .replace(", and ", ", ")
        .replace(" and ", ", ")
        .replace(" & ", ", ");
    let parts = even
        .split([',', ';', '\n'])
        .map(|part| trim(part.trim().trim_start_matches("the ")).to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{find_phrase, split_list};

    #[test]
    fn phrases_are_whole_words_within_a_clause() {
        assert_eq!(find_phrase("A Blog  post", "blog post"), Some((2, 12)));
        assert_eq!(find_phrase("adapt", "ad"), None);
        assert_eq!(find_phrase("blog, post", "blog post"), None);
    }

    #[test]
    fn a_list_is_taken_apart() {
        assert_eq!(split_list("price, taste and the care"), ["price", "taste", "care"]);
    }
}
