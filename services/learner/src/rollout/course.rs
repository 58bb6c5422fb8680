//! Where an experiment stands, and how it goes on.

use super::decision::Decision;
use super::look::Look;
use super::settings::Settings;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workflow::rollout::{Experiment, Model, Phase, Share};
use workflow::time::Timestamp;

/// Where an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// When it began.
    pub began_at: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// A person stopped it for a while.
    pub paused: bool,
}

/// How far an experiment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The challenger is asked beside the champion.
    Shadow,
    /// A step of the exposure, from 1.
    Step(u32),
    /// The challenger is the champion now.
    Promoted,
    /// It was worse, or a person said so.
    RolledBack,
    /// Time ran out; the champion stays.
    Inconclusive,
}

/// What a person may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make the challenger the champion whatever is known.
    Promote,
    /// Let the champion answer all, for a while.
    Pause,
    /// Go on after a pause.
    Resume,
    /// End it; the champion stays.
    RollBack,
}

/// A person's word, with all that was known when it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Who.
    pub by: String,
    /// What.
    pub action: Action,
    /// Why.
    pub note: Option<String>,
    /// The evidence of that moment, with what would have been decided on it.
    pub evidence: Look,
}

/// It has ended; nothing changes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the experiment is over")]
pub struct Over;

impl Course {
    /// At its beginning.
    pub fn begin(settings: &Settings, now: Timestamp) -> Self {
        Self {
            began_at: now,
            stage: if settings.shadow.is_some() {
                Stage::Shadow
            } else {
                Stage::Step(1)
            },
            since: now,
            paused: false,
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Promoted | Stage::RolledBack | Stage::Inconclusive)
    }

    /// Share of units that take part, with the number of the step; none: it is over.
    pub fn exposed(&self, settings: &Settings) -> Option<(u32, Share)> {
        match self.stage {
            Stage::Shadow => Some((0, settings.shadow?.exposed)),
            Stage::Step(step) => Some((step, settings.step(step)?.exposed)),
            Stage::Promoted | Stage::RolledBack | Stage::Inconclusive => None,
        }
    }

    /// After a decision.
    pub fn after(self, decision: &Decision, now: Timestamp) -> Self {
        let stage = match decision {
            Decision::Continue | Decision::Hold { .. } => return self,
            Decision::Advance { step } => Stage::Step(*step),
            Decision::RollBack { .. } => Stage::RolledBack,
            Decision::Promote => Stage::Promoted,
            Decision::Inconclusive => Stage::Inconclusive,
        };
        Self {
            stage,
            since: now,
            paused: false,
            ..self
        }
    }

    /// After a person's word.
    ///
    /// # Errors
    /// When it has ended.
    pub fn overridden(self, action: Action, now: Timestamp) -> Result<Self, Over> {
        if self.is_over() {
            return Err(Over);
        }
        Ok(match action {
            Action::Promote => self.after(&Decision::Promote, now),
            Action::Pause => Self { paused: true, ..self },
            Action::Resume => Self { paused: false, ..self },
            Action::RollBack => Self {
                stage: Stage::RolledBack,
                since: now,
                paused: false,
                ..self
            },
        })
    }

    /// What the table of rollouts says of it; none: it is over.
    pub fn experiment(&self, id: Uuid, salt: Uuid, challenger: Model, settings: &Settings) -> Option<Experiment> {
        let (step, exposed) = self.exposed(settings)?;
        let phase = match self.stage {
            _ if self.paused => Phase::Paused,
            Stage::Shadow => Phase::Shadow,
            _ => Phase::Running,
        };
        Some(Experiment {
            id,
            salt,
            unit: settings.patience.unit,
            challenger,
            step,
            exposed,
            phase,
            earlier: Vec::new(),
        })
    }
}
