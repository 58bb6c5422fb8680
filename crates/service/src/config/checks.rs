//! Collects what the sections find wrong with their values.

/// An impossible value, found by a section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Check {
    /// Dotted key; elements of lists by their name: `channels[blog].url`.
    pub(super) key: String,
    /// What is wrong.
    pub(super) reason: String,
    /// What to do.
    pub(super) fix: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// In the order they were found.
    pub(super) found: Vec<Check>,
}

impl Checks {
    pub(super) fn add(&mut self, key: &str, reason: impl Into<String>, fix: impl Into<String>) {
        self.found.push(Check {
            key: key.to_owned(),
            reason: reason.into(),
            fix: fix.into(),
        });
    }
}

/// Safe inside a NATS subject: no dot, no wildcard, no space.
pub(super) fn is_subject_token(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
