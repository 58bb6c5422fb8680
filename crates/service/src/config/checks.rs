//! Collects what the sections find wrong with their values.

/// An impossible value, found by a section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// Dotted key; elements of lists by their name: `channels[blog].url`.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub fix: String,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Checks {
    /// In the order they were found.
    pub found: Vec<Check>,
}

impl Checks {
    pub(super) fn add(&mut self, key: &str, reason: impl Into<String>, fix: impl Into<String>) {
        self.found.push(Check {
            key: key.to_owned(),
            reason: reason.into(),
            fix: fix.into(),
        });
    }

    /// Two of one name in `list`.
    pub(super) fn unique<'a>(&mut self, list: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                self.add(
                    &format!("{list}[{name}]"),
                    "the name stands here twice",
                    "rename one of them",
                );
            }
        }
    }
}

/// Safe inside a NATS subject: no dot, no wildcard, no space.
pub(super) fn is_subject_token(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
