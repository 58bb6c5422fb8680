//! The subject of a request, as something to be named again and again.

use super::scan::{split_list, trim};
use crate::text::phrases::{contains_phrase, shorten};
use crate::text::tokens::{content_words, words};

/// Nouns that only lead to the subject: `the benefits of remote work`.
const LEADING: &[&str] = &[
    "benefits",
    "importance",
    "impact",
    "role",
    "future",
    "history",
    "basics",
    "art",
    "state",
    "tips",
    "ways",
    "ideas",
    "reasons",
    "power",
    "launch",
    "opening",
    "introduction",
    "rise",
    "value",
    "advantages",
    "challenges",
    "fundamentals",
    "return",
];
const PREPOSITIONS: &[&str] = &[
    "in", "for", "of", "at", "with", "during", "from", "on", "to", "by", "without", "between", "through", "after",
    "before",
];

/// What a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// The request names it.
    pub named: bool,
    /// As the request says it, at most 16 words.
    pub text: String,
    /// The head of it, for a second mention.
    pub short: String,
    /// What it is made of: enumerated things, or its phrases.
    pub parts: Vec<String>,
}

impl Topic {
    pub fn of(text: &str) -> Self {
        let text = limit(trim(text).trim_start_matches("the topic of "));
        Self {
            named: true,
            short: short(&text),
            parts: parts(&text),
            text,
        }
    }
}

impl Topic {
    /// Of a request that names none; `with_text`: it brings a text.
    pub fn unnamed(with_text: bool) -> Self {
        let (text, short) = if with_text {
            ("the given text", "the text")
        } else {
            ("this request", "the subject")
        };
        Self {
            text: text.to_owned(),
            short: short.to_owned(),
            ..Self::default()
        }
    }
}

fn limit(text: &str) -> String {
    let found = words(text);
    match found.get(15) {
        Some(last) if found.len() > 16 => trim(text.get(..last.end).unwrap_or(text)).to_owned(),
        _ => shorten(text, 160),
    }
}

fn short(text: &str) -> String {
    let found: Vec<&str> = text.split_whitespace().collect();
    let lower = |word: &str| word.to_lowercase();
    if found
        .first()
        .is_some_and(|word| ["how", "why", "what", "when", "where", "whether", "which"].contains(&lower(word).as_str()))
    {
        return "the subject".to_owned();
    }
    let leads = found
        .iter()
        .take(4)
        .position(|word| LEADING.contains(&lower(word).as_str()));
    let rest = match leads {
        Some(i)
            if found
                .get(i + 1)
                .is_some_and(|word| PREPOSITIONS.contains(&lower(word).as_str())) =>
        {
            found.get(i + 2..).unwrap_or(&found)
        }
        _ => &found,
    };
    let head: Vec<&str> = rest
        .iter()
        .copied()
        .take_while(|word| !PREPOSITIONS.contains(&lower(word).as_str()))
        .take(5)
        .collect();
    if head.is_empty() || content_words(&head.join(" ")).is_empty() {
        "the subject".to_owned()
    } else {
        trim(&head.join(" ")).to_owned()
    }
}

fn parts(text: &str) -> Vec<String> {
    let even = text
        .replace(" versus ", ", ")
        .replace(" vs. ", ", ")
        .replace(" vs ", ", ");
    let listed = split_list(&even);
    let clean = |items: Vec<String>| -> Vec<String> {
        let kept = items
            .into_iter()
            .filter(|item| !content_words(item).is_empty() && words(item).len() <= 7);
        kept.collect()
    };
    let listed = clean(listed);
    if (2..=8).contains(&listed.len()) {
        return listed;
    }
    let mut phrases = vec![String::new()];
    for word in text.split_whitespace() {
        if PREPOSITIONS.contains(&word.to_lowercase().as_str()) {
            phrases.push(String::new());
        } else if let Some(last) = phrases.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    let phrases = clean(phrases.iter().map(|phrase| trim(phrase).to_owned()).collect());
    phrases
        .into_iter()
        .filter(|phrase| !contains_phrase("how why what when where", phrase))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Topic;

    #[test]
    fn a_topic_has_a_short_form_and_parts() {
        let topic = Topic::of("the benefits of remote work for parents");
        assert_eq!(topic.short, "remote work");
        assert_eq!(Topic::of("PostgreSQL versus MySQL").parts, ["PostgreSQL", "MySQL"]);
        assert_eq!(Topic::of("AI trends in retail").parts, ["AI trends", "retail"]);
    }
}
