use super::{RoleRollout, RolloutTable};

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
