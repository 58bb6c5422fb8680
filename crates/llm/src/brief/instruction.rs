//! The instruction at the beginning of a request: politeness, verb, and what is asked for.

use crate::text::tokens::words;

const FILLER: [&str; 34] = [
    "please", "kindly", "can", "could", "would", "will", "you", "hey", "hi", "hello", "i", "we", "need", "want",
    "like", "to", "us", "me", "help", "let's", "have", "i'd", "we'd", "i'm", "looking", "for", "and", "then", "now",
    "also", "just", "should", "must", "love",
];
const VERBS: [&str; 56] = [
    "write",
    "generate",
    "create",
    "draft",
    "compose",
    "produce",
    "prepare",
    "make",
    "develop",
    "craft",
    "build",
    "design",
    "publish",
    "give",
    "come",
    "put",
    "provide",
    "deliver",
    "summarize",
    "summarise",
    "explain",
    "describe",
    "announce",
    "compare",
    "contrast",
    "analyze",
    "analyse",
    "evaluate",
    "assess",
    "outline",
    "invite",
    "brainstorm",
    "condense",
    "recap",
    "research",
    "list",
    "suggest",
    "propose",
    "plan",
    "post",
    "share",
    "send",
    "tell",
    "turn",
    "do",
    "get",
    "set",
    "rewrite",
    "improve",
    "edit",
    "translate",
    "tweet",
    "investigate",
    "find",
    "show",
    "plan",
];
const AFTER_VERB: [&str; 8] = ["me", "us", "up", "with", "together", "out", "down", "everyone"];

/// An instruction taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction<'a> {
    /// Lower-case; empty where the request has none.
    pub verb: String,
    /// What follows the verb.
    pub object: &'a str,
    /// What stood before it: `For our spring sale, write …`.
    pub lead: &'a str,
}

/// Takes the first sentence of a request apart.
pub fn parse(sentence: &str) -> Instruction<'_> {
    if let Some(found) = from_start(sentence, "") {
        return found;
    }
    // The verb may come after an introduction.
    let after_comma = sentence
        .split_once(',')
        .and_then(|(lead, rest)| from_start(rest, lead.trim()));
    after_comma.unwrap_or(Instruction {
        verb: String::new(),
        object: sentence.trim(),
        lead: "",
    })
}

fn from_start<'a>(sentence: &'a str, lead: &'a str) -> Option<Instruction<'a>> {
    let found = words(sentence);
    let lower: Vec<String> = found.iter().map(|word| word.text.to_lowercase()).collect();
    let at = |i: usize| lower.get(i).map_or("", String::as_str);
    let wants = ["need", "want", "like", "looking"];
    let mut i = 0;
    let mut verb = String::new();
    let mut polite = false;
    while i < lower.len() {
        if VERBS.contains(&at(i)) && !(i > 0 && matches!(at(i - 1), "a" | "an" | "the")) {
            verb = at(i).to_owned();
            i += 1;
            while AFTER_VERB.contains(&at(i)) {
                i += 1;
            }
            let chained = matches!(at(i), "and" | "then") && VERBS.contains(&at(i + 1));
            if !chained {
                break;
            }
        } else if FILLER.contains(&at(i)) {
            polite |= wants.contains(&at(i));
            i += 1;
        } else {
            break;
        }
    }
    if verb.is_empty() && !polite {
        return None;
    }
    let start = found.get(i).map_or(sentence.len(), |word| word.start);
    let object = sentence.get(start..).unwrap_or("").trim();
    Some(Instruction { verb, object, lead })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn politeness_and_verb_are_taken_off() {
        for (sentence, verb, object) in [
            (
                "Could you please write a blog post about tea",
                "write",
                "a blog post about tea",
            ),
            ("I need an FAQ on returns", "", "an FAQ on returns"),
            ("Research and write a guide", "write", "a guide"),
            ("Come up with five slogans", "come", "five slogans"),
            ("AI trends", "", "AI trends"),
            ("For our spring sale, write a newsletter", "write", "a newsletter"),
            ("Explain how DNS works", "explain", "how DNS works"),
        ] {
            let found = parse(sentence);
            assert_eq!((found.verb.as_str(), found.object), (verb, object), "{sentence}");
        }
        assert_eq!(
            parse("For our spring sale, write a newsletter").lead,
            "For our spring sale"
        );
    }
}
