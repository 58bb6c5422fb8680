//! Sections of an outline: what each is for and how it is headed.

use super::pick::Picker;
use crate::brief::Brief;
use crate::text::phrases::contains_phrase;

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What the subject means here.
    Context,
    /// Why it matters.
    Stakes,
    /// Statements of the request.
    Details,
    /// Outputs of other tools.
    Data,
    /// One part of the subject.
    Aspect,
    /// The tips or reasons asked for.
    Items,
    /// Numbered steps.
    Steps,
    /// Questions with answers.
    Asked,
    /// Figures given and derived.
    Figures,
    /// Things side by side.
    Compare,
    /// What makes it worth a look.
    Offer,
    /// Paragraphs of a message.
    Message,
    /// Paragraphs of an announcement.
    Release,
    /// What to do first.
    Practice,
    /// What goes wrong.
    Pitfalls,
    /// Open questions.
    Questions,
}

impl Purpose {
    const NAMED: [(Self, &'static str); 16] = [
        (Self::Context, "context"),
        (Self::Stakes, "stakes"),
        (Self::Details, "details"),
        (Self::Data, "data"),
        (Self::Aspect, "aspect"),
        (Self::Items, "items"),
        (Self::Steps, "steps"),
        (Self::Asked, "asked"),
        (Self::Figures, "figures"),
        (Self::Compare, "compare"),
        (Self::Offer, "offer"),
        (Self::Message, "message"),
        (Self::Release, "release"),
        (Self::Practice, "practice"),
        (Self::Pitfalls, "pitfalls"),
        (Self::Questions, "questions"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::NAMED
            .iter()
            .find(|(purpose, _)| *purpose == self)
            .map_or("aspect", |(_, name)| name)
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMED
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(purpose, _)| *purpose)
    }

    fn headings(self) -> &'static [&'static str] {
        match self {
            Self::Context => &["The starting point", "What this is about", "Setting the scene"],
            Self::Stakes => &["Why it matters", "What is at stake", "Why a closer look is worth it"],
            Self::Details => &["What is known", "The details", "The facts at hand"],
            Self::Data => &["What the data says", "Data at hand"],
            Self::Aspect => &["A closer look"],
            Self::Items => &["The list", "One by one"],
            Self::Steps => &["Step by step", "The steps"],
            Self::Asked => &["Questions and answers"],
            Self::Figures => &["What the figures say", "The numbers given", "A look at the numbers"],
            Self::Compare => &["How they compare", "Points to compare"],
            Self::Offer => &["What to expect", "At a glance"],
            Self::Message => &["What this means"],
            Self::Release => &["What is new"],
            Self::Practice => &["Where to begin", "First steps", "From idea to practice"],
            Self::Pitfalls => &["What to watch out for", "Common stumbling blocks"],
            Self::Questions => &["Questions worth asking", "Open questions", "What to ask next"],
        }
    }
}

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub heading: String,
    pub purpose: Purpose,
    /// Parts of the subject it speaks of.
    pub points: Vec<String>,
}

impl Section {
    pub fn new(purpose: Purpose, picker: &Picker) -> Self {
        Self {
            heading: picker.one(purpose.as_str(), purpose.headings()).to_owned(),
            purpose,
            points: Vec::new(),
        }
    }

    pub fn about(heading: &str, points: Vec<String>) -> Self {
        Self {
            heading: heading.to_owned(),
            purpose: Purpose::Aspect,
            points,
        }
    }
}

/// The parts of a subject a text can go through: those named, else general angles on it.
pub fn aspects(brief: &Brief, picker: &Picker) -> Vec<String> {
    if !brief.sections.is_empty() {
        return brief.sections.clone();
    }
    let short = &brief.topic.short;
    let angles = [
        format!("the people around {short}"),
        format!("the cost and effort behind {short}"),
        format!("everyday practice with {short}"),
        format!("the right moment for {short}"),
        format!("the limits of {short}"),
        format!("the goals behind {short}"),
    ];
    let picked = picker
        .order("angles", &[0_usize, 1, 2, 3, 4, 5])
        .into_iter()
        .filter_map(|i| angles.get(i).cloned());
    let parts = if brief.topic.parts.len() > 1 {
        without_readers(brief)
    } else {
        Vec::new()
    };
    parts.into_iter().chain(picked).take(5).collect()
}

/// Readers are no part of the subject.
fn without_readers(brief: &Brief) -> Vec<String> {
    let readers = brief.audience.as_deref().unwrap_or("");
    let parts = brief.topic.parts.iter().filter(|part| !contains_phrase(readers, part));
    parts.cloned().collect()
}
