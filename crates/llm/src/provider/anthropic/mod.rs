//! Servers that speak Anthropic's Messages.

mod request;
mod response;
mod stream;

use super::{Assembler, Completion, Exchange, Fault, Form, InvalidKey, Protocol, header};
use outbound::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// Where Anthropic itself is.
pub(crate) const BASE_URL: &str = "https://api.anthropic.com";

const VERSION: &str = "2023-06-01";
/// The tool whose arguments are the reply, where the form is a tool.
const REPLY_TOOL: &str = "reply_with_json";

/// Messages.
pub(crate) struct Anthropic;

impl Protocol for Anthropic {
    fn path(&self, base: &str) -> &'static str {
        if base.trim_end_matches('/').ends_with("/v1") {
            "messages"
        } else {
            "v1/messages"
        }
    }

    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidKey> {
        let mut headers = HeaderMap::new();
        let version = HeaderName::from_static("anthropic-version");
        headers.insert(version, HeaderValue::from_static(VERSION));
        if let Some(key) = key {
            headers.insert(HeaderName::from_static("x-api-key"), header(key)?);
        }
        Ok(headers)
    }

    /// Newer models refuse a forced tool, older servers know no format of the output.
    fn forms(&self) -> &'static [Form] {
        &[Form::Native, Form::Tool, Form::Prompt]
    }

    fn request(&self, exchange: &Exchange<'_>) -> Value {
        request::body(exchange)
    }

    fn completion(&self, exchange: &Exchange<'_>, answer: &Value) -> Result<Completion, Fault> {
        response::completion(exchange, answer)
    }

    fn assembler(&self) -> Box<dyn Assembler> {
        Box::new(stream::Blocks::default())
    }
}
