//! Which kinds of work are short, told by how long their runs took.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use workflow::vocabulary::WorkKind;

/// A short run takes less than this.
const SHORT: Duration = Duration::from_millis(100);
/// Short runs in a row after which a kind is taken for short.
const PROOF: u32 = 64;

/// For each kind, how many more runs in a row have to be short.
pub struct Paces([AtomicU32; 4]);

impl Default for Paces {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(PROOF)))
    }
}

impl Paces {
    /// A run of the kind ended.
    pub fn note(&self, kind: WorkKind, took: Duration) {
        let Some(left) = self.left(kind) else { return };
        let now = match Self::is_quick(took) {
            true => left.load(Ordering::Relaxed).saturating_sub(1),
            false => PROOF,
        };
        left.store(now, Ordering::Relaxed);
    }

    /// A run of some kind was long.
    pub fn doubt(&self) {
        self.0.iter().for_each(|left| left.store(PROOF, Ordering::Relaxed));
    }

    /// Whether a run is short that took so long.
    pub fn is_quick(took: Duration) -> bool {
        took < SHORT
    }

    /// Its runs are short, as far as anybody knows. How long a step takes is its tool's matter.
    pub fn is_short(&self, kind: WorkKind) -> bool {
        self.left(kind).is_some_and(|left| left.load(Ordering::Relaxed) == 0)
    }

    fn left(&self, kind: WorkKind) -> Option<&AtomicU32> {
        let place = match kind {
            WorkKind::Plan => 0,
            WorkKind::Assess => 1,
            WorkKind::Format => 2,
            WorkKind::Publish => 3,
            WorkKind::Execute | WorkKind::Notify | WorkKind::Discover => return None,
        };
        self.0.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_short_after_many_short_runs_and_until_the_first_long_one() {
        let paces = Paces::default();
        for _ in 0..PROOF {
            assert!(!paces.is_short(WorkKind::Plan));
            paces.note(WorkKind::Plan, Duration::from_millis(2));
        }
        assert!(paces.is_short(WorkKind::Plan));
        assert!(!paces.is_short(WorkKind::Assess), "each kind for itself");
        paces.note(WorkKind::Plan, SHORT);
        assert!(!paces.is_short(WorkKind::Plan));
        for _ in 0..PROOF {
            paces.note(WorkKind::Execute, Duration::ZERO);
        }
        assert!(!paces.is_short(WorkKind::Execute));
        for _ in 0..PROOF {
            paces.note(WorkKind::Plan, Duration::ZERO);
        }
        paces.doubt();
        assert!(!paces.is_short(WorkKind::Plan));
    }
}
