use super::draw::{is_challenged, is_exposed};
use super::{Experiment, Model, Phase, RoleRollout, RolloutTable, Share, Subject};
use crate::ids::TaskId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who answers, and as what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Answers.
    pub model: Model,
    /// As what.
    pub arm: Arm,
    /// Asked beside; its answer is used for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Model>,
    /// The experiment that was drawn in, whichever arm came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Uuid>,
    /// Its step then; 0 where there is none.
    #[serde(default)]
    pub step: u32,
    /// The chance with which this came out.
    pub propensity: f64,
    /// Version of the table.
    pub table: u64,
}

/// A side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// Takes part in no comparison: not exposed, or nothing is tried.
    ChampionOutside,
    /// Exposed, answered by the champion.
    Control,
    /// Exposed, answered by the challenger.
    Challenger,
}

impl RolloutTable {
    /// Who answers `role` for `subject`.
    pub fn assign(&self, role: &str, subject: &Subject<'_>) -> Assignment {
        let found = self.roles.get(role).map(|rollout| rollout.at_the_time_of(subject.task));
        let (champion, experiment) = found.unwrap_or((Model::Configured, None));
        let drawn = experiment.map(|experiment| drawn(champion, experiment, subject));
        Assignment {
            table: self.version,
            ..drawn.unwrap_or(Assignment::untried(champion))
        }
    }
}

impl Assignment {
    fn untried(champion: Model) -> Self {
        Self {
            model: champion,
            arm: Arm::ChampionOutside,
            shadow: None,
            experiment: None,
            step: 0,
            propensity: 1.0,
            table: 0,
        }
    }
}

impl RolloutTable {
    /// Who answers `role` for a task where nothing is tried on it.
    pub fn champion(&self, role: &str, task: TaskId) -> Model {
        let found = self.roles.get(role).map(|rollout| rollout.at_the_time_of(task).0);
        found.unwrap_or(Model::Configured)
    }

    /// Every version that may be asked.
    pub fn versions(&self) -> Vec<Uuid> {
        let mut versions: Vec<Uuid> = self.roles.values().flat_map(RoleRollout::versions).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }
}

impl RoleRollout {
    /// Every version that may be asked in this role; some may be named twice.
    pub fn versions(&self) -> impl Iterator<Item = Uuid> {
        let before = self.before.as_ref();
        let tried = [
            self.experiment.as_ref(),
            before.and_then(|before| before.experiment.as_ref()),
        ];
        let named = [Some(self.champion), before.map(|before| before.champion)]
            .into_iter()
            .chain(tried.map(|tried| tried.map(|tried| tried.challenger)));
        named.flatten().filter_map(|model| match model {
            Model::Version(id) => Some(id),
            Model::Configured => None,
        })
    }
}

impl RoleRollout {
    /// Champion and experiment.
    fn at_the_time_of(&self, task: TaskId) -> (Model, Option<&Experiment>) {
        match &self.before {
            Some(before) if made_unix_ms(task) < u128::from(before.until_unix_ms) => {
                (before.champion, before.experiment.as_ref())
            }
            _ => (self.champion, self.experiment.as_ref()),
        }
    }
}

impl Experiment {
    /// Step and share.
    fn at_the_time_of(&self, task: TaskId) -> (u32, Share) {
        let earlier = self
            .earlier
            .iter()
            .find(|earlier| made_unix_ms(task) < u128::from(earlier.until_unix_ms));
        earlier.map_or((self.step, self.exposed), |earlier| (earlier.step, earlier.exposed))
    }
}

/// Ids of tasks begin with their time.
fn made_unix_ms(task: TaskId) -> u128 {
    task.0.as_u128() >> 80
}

fn drawn(champion: Model, experiment: &Experiment, subject: &Subject<'_>) -> Assignment {
    let untried = Assignment::untried(champion);
    if experiment.phase == Phase::Paused {
        return untried;
    }
    let unit = experiment.unit.key(subject);
    let (step, exposed) = experiment.at_the_time_of(subject.task);
    if exposed == Share(0) {
        return untried;
    }
    let share = exposed.fraction();
    let inside = Assignment {
        experiment: Some(experiment.id),
        step,
        ..untried
    };
    if !is_exposed(experiment, exposed, &unit) {
        return Assignment {
            propensity: 1.0 - share,
            ..inside
        };
    }
    if experiment.phase == Phase::Shadow {
        return Assignment {
            shadow: Some(experiment.challenger),
            propensity: share,
            ..inside
        };
    }
    let (model, arm) = match is_challenged(experiment, &unit) {
        true => (experiment.challenger, Arm::Challenger),
        false => (champion, Arm::Control),
    };
    Assignment {
        model,
        arm,
        propensity: share / 2.0,
        ..inside
    }
}
