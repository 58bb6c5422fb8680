//! A version of a model in the registry, and how far it has come.

use super::file::ModelFile;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Of a name.
const MOST_NAME: usize = 64;

/// How far a version has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its file is kept.
    Uploaded,
    /// It was found to fit what it is to be served by; nobody serves it.
    Validated,
    /// Somebody serves it.
    Loaded,
    /// It answered a first question as it should.
    SmokePassed,
    /// It is being tried.
    Canary,
    /// It won, or a person said so.
    Promoted,
    /// It was worse, or a person said so.
    RolledBack,
    /// Time ran out before it was known.
    Inconclusive,
    /// It could not be loaded, or did not answer.
    Failed,
}

/// Where a version comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A file that is kept here.
    File {
        /// Of its bytes, in 64 hex digits.
        sha256: String,
        /// Bytes.
        size: u64,
        /// What its header says.
        file: ModelFile,
        /// The version that an adapter is loaded on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Uuid>,
        /// What it is loaded on, as whoever brought it named it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_model: Option<String>,
        /// What a trainer writes beside an adapter in safetensors.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adapter_config: Option<String>,
    },
    /// Served by somebody else.
    Remote {
        /// One that is configured under `llm.providers`: nobody else names hosts.
        provider: String,
        /// As it is asked for there.
        model: String,
        /// What its answers name as the model that gave them; none: it is not looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers_as: Option<String>,
    },
}

impl State {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Uploaded,
        Self::Validated,
        Self::Loaded,
        Self::SmokePassed,
        Self::Canary,
        Self::Promoted,
        Self::RolledBack,
        Self::Inconclusive,
        Self::Failed,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::Validated => "validated",
            Self::Loaded => "loaded",
            Self::SmokePassed => "smoke_passed",
            Self::Canary => "canary",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
        }
    }

    /// Reads one; none of another text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// What it may come to next. Nothing is tried that did not answer a first question since it was last loaded.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Uploaded => &[Self::Validated, Self::Failed],
            Self::Validated => &[Self::Loaded, Self::Failed],
            // Unloaded, it has to be loaded again.
            Self::Loaded => &[Self::SmokePassed, Self::Validated, Self::Failed],
            Self::SmokePassed => &[Self::Canary, Self::Validated, Self::Failed],
            Self::Canary => &[Self::Promoted, Self::RolledBack, Self::Inconclusive, Self::Failed],
            Self::Promoted => &[Self::RolledBack],
            Self::RolledBack | Self::Inconclusive | Self::Failed => &[Self::Validated],
        }
    }
}

/// The name that a version is served under: each has its own, so that going back is asking for another name.
pub fn served_name(name: &str, version: i32) -> String {
    format!("{name}-v{version}")
}

/// As servers are asked for it: theirs is one space of names for all tenants.
pub fn asked_as(tenant: &str, name: &str, version: i32) -> String {
    match tenant {
        "default" => served_name(name, version),
        _ => format!("{tenant}.{}", served_name(name, version)),
    }
}

/// Whether a name may be given: it becomes part of addresses and names of files.
pub fn is_name(name: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() <= MOST_NAME && ends(name.bytes().next()) && ends(name.bytes().last()) && name.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_as_published_and_read_again() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!(State::parse("retired"), None);
    }

    #[test]
    fn only_what_was_loaded_and_answered_is_tried_and_only_what_was_tried_is_promoted() {
        let before = |wanted: State| -> Vec<State> {
            State::ALL
                .into_iter()
                .filter(|state| state.next().contains(&wanted))
                .collect()
        };
        assert_eq!(before(State::Canary), [State::SmokePassed]);
        assert_eq!(before(State::SmokePassed), [State::Loaded]);
        assert_eq!(before(State::Promoted), [State::Canary]);
        assert_eq!(before(State::Uploaded), []);
        // Whatever failed may be tried again, from the beginning.
        assert!(State::ALL.iter().all(|state| !state.next().is_empty()));
    }

    #[test]
    fn names_are_fit_for_addresses_and_files() {
        for name in ["a", "planner-7b", "Planner_7b.q4"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "-a", "a-", "a/b", "a b", "é", "a\0", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!(served_name("planner", 3), "planner-v3");
    }
}
