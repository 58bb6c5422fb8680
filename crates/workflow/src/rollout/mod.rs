//! Which model answers a role for a task: a pure function of ids over a versioned table, so that every process, and the
//! same process after a restart, says the same without asking anybody.
//!
//! A table is one tenant's: its experiments touch nobody else's tasks.

mod assignment;
mod draw;
mod model;
mod succession;
#[cfg(test)]
mod tests;

pub use assignment::{Arm, Assignment};
pub use model::Model;
pub use succession::NotNext;

use crate::ids::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who answers which role. It is replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutTable {
    /// Rises with each change.
    pub version: u64,
    /// By role (`planner`, `writer`, `judge`); one that is absent is answered as configured.
    pub roles: BTreeMap<String, RoleRollout>,
}

/// Who answers one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRollout {
    /// Answers whoever takes no part in the experiment, and its control.
    pub champion: Model,
    /// What is being tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// Who answers tasks that were there before the champion became it: they end with whom they began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What a champion took the place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Tasks whose id was made before this, in milliseconds since 1970.
    pub until_unix_ms: u64,
    /// The champion of that time.
    pub champion: Model,
    /// What was being tried then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
}

/// A challenger beside the champion. Of the exposed units one half is the control, the other the challenger's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its id.
    pub id: Uuid,
    /// What its draws hang on. Random, and never used again: whoever knows it can choose an arm.
    pub salt: Uuid,
    /// What is drawn for.
    pub unit: Unit,
    /// The model that is tried.
    pub challenger: Model,
    /// Which step of the exposure this is, from 1; 0 in the shadow.
    pub step: u32,
    /// Units that take part. It only grows while the experiment lasts.
    pub exposed: Share,
    /// What becomes of the exposed ones.
    pub phase: Phase,
    /// What held for tasks that were there before: they stay where they were, however many are exposed since. By time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
}

/// A share that held before a larger one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// For tasks whose id was made before this, in milliseconds since 1970.
    pub until_unix_ms: u64,
    /// Which step it was; 0 before the experiment began.
    pub step: u32,
    /// Units that took part.
    pub exposed: Share,
}

/// A share in hundredths of a percent; more than 10,000 is all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(pub u16);

/// What an arm is drawn for, and what is counted once when arms are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A task.
    Task,
    /// A user: all of their tasks are answered by one model. A task of nobody is a unit of its own.
    User,
}

/// What becomes of the exposed units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The champion answers all; for the exposed the challenger is asked, too, and its answer is only looked at.
    Shadow,
    /// The challenger answers its half.
    Running,
    /// The champion answers all, as if there were no experiment. Going on puts everybody back where they were.
    Paused,
}

/// Whom an answer is for.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The task.
    pub task: TaskId,
    /// Who asked for it.
    pub user: Option<&'a str>,
}

impl Share {
    /// All units.
    pub const ALL: Self = Self(10_000);

    /// Between 0 and 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0.min(Self::ALL.0)) / f64::from(Self::ALL.0)
    }
}

impl Unit {
    /// The name that is drawn for. A user's name cannot pass for a task's.
    pub fn key(self, subject: &Subject<'_>) -> String {
        match (self, subject.user) {
            (Self::User, Some(user)) => format!("user:{user}"),
            _ => format!("task:{}", subject.task),
        }
    }
}
