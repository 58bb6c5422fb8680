//! What every binary accepts on its command line.

/// The command line, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Print the resolved configuration and end.
    pub check_config: bool,
    /// Print every key with its meaning and default and end.
    pub default_config: bool,
    /// Print the usage and end.
    pub help: bool,
    /// Print the version and end.
    pub version: bool,
    /// `section.key` and value; over every other source.
    pub overrides: Vec<(String, String)>,
}

/// An argument that is not known. Its text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}: not a flag of this program")]
pub struct UnknownFlag(pub String);

impl Flags {
    /// Reads the arguments, the program's name apart.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, UnknownFlag> {
        let mut flags = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--check-config" => flags.check_config = true,
                "--default-config" => flags.default_config = true,
                "--help" | "-h" => flags.help = true,
                "--version" | "-V" => flags.version = true,
                "--set" => flags.set(arguments.next().unwrap_or_default(), &argument)?,
                _ => match argument.strip_prefix("--set=") {
                    Some(assignment) => flags.set(assignment.to_owned(), &argument)?,
                    None => return Err(UnknownFlag(argument)),
                },
            }
        }
        Ok(flags)
    }

    fn set(&mut self, assignment: String, argument: &str) -> Result<(), UnknownFlag> {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| UnknownFlag(argument.to_owned()))?;
        self.overrides.push((key.to_owned(), value.to_owned()));
        Ok(())
    }
}

/// What `--help` prints.
pub fn usage(binary: &str) -> String {
    format!(
        "usage: {binary} [--check-config] [--default-config] [--set SECTION.KEY=VALUE]… [--version] [--help]\n\n\
         Settings, the later over the earlier: built-in defaults, deploy/local.toml (development only), the files in\n\
         ORCHESTRATOR_CONFIG (separated by colons), the variables ORCHESTRATOR_SECTION__KEY, --set.\n\
         --check-config prints the outcome without secrets, --default-config every key with its meaning and default.\n\
         Exit code 64: the configuration cannot work."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Flags, UnknownFlag> {
        Flags::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn known_flags_are_read_and_others_refused() {
        let flags = parse(&["--check-config", "--set", "a.b=c=d", "--set=e.f=1"]).unwrap();
        assert!(flags.check_config);
        assert_eq!(
            flags.overrides,
            [("a.b".into(), "c=d".into()), ("e.f".into(), "1".into())]
        );
        assert_eq!(parse(&["--verbose"]), Err(UnknownFlag("--verbose".into())));
        assert!(parse(&["--set", "a.b"]).is_err());
    }
}
