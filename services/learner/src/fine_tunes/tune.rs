//! A job, and how far it has come.

use chrono::{DateTime, Utc};
use llm::fine_tuning::{Hyperparameters, Method};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nobody was sent anything.
    Queued,
    /// Its examples are on their way.
    Uploading,
    /// The provider has it.
    Running,
    /// There is a model, and it is registered.
    Succeeded,
    /// There will be none.
    Failed,
    /// Nobody wants one any more.
    Cancelled,
}

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// As the provider knows it.
    pub base_model: String,
    /// How it is trained.
    pub method: Method,
    /// What training is told.
    pub hyperparameters: Hyperparameters,
    /// Becomes part of the model's name there.
    pub suffix: Option<String>,
    /// What chance follows from.
    pub seed: Option<u32>,
    /// Most USD it may be expected to cost.
    pub max_usd: Option<f64>,
}

/// What there is to train with.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Examples {
    /// Trained with.
    pub train: Part,
    /// Only measured with.
    pub validation: Part,
    /// USD per million tokens when it was asked for; none: not known.
    pub usd_per_million_tokens: Option<f64>,
}

/// Lines of one part of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// How many.
    pub lines: u64,
    /// In all.
    pub bytes: u64,
}

/// What the provider has, and what it said last.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// The file of examples.
    pub training_file: Sent,
    /// The file that is only measured with.
    pub validation_file: Sent,
    /// The job.
    pub job: Sent,
    /// In the provider's words.
    pub status: Option<String>,
    /// When the provider expects to be done; seconds since the Unix epoch.
    pub estimated_finish: Option<i64>,
    /// Tokens that are billed.
    pub trained_tokens: Option<u64>,
    /// The model that came of it.
    pub model: Option<String>,
    /// The provider agreed to end it.
    pub is_cancelled: bool,
    /// Answers in a row that cannot be so.
    pub doubts: u32,
    /// Answers in a row that said nothing new.
    pub polls: u32,
    /// Why the last try led nowhere; none: it led somewhere.
    pub waiting: Option<String>,
    /// What was made for it is gone there.
    pub is_clean: bool,
    /// What could not be deleted there.
    pub left_behind: Option<String>,
}

/// Something that the provider is to have once.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Not.
    #[default]
    No,
    /// It was begun, and no answer was heard: it may be there.
    Perhaps,
    /// It is there, under this id.
    There(String),
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct FineTune {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: String,
    /// What it is trained with.
    pub export: Uuid,
    /// Under `llm.providers`.
    pub provider: String,
    /// What the model is registered as.
    pub model_name: String,
    /// What was asked for.
    pub wanted: Wanted,
    /// What there is to train with.
    pub examples: Examples,
    /// Where it stands.
    pub state: State,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// What the provider has.
    pub course: Course,
    /// What came of it.
    pub model: Option<Uuid>,
    /// Somebody wants it no more.
    pub cancel_asked_at: Option<DateTime<Utc>>,
    /// Its export has, or may have, records of a user who was erased.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When somebody last did something for it.
    pub changed_at: DateTime<Utc>,
    /// When it succeeded, failed or was cancelled.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it has taken too long.
    pub deadline_at: DateTime<Utc>,
    /// Tries in a row that led nowhere.
    pub failures: u32,
    /// Counts who did something; whoever does writes while it is their turn.
    pub turn: i64,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Uploading,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Uploading => "uploading",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads one; none of another text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// It stays so.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl Sent {
    /// Its id, where it is there.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::There(id) => Some(id),
            Self::No | Self::Perhaps => None,
        }
    }
}

impl FineTune {
    /// What names of its files at the provider begin with.
    pub fn mark(&self) -> String {
        format!("orchestrator-{}", self.id)
    }

    /// It ends so.
    pub fn end(&mut self, state: State, reason: Option<String>, now: DateTime<Utc>) {
        self.state = state;
        self.reason = reason;
        self.ended_at = Some(now);
        self.course.waiting = None;
        self.failures = 0;
    }
}
