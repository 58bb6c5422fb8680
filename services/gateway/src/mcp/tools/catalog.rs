//! `list_tools`: what plans can be made of.

use super::approvals::{one_page, page_of};
use super::{Described, read, reads};
use crate::application::Application;
use crate::caller::Caller;
use crate::documents::arguments;
use crate::refusal::Refusal;
use serde_json::{Map, Value, json};

pub fn described() -> Described {
    Described {
        title: "Tools that plans can use",
        does: "The orchestrator's own catalog of tools: for a plan sent with start_request. They cannot be called \
               from here.",
        input: one_page(),
        output: page_of(&json!({
            "type": "object",
            "required": ["tool_id"],
            "properties": {"tool_id": {"type": "string"}},
        })),
        hints: reads(),
    }
}

pub async fn run(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let page = arguments::page(arguments)?;
    read(&app.tools(caller, page).await?, "the catalog")
}
