//! Servers that speak OpenAI's Chat Completions: OpenAI, vLLM, llama.cpp, Ollama, LM Studio, OpenRouter …

mod request;
mod response;
mod stream;

use super::{Assembler, Completion, Exchange, Fault, Form, InvalidKey, Protocol, header};
use outbound::{HeaderMap, Url, header as names};
use request::Bound;
use serde_json::Value;

/// Where OpenAI itself is.
pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";

/// Chat Completions.
pub(crate) struct OpenAi {
    /// It is OpenAI's own: its models take no `max_tokens`, other servers know nothing else.
    own: bool,
}

impl OpenAi {
    /// For the server at `base_url`.
    pub(crate) fn at(base_url: &Url) -> Self {
        let own = base_url
            .host_str()
            .is_some_and(|host| host.ends_with("openai.com") || host.ends_with("openai.azure.com"));
        Self { own }
    }
}

impl Protocol for OpenAi {
    fn path(&self, _base: &str) -> &'static str {
        "chat/completions"
    }

    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidKey> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(names::AUTHORIZATION, header(&format!("Bearer {key}"))?);
        }
        Ok(headers)
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Native, Form::SchemaBeside, Form::Json, Form::Prompt]
    }

    fn request(&self, exchange: &Exchange<'_>) -> Value {
        let bound = if self.own == exchange.bound_renamed {
            Bound::MaxTokens
        } else {
            Bound::MaxCompletionTokens
        };
        request::body(exchange, bound)
    }

    fn completion(&self, exchange: &Exchange<'_>, answer: &Value) -> Result<Completion, Fault> {
        response::completion(exchange, answer)
    }

    fn assembler(&self) -> Box<dyn Assembler> {
        Box::new(stream::Chunks::default())
    }
}
