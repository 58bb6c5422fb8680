//! Whether a completion is what was asked for. Nothing is mended: what does not fit is told to the model.

use crate::chat::{ChatAsk, Reply, ToolCall};
use crate::provider::{AskedCall, Completion, Ending};
use jsonschema::Validator;
use serde_json::Value;

/// Faults of one reply that are told.
const MAX_FAULTS: usize = 8;
const FAULT_CHARACTERS: usize = 300;

/// What a reply must be.
pub(super) struct Wanted<'a> {
    schema: Option<(&'a Value, Validator)>,
}

/// A completion that is not it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The model does not want to; in its words.
    Refused(String),
    /// It came to an end too early.
    CutOff,
    /// No JSON at all.
    NoJson(String),
    /// JSON that is not what was asked for.
    Faulty {
        /// For the model, which knows what it said.
        full: String,
        /// For everybody else: without a word of the reply.
        masked: String,
    },
}

impl<'a> Wanted<'a> {
    /// The error says what is wrong with the schema.
    pub(super) fn of(ask: &ChatAsk<'a>) -> Result<Self, String> {
        let compile = |schema: &'a Value| match jsonschema::validator_for(schema) {
            Ok(validator) => Ok((schema, validator)),
            Err(error) => Err(format!("the schema of the reply: {error}")),
        };
        let schema = ask.schema.map(compile).transpose()?;
        Ok(Self { schema })
    }

    pub(super) fn read(&self, completion: &Completion) -> Result<Reply, Unusable> {
        match &completion.ending {
            Ending::Refused(words) => return Err(Unusable::Refused(words.clone())),
            Ending::CutOff => return Err(Unusable::CutOff),
            Ending::Done => {}
        }
        if !completion.calls.is_empty() {
            let calls = completion.calls.iter().map(call).collect::<Result<_, _>>()?;
            return Ok(Reply::ToolCalls {
                text: completion.text.clone(),
                calls,
            });
        }
        match &self.schema {
            None if completion.text.trim().is_empty() => Err(Unusable::faulty("the reply is empty")),
            None => Ok(Reply::Text(completion.text.clone())),
            Some((_, validator)) => checked(validator, &completion.text).map(Reply::Json),
        }
    }

    /// What the model is told of its reply, so that the next one is better.
    pub(super) fn reproach(&self, unusable: &Unusable) -> String {
        let told = match unusable {
            Unusable::Refused(_) => {
                return "Please reply to the task above all the same, as far as you can.".to_owned();
            }
            Unusable::CutOff => "Your last reply was cut off because it was too long. Reply again, shorter.".to_owned(),
            Unusable::NoJson(reason) => format!("Your last reply was not JSON: {reason}."),
            Unusable::Faulty { full, .. } => format!("Your last reply cannot be used: {full}."),
        };
        match &self.schema {
            Some((schema, _)) => format!("{told}\n\n{}", crate::provider::instruction(schema)),
            None => told,
        }
    }
}

impl Unusable {
    /// Nothing of the reply is in the words.
    fn faulty(words: &str) -> Self {
        Self::Faulty {
            full: words.to_owned(),
            masked: words.to_owned(),
        }
    }

    /// For people.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Refused(words) => shortened(words),
            Self::CutOff => "the reply was cut off".to_owned(),
            Self::NoJson(reason) => format!("the reply is not JSON: {reason}"),
            Self::Faulty { masked, .. } => masked.clone(),
        }
    }
}

fn checked(validator: &Validator, text: &str) -> Result<Value, Unusable> {
    let parsed: Result<Value, _> = serde_json::from_str(without_fence(text));
    let value = parsed.map_err(|error| Unusable::NoJson(error.to_string()))?;
    let at = |error: &jsonschema::ValidationError<'_>, words: String| {
        format!("at {:?}: {}", error.instance_path().to_string(), shortened(&words))
    };
    let faults: Vec<(String, String)> = validator
        .iter_errors(&value)
        .take(MAX_FAULTS)
        .map(|error| (at(&error, error.to_string()), at(&error, error.masked().to_string())))
        .collect();
    if faults.is_empty() {
        return Ok(value);
    }
    let (full, masked): (Vec<String>, Vec<String>) = faults.into_iter().unzip();
    Err(Unusable::Faulty {
        full: full.join("; "),
        masked: masked.join("; "),
    })
}

/// A fence around the whole reply is how many models write JSON; anything else around it is a fault.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner = fenced
        .and_then(|rest| rest.split_once('\n'))
        .filter(|(info, _)| is_word(info));
    inner.map_or(text, |(_, inner)| inner.trim())
}

fn is_word(info: &str) -> bool {
    info.trim().chars().all(|c| c.is_ascii_alphanumeric())
}

fn call(asked: &AskedCall) -> Result<ToolCall, Unusable> {
    let arguments = asked.arguments.clone().map_err(|reason| {
        Unusable::faulty(&format!(
            "the arguments of {:?} cannot be read: {reason}",
            asked.tool_id
        ))
    })?;
    Ok(ToolCall {
        id: asked.id.clone(),
        tool_id: asked.tool_id.clone(),
        arguments,
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(FAULT_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_fence_around_the_whole_is_taken_away() {
        let schema = json!({"type": "object", "required": ["a"]});
        let validator = jsonschema::validator_for(&schema).unwrap();
        for good in [r#"{"a":1}"#, "```json\n{\"a\":1}\n```", "  ```\n{\"a\":1}```\n"] {
            assert_eq!(checked(&validator, good), Ok(json!({"a": 1})), "{good}");
        }
        for prose in [
            "Here it is: {\"a\":1}",
            "```json\n{\"a\":1}\n```\nHope this helps!",
            "{\"a\":1",
            "{\"a\":1,}",
            "",
        ] {
            assert!(
                matches!(checked(&validator, prose), Err(Unusable::NoJson(_))),
                "{prose}"
            );
        }
        assert!(matches!(checked(&validator, r#"{"b":1}"#), Err(Unusable::Faulty { full, .. }) if full.contains('a')));
    }
}
