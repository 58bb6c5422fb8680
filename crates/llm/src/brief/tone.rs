//! Tones: the words that ask for them and the words that show them.

use super::scan::{find_phrase, places};

/// A tone of voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Professional,
    Friendly,
    Casual,
    Playful,
    Formal,
    Technical,
    Persuasive,
    Warm,
    Enthusiastic,
}

impl Tone {
    pub const ALL: [Self; 9] = [
        Self::Professional,
        Self::Friendly,
        Self::Casual,
        Self::Playful,
        Self::Formal,
        Self::Technical,
        Self::Persuasive,
        Self::Warm,
        Self::Enthusiastic,
    ];

    /// How texts call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Professional => "professional",
            Self::Friendly => "friendly",
            Self::Casual => "casual",
            Self::Playful => "playful",
            Self::Formal => "formal",
            Self::Technical => "technical",
            Self::Persuasive => "persuasive",
            Self::Warm => "warm",
            Self::Enthusiastic => "enthusiastic",
        }
    }

    /// Words that ask for it.
    pub const fn asked_by(self) -> &'static [&'static str] {
        match self {
            Self::Professional => &[
                "professional",
                "businesslike",
                "serious",
                "authoritative",
                "confident",
                "executive",
                "corporate",
            ],
            Self::Friendly => &[
                "friendly",
                "friendlier",
                "conversational",
                "approachable",
                "welcoming",
                "helpful",
                "upbeat",
            ],
            Self::Casual => &["casual", "relaxed", "informal", "laid-back", "chatty", "down-to-earth"],
            Self::Playful => &[
                "playful",
                "fun",
                "humorous",
                "witty",
                "funny",
                "lighthearted",
                "quirky",
                "cheeky",
            ],
            Self::Formal => &["formal", "official", "academic", "respectful"],
            Self::Technical => &["technical", "precise", "detailed technical", "scientific"],
            Self::Persuasive => &["persuasive", "convincing", "compelling", "salesy", "urgent"],
            Self::Warm => &[
                "warm",
                "warmer",
                "empathetic",
                "caring",
                "heartfelt",
                "compassionate",
                "supportive",
                "reassuring",
                "gentle",
            ],
            Self::Enthusiastic => &[
                "enthusiastic",
                "excited",
                "exciting",
                "energetic",
                "inspiring",
                "inspirational",
                "motivational",
                "bold",
                "optimistic",
            ],
        }
    }

    /// Words and phrases that show it.
    pub const fn shown_by(self) -> &'static [&'static str] {
        match self {
            Self::Professional => &[
                "recommend",
                "approach",
                "priorities",
                "priority",
                "outcome",
                "outcomes",
                "objective",
                "evaluate",
                "assess",
                "accountable",
                "decision",
                "decisions",
                "measure",
                "measurable",
                "practical",
                "clear",
                "plan",
                "responsible",
                "review",
            ],
            Self::Friendly => &[
                "welcome",
                "happy",
                "glad",
                "let's",
                "together",
                "easy",
                "simple",
                "thanks",
                "feel free",
                "you'll",
                "you're",
                "help",
                "good news",
                "enjoy",
                "hello",
            ],
            Self::Casual => &[
                "hey",
                "okay",
                "pretty",
                "kind of",
                "no fuss",
                "grab",
                "you're",
                "don't",
                "it's",
                "stuff",
                "a bit",
                "that's",
                "no worries",
            ],
            Self::Playful => &[
                "fun",
                "play",
                "playful",
                "surprise",
                "sparkle",
                "adventure",
                "wink",
                "cheer",
                "delight",
                "secret",
                "magic",
                "smile",
                "dance",
            ],
            Self::Formal => &[
                "therefore",
                "furthermore",
                "accordingly",
                "moreover",
                "consequently",
                "hereby",
                "with regard to",
                "respectfully",
                "shall",
                "it is advisable",
                "in order to",
                "should be noted",
            ],
            Self::Technical => &[
                "define",
                "parameter",
                "parameters",
                "measure",
                "input",
                "inputs",
                "output",
                "constraint",
                "constraints",
                "system",
                "component",
                "components",
                "verify",
                "specify",
                "interface",
                "baseline",
                "procedure",
                "variable",
            ],
            Self::Persuasive => &[
                "imagine",
                "choose",
                "now",
                "today",
                "why wait",
                "worth",
                "gain",
                "take the next step",
                "you deserve",
                "ready",
                "start",
                "advantage",
            ],
            Self::Warm => &[
                "care",
                "gently",
                "understand",
                "thank you",
                "together",
                "kind",
                "heart",
                "support",
                "listen",
                "you are not alone",
                "at your own pace",
                "warm",
            ],
            Self::Enthusiastic => &[
                "exciting",
                "excited",
                "love",
                "great",
                "amazing",
                "can't wait",
                "brilliant",
                "thrilled",
                "energy",
                "dream",
                "bold",
                "bright",
            ],
        }
    }

    /// Words and phrases that speak against it.
    pub const fn denied_by(self) -> &'static [&'static str] {
        const SLANG: &[&str] = &[
            "hey",
            "gonna",
            "wanna",
            "awesome",
            "super cool",
            "dude",
            "guys",
            "lol",
            "omg",
            "stuff",
            "yay",
            "no biggie",
            "kinda",
        ];
        const STIFF: &[&str] = &[
            "hereby",
            "heretofore",
            "pursuant",
            "henceforth",
            "aforementioned",
            "shall",
            "furthermore",
            "accordingly",
            "moreover",
            "consequently",
            "it is advisable",
        ];
        match self {
            Self::Professional | Self::Formal | Self::Technical => SLANG,
            Self::Friendly | Self::Casual | Self::Playful | Self::Warm | Self::Enthusiastic => STIFF,
            Self::Persuasive => &["maybe never", "pointless", "do not bother", "hereby", "aforementioned"],
        }
    }

    /// The tone a single word asks for.
    pub fn of_word(word: &str) -> Option<Self> {
        let lower = word.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|tone| tone.asked_by().contains(&lower.as_str()))
    }
}

