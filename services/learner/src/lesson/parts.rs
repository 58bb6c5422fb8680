//! The parts of a plan that others may be made of.

use super::{Exemplar, Lesson};
use crate::success::words;
use std::collections::BTreeSet;
use uuid::Uuid;
use workflow::hash::Fingerprint;
use workflow::plan::{Plan, fragments, part, signature};

/// A part of the plan that a task ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Hash of tenant and form, wherever results go: parts are of use to others than those they were found in.
    pub form: Uuid,
    /// What tells for and against it.
    pub signs: BTreeSet<(Sign, Uuid)>,
    /// Places of its steps in the plan.
    steps: Vec<usize>,
}

/// What a task says of a part of its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// What was wanted.
    Intent,
    /// Who wanted it.
    User,
    /// Something larger that it is within: another part, or the plan.
    Within,
    /// It is the whole plan.
    Whole,
}

impl Sign {
    /// As rows say it.
    pub fn number(self) -> i16 {
        match self {
            Self::Intent => 1,
            Self::User => 2,
            Self::Within => 3,
            Self::Whole => 4,
        }
    }
}

/// The parts of a plan. `author`: who asked for it; empty: not known.
pub(super) fn parts(tenant: &str, plan: &Plan, goal: &str, author: &str) -> Vec<Part> {
    let wanted: Vec<String> = words(goal).into_iter().collect();
    let mut common = BTreeSet::from([(Sign::Intent, hash(tenant, "intent", wanted.join(" ").as_bytes()))]);
    if !author.is_empty() {
        common.insert((Sign::User, hash(tenant, "user", author.as_bytes())));
    }
    let whole = hash(tenant, "plan", &signature(plan).to_bytes());
    let found = fragments(plan).into_iter().map(|fragment| {
        let mut signs = common.clone();
        if fragment.is_whole {
            signs.insert((Sign::Whole, whole));
        } else {
            signs.insert((Sign::Within, whole));
        }
        let larger = fragment
            .larger
            .iter()
            .map(|larger| (Sign::Within, part_form(tenant, *larger)));
        signs.extend(larger);
        Part {
            form: part_form(tenant, fragment.form),
            signs,
            steps: fragment.steps,
        }
    });
    found.collect()
}

/// What identifies a part, by its form.
pub fn part_form(tenant: &str, form: Fingerprint) -> Uuid {
    hash(tenant, "part", &form.to_bytes())
}

fn hash(tenant: &str, kind: &str, what: &[u8]) -> Uuid {
    Uuid::from_bytes(Fingerprint::of([tenant.as_bytes(), kind.as_bytes(), what]).to_bytes())
}

impl Lesson {
    /// How to do one of its parts again; none where it has no such part.
    pub fn exemplar_of(&self, form: Uuid) -> Option<Exemplar> {
        let found = self.parts.iter().find(|part| part.form == form)?;
        super::exemplar(&part(&self.plan, &found.steps), &self.intent, &self.subject)
    }
}
