//! Outputs of an endpoint, taken from its answers.

use super::request::UnusableEndpoint;
use crate::failure::RunFailure;
use serde_json::Value;
use service::config::EndpointConfig;

/// Reads answers of one endpoint.
pub struct Answers {
    pointer: String,
    schema: Option<jsonschema::Validator>,
}

impl Answers {
    pub fn new(endpoint: &EndpointConfig) -> Result<Self, UnusableEndpoint> {
        let schema = match &endpoint.output_schema {
            Value::Bool(true) => None,
            schema => {
                let compiled = jsonschema::validator_for(schema);
                Some(compiled.map_err(|error| UnusableEndpoint::OutputSchema(error.to_string()))?)
            }
        };
        Ok(Self {
            pointer: endpoint.output_pointer.clone().unwrap_or_default(),
            schema,
        })
    }

    /// The output within a recorded answer `{status, body}`.
    ///
    /// # Errors
    /// `tool_bad_response`; repeated only where the call was `read_only`, since an effect that happened
    /// answers the same again.
    pub fn output(&self, answer: &Value, read_only: bool) -> Result<Value, RunFailure> {
        self.read(answer, read_only).map_err(|(code, message)| RunFailure {
            retryable: read_only,
            ..RunFailure::permanent(code, message)
        })
    }

    /// JSON Pointer to the output within an answer.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Checks an output that was put together.
    ///
    /// # Errors
    /// `tool_bad_response`.
    pub fn checked(&self, output: Value) -> Result<Value, RunFailure> {
        match self.misfit(&output) {
            Some(message) => Err(RunFailure::transient("tool_bad_response", message)),
            None => Ok(output),
        }
    }

    fn misfit(&self, output: &Value) -> Option<String> {
        let error = self.schema.as_ref()?.validate(output).err()?;
        Some(format!("the answer does not fit the output schema: {error}"))
    }

    fn read(&self, answer: &Value, read_only: bool) -> Result<Value, (&'static str, String)> {
        let bad = |message: &str| ("tool_bad_response", message.to_owned());
        if answer.get("too_large").is_some() {
            return Err((
                "tool_response_too_large",
                "it was done, but the answer is too long".to_owned(),
            ));
        }
        let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
        let no_content = answer.get("status").and_then(Value::as_u64) == Some(204);
        // Who only acts need not say anything.
        let document = if no_content || (!read_only && body.trim().is_empty()) {
            Value::Null
        } else {
            serde_json::from_str::<Value>(body).map_err(|_| bad("the answer is not JSON"))?
        };
        let output = document
            .pointer(&self.pointer)
            .ok_or_else(|| bad(&format!("the answer has nothing at `{}`", self.pointer)))?;
        match self.misfit(output) {
            Some(message) => Err(bad(&message)),
            None => Ok(output.clone()),
        }
    }
}
