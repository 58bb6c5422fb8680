use super::{Before, Earlier, Experiment, Phase, RoleRollout, RolloutTable, Share};

/// Why a table must not take the place of another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNext {
    /// It is the same, or older: it came late, or out of a backup.
    #[error("version {offered} is not above {held}")]
    Older {
        /// Its version.
        offered: u64,
        /// The one that holds.
        held: u64,
    },
    /// Units would change arms within one experiment.
    #[error("the experiment of role {role} would move units between its arms")]
    Moves {
        /// The role.
        role: String,
    },
}

impl RolloutTable {
    /// Whether `next` may take this table's place.
    ///
    /// # Errors
    /// When it is not newer, or changes who is in which arm of an experiment that goes on.
    pub fn check_next(&self, next: &Self) -> Result<(), NotNext> {
        if next.version <= self.version {
            return Err(NotNext::Older {
                offered: next.version,
                held: self.version,
            });
        }
        let moved = |(role, held): (&String, &RoleRollout)| {
            next.roles
                .get(role)
                .is_some_and(|next| held.is_moved_by(next))
                .then(|| role.clone())
        };
        match self.roles.iter().find_map(moved) {
            Some(role) => Err(NotNext::Moves { role }),
            None => Ok(()),
        }
    }
}

impl RolloutTable {
    /// This table as whoever assigns holds it from now on, after `held`: tasks made before `from_unix_ms` stay with what they
    /// were given so far, whichever step began or model won since. Only a rollback and a pause are for all.
    #[must_use]
    pub fn following(mut self, held: Option<&Self>, from_unix_ms: u64) -> Self {
        for (role, rollout) in &mut self.roles {
            rollout.follow(held.and_then(|held| held.roles.get(role)), from_unix_ms);
        }
        self
    }
}

impl RoleRollout {
    fn follow(&mut self, held: Option<&Self>, from: u64) {
        let tried = held.and_then(|held| held.experiment.as_ref());
        if let Some(experiment) = &mut self.experiment {
            experiment.follow(tried, from);
        }
        let Some(before) = &mut self.before else { return };
        let ended = before.experiment.as_ref().map(|ended| ended.id);
        let known = held.and_then(|held| held.before.as_ref());
        match known.filter(|known| known.experiment.as_ref().map(|known| known.id) == ended) {
            Some(known) => before.clone_from(known),
            None => before.follow(tried, from),
        }
    }
}

impl Before {
    fn follow(&mut self, tried: Option<&Experiment>, from: u64) {
        self.until_unix_ms = self.until_unix_ms.max(from);
        if let Some((ended, tried)) = self.experiment.as_mut().zip(tried)
            && ended.id == tried.id
        {
            *ended = Experiment {
                phase: ended.phase,
                ..tried.clone()
            };
        }
    }
}

impl Experiment {
    fn follow(&mut self, held: Option<&Self>, from: u64) {
        let until = |step: u32, exposed: Share| Earlier {
            until_unix_ms: from,
            step,
            exposed,
        };
        match held.filter(|held| held.id == self.id) {
            None => self.earlier = vec![until(0, Share(0))],
            Some(held) => {
                self.earlier.clone_from(&held.earlier);
                if held.phase == Phase::Shadow && self.phase != Phase::Shadow {
                    self.earlier = vec![until(0, Share(0))];
                } else if held.exposed < self.exposed {
                    self.earlier.push(until(held.step, held.exposed));
                }
            }
        }
    }
}

impl RoleRollout {
    fn is_moved_by(&self, next: &Self) -> bool {
        let (Some(old), Some(new)) = (&self.experiment, &next.experiment) else {
            return false;
        };
        let stays = old.salt == new.salt
            && old.unit == new.unit
            && old.challenger == new.challenger
            && old.exposed <= new.exposed
            && self.champion == next.champion;
        old.id == new.id && !stays
    }
}
