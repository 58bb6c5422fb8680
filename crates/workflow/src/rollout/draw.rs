//! The two draws of a unit. Whoever is drawn is so for ever: changing this moves units between the arms of experiments
//! that are under way.
//!
//! A draw is the first 8 bytes, most significant first, of the SHA-256 of `<purpose>:<salt>:<unit>`; the salt is a UUID
//! in its usual form. A shell or a database finds the same: `printf exposure:$salt:$unit | sha256sum`.

use super::{Experiment, Share};
use sha2::{Digest, Sha256};

/// Whether a unit takes part where that share is `exposed`. Its place does not depend on the share, so that who takes part still does when more do.
pub fn is_exposed(experiment: &Experiment, exposed: Share, unit: &str) -> bool {
    let draw = u128::from(draw("exposure", experiment, unit));
    let place = (draw * u128::from(Share::ALL.0)) >> 64;
    place < u128::from(exposed.0)
}

/// Which half of those who take part a unit belongs to; it has nothing to do with the place that let it in.
pub fn is_challenged(experiment: &Experiment, unit: &str) -> bool {
    draw("arm", experiment, unit) >= 1 << 63
}

fn draw(purpose: &str, experiment: &Experiment, unit: &str) -> u64 {
    let digest = Sha256::digest(format!("{purpose}:{}:{unit}", experiment.salt));
    digest
        .iter()
        .take(8)
        .fold(0, |draw, byte| (draw << 8) | u64::from(*byte))
}
