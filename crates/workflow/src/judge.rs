//! Whose judgement it is, and how far people have agreed with it so far.

use crate::agreement::Counts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The score of the whole, beside those of its dimensions.
pub const OVERALL: &str = "overall";

/// Names kept of a judge's models or prompts, and characters of each.
const MOST_NAMES: usize = 8;
const MOST_CHARACTERS: usize = 120;

/// Whose judgement it is. Another version of its prompts is another judge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Judge {
    /// `provider/model` of each that answered, in order, each once; the engine's name where none was asked.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Template and version of each prompt, likewise.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
}

impl Judge {
    /// As an assessor names it: whatever it says is kept within bounds.
    pub fn named<'a>(models: impl Iterator<Item = &'a str>, prompts: impl Iterator<Item = &'a str>) -> Self {
        Self {
            models: names(models),
            prompts: names(prompts),
        }
    }

    /// Nobody said.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Each of its models by itself, where they are several.
    fn parts(&self) -> impl Iterator<Item = Self> {
        let several = self.models.iter().filter(|_| self.models.len() > 1);
        several.map(|model| Self {
            models: vec![model.clone()],
            prompts: self.prompts.clone(),
        })
    }
}

fn names<'a>(given: impl Iterator<Item = &'a str>) -> Vec<String> {
    let clean = |name: &str| -> String {
        let kept = name.chars().filter(|c| !c.is_control());
        kept.take(MOST_CHARACTERS).collect()
    };
    let mut names: Vec<String> = given.map(clean).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_NAMES);
    names
}

impl fmt::Display for Judge {
    /// `openai/small (judge@2)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.models.as_slice() {
            [] => f.write_str("unnamed")?,
            models => f.write_str(&models.join(" + "))?,
        }
        match self.prompts.as_slice() {
            [] => Ok(()),
            prompts => write!(f, " ({})", prompts.join(", ")),
        }
    }
}

/// Agreement that a judge must have to approve by itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Floor {
    /// Share of decisions about the whole, 0-1; what reaches it is enough.
    pub agreement: f64,
    /// Fewer decisions tell nothing.
    pub min_labels: u64,
}

/// What a judge's scores and people said, by dimension; [`OVERALL`] among them.
pub type Figures = BTreeMap<String, Counts>;

/// How far people agree with judges, as the shell last counted: each tenant's people with the judges of its tasks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Judges {
    floor: Option<Floor>,
    tenants: BTreeMap<String, BTreeMap<Judge, Figures>>,
}

impl Judges {
    /// Nobody has said anything yet. `floor` none: whoever judges may approve.
    pub const fn new(floor: Option<Floor>) -> Self {
        Self {
            floor,
            tenants: BTreeMap::new(),
        }
    }

    /// What was counted of a judge's dimension.
    pub fn add(&mut self, tenant: &str, judge: Judge, dimension: &str, counts: Counts) {
        let judges = self.tenants.entry(tenant.to_owned()).or_default();
        let known = judges
            .entry(judge)
            .or_default()
            .entry(dimension.to_owned())
            .or_default();
        *known = known.plus(counts);
    }

    /// The floor, where there is one.
    pub const fn floor(&self) -> Option<Floor> {
        self.floor
    }

    /// A tenant's judges.
    pub fn of(&self, tenant: &str) -> impl Iterator<Item = (&Judge, &Figures)> {
        self.tenants.get(tenant).into_iter().flatten()
    }

    /// Everybody's.
    pub fn all(&self) -> impl Iterator<Item = (&Judge, &Figures)> {
        self.tenants.values().flatten()
    }

    /// Why a judge may not approve what is a tenant's; none: it may. Where several models judged together, all of them
    /// have to be trusted, together and each by itself.
    pub fn distrust(&self, tenant: &str, judge: &Judge) -> Option<String> {
        let floor = self.floor?;
        let below = |judge: &Judge| {
            let counts = self.tenants.get(tenant)?.get(judge)?.get(OVERALL)?;
            let agreement = counts.agreement().value?;
            let is_below = counts.n() >= floor.min_labels && agreement < floor.agreement;
            is_below.then(|| {
                format!(
                    "people agreed with the judge {judge} in {} of {} decisions ({agreement:.2}); to approve by itself it \
                     needs {:.2}",
                    counts.agreed(),
                    counts.n(),
                    floor.agreement
                )
            })
        };
        below(judge).or_else(|| judge.parts().find_map(|part| below(&part)))
    }
}
