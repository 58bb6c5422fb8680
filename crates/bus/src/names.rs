//! Every stream, subject and consumer name. Nothing else in the product builds one.
//!
//! The server stores a message published to a literal `*` or `>`, so what users chose (tenant and
//! pool) enters a subject only as a checked [`Token`].

use std::fmt;
use std::str::FromStr;
use workflow::vocabulary::{EventKind, WorkKind};

/// Longest token, in bytes.
const MAX_TOKEN: usize = 64;

/// One element of a subject: 1–64 characters of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(String);

/// A name that cannot be an element of a subject.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("{0:?} is not a name of 1-64 characters A-Z a-z 0-9 _ -")]
pub struct InvalidName(String);

impl Token {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, too long or has another character.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=MAX_TOKEN).contains(&text.len());
        let clean = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if fits && text.bytes().all(clean) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Token {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Partition of the results: each coordinator reads the lanes it owns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lane(u8);

/// How many lanes there are.
pub const LANES: u8 = 4;

impl Lane {
    /// Every lane.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LANES).map(Self)
    }

    /// Any number folded onto a lane.
    pub fn of(number: u64) -> Self {
        Self(u8::try_from(number % u64::from(LANES)).unwrap_or(0))
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The four streams.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StreamName {
    /// Work items.
    Work,
    /// Work results.
    Results,
    /// Messages nobody could read.
    Dead,
    /// CloudEvents.
    Events,
}

impl StreamName {
    /// Every stream.
    pub const ALL: [Self; 4] = [Self::Work, Self::Results, Self::Dead, Self::Events];

    const fn element(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Results => "results",
            Self::Dead => "dead",
            Self::Events => "events",
        }
    }
}

/// Names below one prefix, so that several systems and tests share a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    prefix: Token,
}

impl Names {
    /// Names below `prefix`, `orchestrator` in production.
    ///
    /// # Errors
    /// When the prefix is not a [`Token`].
    pub fn new(prefix: &str) -> Result<Self, InvalidName> {
        Token::parse(prefix).map(|prefix| Self { prefix })
    }

    /// The stream's name, such as `ORCHESTRATOR_WORK`.
    pub fn stream(&self, stream: StreamName) -> String {
        format!("{}_{}", self.prefix, stream.element())
            .to_ascii_uppercase()
            .replace('-', "_")
    }

    /// What the stream takes in, such as `orchestrator.work.>`.
    pub fn stream_subjects(&self, stream: StreamName) -> String {
        format!("{}.{}.>", self.prefix, stream.element())
    }

    /// Where work items of a kind and pool go.
    pub fn work_subject(&self, kind: WorkKind, pool: &Token) -> String {
        format!("{}.work.{kind}.{pool}", self.prefix)
    }

    /// The consumer that the workers of a kind and pool share.
    pub fn work_consumer(&self, kind: WorkKind, pool: &Token) -> String {
        format!("{kind}-{pool}")
    }

    /// Where results of a lane go; stamped into every work item.
    pub fn result_subject(&self, lane: Lane) -> String {
        format!("{}.results.{lane}", self.prefix)
    }

    /// Whether a subject that came with a work item is one of ours to publish results to.
    pub fn is_result_subject(&self, subject: &str) -> bool {
        let lane = subject
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix(".results."));
        // A lane has one digit.
        lane.is_some_and(|lane| matches!(lane.as_bytes(), [digit] if (b'0'..b'0' + LANES).contains(digit)))
    }

    /// The consumer of a lane's results.
    pub fn result_consumer(&self, lane: Lane) -> String {
        format!("coordinator-{lane}")
    }

    /// Where an event goes.
    pub fn event_subject(&self, kind: EventKind, tenant: &Token) -> String {
        format!("{}.events.{kind}.{tenant}", self.prefix)
    }

    /// The events of one kind, of every tenant.
    pub fn event_filter(&self, kind: EventKind) -> String {
        format!("{}.events.{kind}.>", self.prefix)
    }

    /// Every event of a tenant.
    pub fn events_of(&self, tenant: &Token) -> String {
        format!("{}.events.*.*.{tenant}", self.prefix)
    }

    /// Where a dead letter goes: the subject it came from, below `dead` instead of the prefix.
    ///
    /// A subject that is not ours becomes `unknown`, so that nothing hostile gets into a name.
    pub fn dead_subject(&self, origin: &str) -> String {
        let own = origin
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('.'));
        let rest = own.filter(|rest| rest.split('.').all(|element| Token::parse(element).is_ok()));
        format!("{}.dead.{}", self.prefix, rest.unwrap_or("unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_wildcards_dots_or_spaces_is_refused() {
        let long = "a".repeat(65);
        for bad in [
            "",
            "*",
            ">",
            "a.b",
            "a b",
            "a*",
            "\u{e4}",
            "a\0",
            "a\r\n",
            long.as_str(),
        ] {
            assert_eq!(Token::parse(bad), Err(InvalidName(bad.to_owned())));
        }
        assert!(Token::parse("Pool_7-x").is_ok());
    }

    #[test]
    fn names_are_those_of_the_contract() {
        let names = Names::new("orchestrator").unwrap();
        let default = Token::parse("default").unwrap();
        assert_eq!(names.stream(StreamName::Work), "ORCHESTRATOR_WORK");
        assert_eq!(names.stream_subjects(StreamName::Events), "orchestrator.events.>");
        assert_eq!(
            names.work_subject(WorkKind::Execute, &default),
            "orchestrator.work.execute.default"
        );
        assert_eq!(names.work_consumer(WorkKind::Plan, &default), "plan-default");
        assert_eq!(names.result_subject(Lane::of(7)), "orchestrator.results.3");
        assert_eq!(names.result_consumer(Lane::of(0)), "coordinator-0");
        assert_eq!(
            names.event_subject(EventKind::TaskCompleted, &default),
            "orchestrator.events.task.completed.default"
        );
    }

    #[test]
    fn a_dead_letter_keeps_its_origin_unless_it_is_foreign() {
        let names = Names::new("orchestrator").unwrap();
        assert_eq!(
            names.dead_subject("orchestrator.work.plan.default"),
            "orchestrator.dead.work.plan.default"
        );
        for foreign in ["other.work.plan.default", "orchestrator.work.*", "orchestrator", ""] {
            assert_eq!(names.dead_subject(foreign), "orchestrator.dead.unknown");
        }
    }

    #[test]
    fn results_go_only_to_known_lanes() {
        let names = Names::new("orchestrator").unwrap();
        assert!(names.is_result_subject("orchestrator.results.3"));
        assert!(Lane::all().all(|lane| names.is_result_subject(&names.result_subject(lane))));
        assert!(!names.is_result_subject("orchestrator.results.4"));
        assert!(!names.is_result_subject("orchestrator.results.00"));
        assert!(!names.is_result_subject("other.results.0"));
        assert!(!names.is_result_subject("orchestrator.events.task.completed.default"));
    }
}
