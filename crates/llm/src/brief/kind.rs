//! Kinds of content a request can ask for.

use super::scan::find_phrase;

/// How a kind is built up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Sections of prose.
    Article,
    /// Numbered steps.
    Steps,
    /// Questions and answers.
    Faq,
    /// Greeting, paragraphs, sign-off.
    Message,
    /// Headline, lead, details.
    Release,
    /// What it is, for whom, what to look at, what to do.
    Offer,
    /// Starting point, approach, figures, lessons.
    Study,
    /// Things side by side.
    Comparison,
    /// A numbered list of short lines.
    Lines,
    /// One short post.
    Post,
    /// The essence of a given text.
    Summary,
    /// Headings and points only.
    Outline,
}

/// One kind of content.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// How people call it; the first is what texts say.
    pub names: &'static [&'static str],
    pub shape: Shape,
    /// Words expected where the request names no length.
    pub words: usize,
}

impl Kind {
    /// How texts call it.
    pub fn label(&self) -> &'static str {
        self.names.first().copied().unwrap_or("text")
    }
}

/// What is written when the request names no kind.
pub static ARTICLE: Kind = kind(
    &["article", "articles", "piece", "text", "essay", "op-ed", "column"],
    Shape::Article,
    380,
);

const fn kind(names: &'static [&'static str], shape: Shape, words: usize) -> Kind {
    Kind { names, shape, words }
}

/// Every kind; where names overlap the longer name wins.
pub static KINDS: &[Kind] = &[
    kind(
        &[
            "blog post",
            "blog article",
            "blog entry",
            "blogpost",
            "blog posts",
            "blog",
        ],
        Shape::Article,
        400,
    ),
    kind(
        &["newsletter", "news letter", "email newsletter", "newsletters"],
        Shape::Article,
        260,
    ),
    kind(&["press release", "media release", "news release"], Shape::Release, 160),
    kind(
        &["announcement", "product announcement", "launch announcement"],
        Shape::Release,
        140,
    ),
    kind(&["release notes", "changelog"], Shape::Release, 140),
    kind(
        &[
            "product description",
            "product descriptions",
            "product page",
            "product copy",
        ],
        Shape::Offer,
        140,
    ),
    kind(
        &[
            "landing page",
            "landing page copy",
            "sales page",
            "web page",
            "homepage copy",
            "website copy",
        ],
        Shape::Offer,
        220,
    ),
    kind(&["ad copy", "advertisement", "advert", "ad"], Shape::Offer, 90),
    kind(
        &["job description", "job posting", "job ad", "job advert"],
        Shape::Offer,
        200,
    ),
    kind(&["invitation", "invite"], Shape::Message, 110),
    kind(&["note", "thank-you note", "thank you note"], Shape::Message, 90),
    kind(&["letter", "cover letter"], Shape::Message, 130),
    kind(
        &[
            "email",
            "e-mail",
            "mail",
            "emails",
            "email campaign",
            "outreach email",
            "welcome email",
        ],
        Shape::Message,
        120,
    ),
    kind(&["memo", "memorandum", "internal memo"], Shape::Message, 120),
    kind(&["tutorial", "step-by-step tutorial", "walkthrough"], Shape::Steps, 320),
    kind(
        &["how-to guide", "how to guide", "step-by-step guide", "how-to"],
        Shape::Steps,
        320,
    ),
    kind(&["checklist", "check list", "to-do list"], Shape::Steps, 180),
    kind(&["recipe"], Shape::Steps, 200),
    kind(
        &[
            "onboarding guide",
            "buying guide",
            "beginner's guide",
            "beginners guide",
            "guide",
            "handbook",
            "primer",
        ],
        Shape::Article,
        420,
    ),
    kind(
        &["faq", "faqs", "frequently asked questions", "faq page", "q&a"],
        Shape::Faq,
        260,
    ),
    kind(&["case study", "success story", "case studies"], Shape::Study, 340),
    kind(
        &[
            "report",
            "quarterly report",
            "status report",
            "monthly report",
            "annual report",
        ],
        Shape::Study,
        360,
    ),
    kind(&["white paper", "whitepaper"], Shape::Study, 480),
    kind(
        &[
            "proposal",
            "project proposal",
            "business proposal",
            "business plan",
            "marketing plan",
            "strategy",
        ],
        Shape::Study,
        360,
    ),
    kind(&["analysis", "review", "retrospective"], Shape::Study, 320),
    kind(
        &["comparison", "comparison table", "side-by-side comparison"],
        Shape::Comparison,
        300,
    ),
    kind(&["listicle"], Shape::Article, 360),
    kind(
        &["documentation", "readme", "user manual", "manual"],
        Shape::Article,
        360,
    ),
    kind(&["video script", "podcast script", "script"], Shape::Article, 320),
    kind(&["speech", "talk", "keynote", "presentation"], Shape::Article, 340),
    kind(&["story", "poem", "short story"], Shape::Article, 280),
    kind(
        &["explainer", "explanation", "overview", "introduction", "briefing"],
        Shape::Article,
        320,
    ),
    kind(
        &[
            "taglines",
            "tagline",
            "slogans",
            "slogan",
            "headlines",
            "headline",
            "subject lines",
            "titles",
            "product names",
        ],
        Shape::Lines,
        40,
    ),
    kind(
        &[
            "ideas",
            "idea list",
            "content ideas",
            "interview questions",
            "survey questions",
        ],
        Shape::Lines,
        60,
    ),
    kind(&["tweet", "tweets", "twitter post", "x post"], Shape::Post, 22),
    kind(&["twitter thread", "thread"], Shape::Post, 90),
    kind(
        &["linkedin post", "linkedin update", "linkedin article"],
        Shape::Post,
        90,
    ),
    kind(
        &["instagram caption", "instagram post", "caption", "facebook post"],
        Shape::Post,
        55,
    ),
    kind(
        &["social media post", "social post", "social media update", "post"],
        Shape::Post,
        70,
    ),
    kind(
        &["summary", "executive summary", "abstract", "recap", "tl;dr", "digest"],
        Shape::Summary,
        80,
    ),
    kind(&["outline", "table of contents"], Shape::Outline, 80),
];

