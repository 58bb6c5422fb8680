//! Sentences of plain text.

/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 16] = [
    "e.g.", "i.e.", "etc.", "vs.", "dr.", "mr.", "mrs.", "ms.", "prof.", "no.", "approx.", "inc.", "ltd.", "co.",
    "st.", "fig.",
];

/// The sentences of a text without Markdown; line breaks within a paragraph are spaces, blank lines end a sentence.
pub fn sentences(text: &str) -> Vec<String> {
    text.split("\n\n").flat_map(paragraph_sentences).collect()
}

fn paragraph_sentences(paragraph: &str) -> Vec<String> {
    let flat = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    let mut current = String::new();
    let mut pieces = flat.split(' ').peekable();
    while let Some(piece) = pieces.next() {
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(piece);
        let starts_new = pieces
            .peek()
            .is_none_or(|next| !next.starts_with(|c: char| c.is_lowercase()));
        if ends_sentence(piece) && starts_new {
            found.push(std::mem::take(&mut current));
        }
    }
    if !current.trim().is_empty() {
        found.push(current);
    }
    found.retain(|sentence| sentence.contains(|c: char| c.is_alphanumeric()));
    found
}

/// Whether the text's last character closes a sentence; quotes, brackets and emphasis after it are allowed.
pub fn is_closed(text: &str) -> bool {
    let bare = text
        .trim_end()
        .trim_end_matches(['"', '”', '’', '\'', ')', ']', '*', '_', '»']);
    bare.ends_with(['.', '!', '?', '…', '。', '！', '？'])
}

fn ends_sentence(piece: &str) -> bool {
    let lower = piece.to_lowercase();
    let initial = piece.len() == 2 && piece.ends_with('.') && piece.starts_with(char::is_uppercase);
    is_closed(piece) && !initial && !ABBREVIATIONS.contains(&lower.trim_start_matches(['(', '"', '“']))
}

#[cfg(test)]
mod tests {
    use super::{is_closed, sentences};

    #[test]
    fn abbreviations_and_decimals_end_no_sentence() {
        let text = "Rates, e.g. 0.04, matter. Dr. Lee says so! \"Really?\" asked one.\n\nNew paragraph";
        let expected = [
            "Rates, e.g. 0.04, matter.",
            "Dr. Lee says so!",
            "\"Really?\" asked one.",
            "New paragraph",
        ];
        assert_eq!(sentences(text), expected);
    }

    #[test]
    fn a_closed_text_ends_with_a_full_stop_inside_or_outside_quotes() {
        for (text, closed) in [
            ("Done.", true),
            ("\"Done.\"", true),
            ("**Done!**", true),
            ("Not do", false),
            ("a,", false),
            ("", false),
        ] {
            assert_eq!(is_closed(text), closed, "{text}");
        }
    }
}