/// Tones named anywhere in a short text such as a preference, in the order named.
pub fn named_in(text: &str) -> Vec<Tone> {
    let mut found: Vec<(usize, Tone)> = Tone::ALL
        .into_iter()
        .filter_map(|tone| {
            let places = tone.asked_by().iter().filter_map(|word| find_phrase(text, word));
            places.map(|(start, _)| start).min().map(|start| (start, tone))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, tone)| tone).collect()
}

/// Tones asked for in a request: near `tone`, `style` or `voice`, after `keep it`, or right before the kind.
pub fn asked_in(request: &str, before_kind: &str) -> Vec<Tone> {
    let mut spans = vec![before_kind.to_owned()];
    for anchor in ["tone", "style", "voice", "manner", "keep it", "make it", "sound"] {
        spans.extend(
            places(request, anchor)
                .into_iter()
                .map(|(start, end)| around(request, start, end)),
        );
    }
    let mut found = Vec::new();
    for tone in spans.iter().flat_map(|span| named_in(span)) {
        if !found.contains(&tone) {
            found.push(tone);
        }
    }
    found
}

/// Four words before and three after, without crossing the sentence.
fn around(text: &str, start: usize, end: usize) -> String {
    let before = text
        .get(..start)
        .unwrap_or("")
        .rsplit(['.', '\n', ';'])
        .next()
        .unwrap_or("");
    let mut head: Vec<&str> = before.split_whitespace().rev().take(4).collect();
    head.reverse();
    let after = text
        .get(end..)
        .unwrap_or("")
        .split(['.', '\n', ';'])
        .next()
        .unwrap_or("");
    let tail: Vec<&str> = after.split_whitespace().take(4).collect();
    format!("{} {}", head.join(" "), tail.join(" "))
}

#[cfg(test)]
mod tests {
    use super::{Tone, asked_in, named_in};

    #[test]
    fn tones_are_read_near_the_words_that_ask_for_them() {
        for (request, before, expected) in [
            (
                "Write about tea in a warm, playful tone.",
                "",
                vec![Tone::Warm, Tone::Playful],
            ),
            ("Write about tea. Keep it casual.", "", vec![Tone::Casual]),
            ("Write a formal letter about fun parks", "formal", vec![Tone::Formal]),
            ("Write about fun parks", "", vec![]),
            ("Tone: professional", "", vec![Tone::Professional]),
        ] {
            assert_eq!(asked_in(request, before), expected, "{request}");
        }
        assert_eq!(
            named_in("professional yet friendly"),
            [Tone::Professional, Tone::Friendly]
        );
    }

    #[test]
    fn no_tone_is_denied_by_a_word_that_shows_it() {
        for tone in Tone::ALL {
            assert!(
                tone.shown_by().iter().all(|word| !tone.denied_by().contains(word)),
                "{tone:?}"
            );
        }
    }
}
