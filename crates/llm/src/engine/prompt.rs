//! Prompt files: a version line, what stands, and what is asked.

use crate::call::EngineError;
use crate::chat::Message;
use crate::template::render;
use serde_json::Value;
use std::sync::LazyLock;

/// Stands between the standing instructions and what is asked.
const SEPARATOR: &str = "\n=== user ===\n";

/// A prompt file.
#[derive(Debug)]
pub struct Prompt {
    /// As `plan@1`.
    pub id: &'static str,
    system: &'static str,
    user: &'static str,
}

/// Makes a plan.
pub static PLAN: LazyLock<Prompt> = LazyLock::new(|| Prompt::read(include_str!("../../prompts/plan.md")));
/// Around an agent's own prompt.
pub static AGENT: LazyLock<Prompt> = LazyLock::new(|| Prompt::read(include_str!("../../prompts/agent.md")));
/// Scores one dimension.
pub static JUDGE: LazyLock<Prompt> = LazyLock::new(|| Prompt::read(include_str!("../../prompts/judge.md")));

impl Prompt {
    /// The first line is `{# id@version #}`.
    fn read(file: &'static str) -> Self {
        let (first, body) = file.split_once('\n').unwrap_or_default();
        let (system, user) = body.split_once(SEPARATOR).unwrap_or((body, ""));
        Self {
            id: first.trim_start_matches("{#").trim_end_matches("#}").trim(),
            system,
            user,
        }
    }

    /// The opening of a conversation.
    ///
    /// # Errors
    /// What is asked about cannot be put into the prompt.
    pub fn opening(&self, context: &Value) -> Result<Vec<Message>, EngineError> {
        let rendered = |template| {
            let text = render(template, context).map_err(|error| EngineError::BadArguments(error.to_string()));
            text.map(|text| text.trim().to_owned())
        };
        Ok(vec![
            Message::System(rendered(self.system)?),
            Message::User(rendered(self.user)?),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::{AGENT, JUDGE, PLAN};

    #[test]
    fn every_prompt_file_has_a_version_and_both_parts() {
        for (prompt, name) in [(&*PLAN, "plan@"), (&*AGENT, "agent@"), (&*JUDGE, "judge@")] {
            let version = prompt
                .id
                .strip_prefix(name)
                .and_then(|version| version.parse::<u32>().ok());
            assert!(version.is_some_and(|version| version > 0), "{}", prompt.id);
            assert!(
                !prompt.system.trim().is_empty() && !prompt.user.trim().is_empty(),
                "{name}"
            );
        }
    }
}
