use std::fmt;

/// One thing that is wrong with the configuration. Never carries a value: it might be a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The file, the environment variable or the flag it came from.
    pub origin: String,
    /// Dotted key; elements of lists by their name: `channels[blog].url`. Empty: the source as a whole.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            key,
            reason,
            fix,
        } = self;
        if key.is_empty() {
            write!(f, "{origin}: {reason}; {fix}")
        } else {
            write!(f, "{origin}: {key}: {reason}; {fix}")
        }
    }
}

/// Everything that is wrong, one a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "the configuration has {count} {}",
            if count == 1 { "fault" } else { "faults" }
        )?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}
