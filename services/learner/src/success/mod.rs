//! Success correlations: what tasks did beside how they went, within kinds of intents. Associations, and no more.
//!
//! [`features`] reads what a task did, once; [`intents`] says which tasks are of one kind; [`effects`] compares within
//! kinds. What is significant is kept for plannings, which must not wait for it to be computed.

mod effects;
mod features;
mod intents;
mod recalled;
#[cfg(test)]
mod simulation;
mod study;

pub use features::{Features, read};
pub use intents::words;
pub use recalled::known;
pub use study::{Study, associations};

use crate::business::Association;
use effects::Effect;

/// As documents tell it.
fn association(effect: &Effect) -> Association {
    Association {
        kind: "success",
        feature: effect.feature.clone(),
        outcome: effect.outcome.to_owned(),
        segment: None,
        method: "difference within kinds of intents (Mantel and Haenszel's weights)",
        effect: effect.difference.effect,
        interval: effect.interval,
        n: effect.difference.n,
        effective_n: None,
        q: effect.q,
        significant: effect.is_significant(),
        statement: statement(effect),
    }
}

/// One sentence that claims no more than that two things go together.
fn statement(effect: &Effect) -> String {
    let (feature, outcome) = (&effect.feature, effect.outcome);
    if !effect.is_significant() {
        return format!("no association of \u{201c}{feature}\u{201d} with {outcome} can be told from chance");
    }
    let points = |share: f64| format!("{:+.1}", share * 100.0);
    let [least, most] = effect.interval;
    format!(
        "\u{201c}{feature}\u{201d} is associated with {} {outcome}: {} points (95 %: {} to {}) over {} tasks for like requests",
        if effect.difference.effect > 0.0 {
            "higher"
        } else {
            "lower"
        },
        points(effect.difference.effect),
        points(least),
        points(most),
        effect.difference.n,
    )
}
