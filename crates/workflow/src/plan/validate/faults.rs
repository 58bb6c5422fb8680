//! Reasons a plan is refused, and their collection.

use serde::{Deserialize, Serialize};

/// More would help nobody, and bounds what a hostile plan makes us write.
const MAX_FAULTS: usize = 64;
const MAX_DETAIL_CHARS: usize = 400;

/// One reason a plan is refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlanFault {
    /// Stable: plan_empty plan_limits plan_key plan_duplicate_key plan_tool plan_arguments plan_ref plan_cycle plan_when plan_channel plan_retry plan_timeout plan_acceptance.
    pub code: String,
    /// JSON pointer into the plan document.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// Faults in the order they were found, the first 64.
#[derive(Default)]
pub(super) struct Faults(Vec<PlanFault>);

impl Faults {
    pub(super) fn push(&mut self, code: &str, pointer: String, detail: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let mut detail = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL_CHARS) {
            detail.truncate(end);
            detail.push('…');
        }
        self.0.push(PlanFault {
            code: code.to_owned(),
            pointer,
            detail,
        });
    }

    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_FAULTS
    }

    pub(super) fn into_vec(self) -> Vec<PlanFault> {
        self.0
    }
}
