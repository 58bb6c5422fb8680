//! What a run allows and what the checker found.

use std::collections::BTreeMap;
use std::fmt;

/// What a run allows beyond "completed".
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// A `once` effect may have been cut off, so its task waits for a human.
    pub cut_off_effects: bool,
    /// How often a worker died with several runs in hand: as often, at most, a step was made again.
    pub deaths: u64,
    /// This item's task was poisoned and must wait for a human.
    pub poisoned: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Tasks by status, waiting ones with their reason.
    pub ends: BTreeMap<String, usize>,
    /// Webhook keys and arrivals.
    pub webhooks: (usize, usize),
    /// Calls of `once` tools.
    pub once_calls: usize,
    /// Whatever must not be.
    pub violations: Vec<String>,
}

impl Findings {
    /// Notes what must not be.
    pub fn violation(&mut self, text: impl Into<String>) {
        self.violations.push(text.into());
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<String> = self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        let (keys, arrivals) = self.webhooks;
        write!(
            f,
            "{}; {keys} webhook keys in {arrivals} arrivals; {} once calls",
            ends.join(", "),
            self.once_calls
        )?;
        if !self.violations.is_empty() {
            write!(f, "; {} violations", self.violations.len())?;
        }
        for violation in self.violations.iter().take(8) {
            write!(f, "\n      - {violation}")?;
        }
        Ok(())
    }
}