/// Verbs that ask for a kind by themselves.
static BY_VERB: &[(&[&str], &str)] = &[
    (&["summarize", "summarise", "condense", "recap"], "summary"),
    (&["announce"], "announcement"),
    (&["compare", "contrast"], "comparison"),
    (&["explain", "describe"], "explainer"),
    (&["analyze", "analyse", "evaluate", "assess"], "analysis"),
    (&["outline"], "outline"),
    (&["invite"], "invitation"),
    (&["brainstorm"], "ideas"),
    (&["tweet"], "tweet"),
];

/// The kind named in `text` and where the name stands, in bytes. The earliest name wins, then the longest.
pub fn named_in(text: &str) -> Option<(&'static Kind, usize, usize)> {
    let all = KINDS.iter().chain(std::iter::once(&ARTICLE));
    let found = all.flat_map(|kind| {
        kind.names
            .iter()
            .filter_map(move |name| Some((kind, find_phrase(text, name)?)))
    });
    found
        .min_by_key(|(_, (start, end))| (*start, usize::MAX - end))
        .map(|(kind, (start, end))| (kind, start, end))
}

/// A kind as the request writes it: `FAQ` and `LinkedIn post` keep their capitals, `Blog Post` does not.
pub fn as_written(name: &str) -> String {
    let words = name.split_whitespace().map(|word| {
        let inner = word.chars().skip(1).any(char::is_uppercase);
        if inner { word.to_owned() } else { word.to_lowercase() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The kind of that name, however it is written.
pub fn by_name(name: &str) -> Option<&'static Kind> {
    let wanted = name.trim().to_lowercase().replace('_', " ");
    KINDS
        .iter()
        .chain(std::iter::once(&ARTICLE))
        .find(|kind| kind.names.contains(&wanted.as_str()))
}

/// The kind a verb asks for.
pub fn by_verb(verb: &str) -> Option<&'static Kind> {
    let lower = verb.to_lowercase();
    let (_, name) = BY_VERB.iter().find(|(verbs, _)| verbs.contains(&lower.as_str()))?;
    by_name(name)
}

#[cfg(test)]
mod tests {
    use super::{KINDS, by_name, by_verb, named_in};

    #[test]
    fn the_longest_name_at_the_earliest_place_wins() {
        for (text, label) in [
            ("Generate blog post about AI", "blog post"),
            ("a LinkedIn post on hiring", "linkedin post"),
            ("an FAQ for parents", "faq"),
            ("an email newsletter about tea", "newsletter"),
            ("A how-to guide on soldering", "how-to guide"),
            ("adapt the story", "story"),
        ] {
            assert_eq!(named_in(text).map(|(kind, ..)| kind.label()), Some(label), "{text}");
        }
        assert!(named_in("Explain how adapters work").is_none());
    }

    #[test]
    fn verbs_and_names_lead_to_kinds() {
        assert_eq!(by_verb("Summarise").map(|kind| kind.label()), Some("summary"));
        assert!(KINDS.iter().all(|kind| by_name(kind.label()).is_some()));
    }
}
