//! Shortening text without changing what it says.

/// Most characters of a title.
const TITLE_CHARS: usize = 120;

/// The first line that says something, shortened.
pub fn one_line(text: &str) -> String {
    let line = text
        .lines()
        .map(|line| line.trim().trim_start_matches('#').trim())
        .find(|line| !line.is_empty());
    shorten(line.unwrap_or_default(), TITLE_CHARS)
}

/// At most `limit` characters, cut between words, the cut shown.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    let kept = kept
        .rsplit_once(char::is_whitespace)
        .map_or(kept.as_str(), |(whole, _)| whole);
    let mut short = kept.trim_end().to_owned();
    if limit > 0 {
        short.push('…');
    }
    short
}

/// Sentences with the white space after them; joined they are the text.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (sentence, after) = rest.split_at(first_end(rest));
            rest = after;
            Some(sentence)
        })
    })
}

/// Where the first sentence ends: after a full stop, its closing quotes and the white space behind.
fn first_end(text: &str) -> usize {
    let mut ended = false;
    let mut spaced = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if spaced && !character.is_whitespace() => return at,
            '.' | '!' | '?' | '…' => ended = true,
            '"' | '\'' | ')' | '”' | '’' => {}
            _ if character.is_whitespace() => spaced = ended,
            _ => ended = false,
        }
    }
    text.len()
}

/// Markdown as plain text: marks dropped, words kept.
pub fn plain(markdown: &str) -> String {
    let lines = markdown
        .lines()
        .filter(|line| !line.trim_start().starts_with("```"))
        .map(plain_line);
    let joined = lines.collect::<Vec<_>>().join("\n");
    let mut text = joined.trim().to_owned();
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}

fn plain_line(line: &str) -> String {
    let trimmed = line.trim_end();
    let (mark, rest) = match trimmed.trim_start() {
        heading if heading.starts_with('#') => ("", heading.trim_start_matches('#').trim_start()),
        quote if quote.starts_with("> ") => ("", quote.trim_start_matches("> ")),
        item if item.starts_with("- ") || item.starts_with("* ") => ("• ", item.get(2..).unwrap_or_default()),
        _ => ("", trimmed),
    };
    format!(
        "{mark}{}",
        without_links(rest).replace("**", "").replace("__", "").replace('`', "")
    )
}

/// `[words](target)` becomes `words`.
fn without_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        match after
            .split_once("](")
            .and_then(|(words, tail)| Some((words, tail.split_once(')')?.1)))
        {
            Some((words, tail)) if !words.contains('[') => {
                text.push_str(before.strip_suffix('!').unwrap_or(before));
                text.push_str(words);
                rest = tail;
            }
            _ => {
                text.push_str(before);
                text.push('[');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_join_to_the_text() {
        let text = "One is 3.5 m. Two said \"no!\" Three?\nFour… five";
        let parts: Vec<_> = sentences(text).collect();
        assert_eq!(
            parts,
            ["One is 3.5 m. ", "Two said \"no!\" ", "Three?\n", "Four… ", "five"]
        );
    }

    #[test]
    fn text_is_cut_between_words_and_says_so() {
        assert_eq!(shorten("one two three", 9), "one two…");
        assert_eq!(shorten("one", 3), "one");
        assert_eq!(shorten("unbreakable", 5), "unbr…");
        assert_eq!(one_line("\n## A title\nmore"), "A title");
    }

    #[test]
    fn markdown_marks_go_and_words_stay() {
        let markdown = "# Head\n\n- **bold** [link](http://x) and [plain]\n> quote `code`\n```\nx\n```";
        assert_eq!(plain(markdown), "Head\n\n• bold link and [plain]\nquote code\nx");
    }
}
