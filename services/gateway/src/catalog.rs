//! The tool catalog, for REST and gRPC alike. Documents come in checked; the coordinator judges them.

use crate::application::{Application, Page, to_json};
use crate::caller::Caller;
use crate::coordinator::{Repeat, ToolClient};
use crate::idempotency::IdempotencyKey;
use crate::query::{Parameters, unfit};
use crate::refusal::Refusal;
use contracts::coordinator::{
    ApproveToolRequest, ChangeToolRequest, DiscoverToolsRequest, Document, ListCatalogRequest, RegisterToolRequest,
    ToolRequest,
};
use contracts::tools::Registration;
use workflow::hash::Fingerprint;
use workflow::tool::ToolSource;
use workflow::vocabulary::ToolState;

const QUERY_CHARACTERS: usize = 200;
/// Bytes of an id.
const MAX_TOOL_ID: usize = 200;

/// Which tools, and which page of them. Empty texts match all.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which part of the list.
    pub page: Page,
    /// Words of id, name or description.
    pub q: String,
    /// Of this category.
    pub category: String,
    /// builtin | mcp | api
    pub source: String,
    /// A state; empty: all but removed ones.
    pub state: String,
    /// Whether some live executor serves it.
    pub available: Option<bool>,
}

impl From<Page> for Wanted {
    /// All of them.
    fn from(page: Page) -> Self {
        Self {
            page,
            q: String::new(),
            category: String::new(),
            source: String::new(),
            state: String::new(),
            available: None,
        }
    }
}

impl Wanted {
    /// Of a query.
    ///
    /// # Errors
    /// As [`Page::of`]; 422 for what no tool can be.
    pub fn of(query: &Parameters) -> Result<Self, Refusal> {
        let available = match query.get("available") {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(unfit("available", "must be true or false".to_owned())),
        };
        Self {
            page: Page::of(query)?,
            q: query.text("q", QUERY_CHARACTERS)?,
            category: query.text("category", QUERY_CHARACTERS)?,
            source: query.text("source", QUERY_CHARACTERS)?,
            state: query.text("state", QUERY_CHARACTERS)?,
            available,
        }
        .checked()
    }

    /// Holds `source` and `state` to their closed lists.
    ///
    /// # Errors
    /// 422.
    pub fn checked(self) -> Result<Self, Refusal> {
        let sources = [ToolSource::Builtin, ToolSource::Mcp, ToolSource::Api].map(ToolSource::as_str);
        if !self.source.is_empty() && !sources.contains(&self.source.as_str()) {
            return Err(unfit("source", format!("must be one of {}", sources.join(", "))));
        }
        if !self.state.is_empty() && ToolState::parse(&self.state).is_none() {
            let states: Vec<_> = ToolState::ALL.iter().map(|state| state.as_str()).collect();
            return Err(unfit("state", format!("must be one of {}", states.join(", "))));
        }
        Ok(self)
    }
}

/// An id of a path or message.
///
/// # Errors
/// 400 `invalid_id`.
pub fn tool_id(text: &str) -> Result<&str, Refusal> {
    if text.is_empty() || text.len() > MAX_TOOL_ID || text.chars().any(char::is_control) {
        let detail = "a tool_id has 1 to 200 readable characters";
        return Err(Refusal::new(400, "invalid_id", detail));
    }
    Ok(text)
}

impl Application {
    /// A page of the catalog, by id.
    ///
    /// # Errors
    /// What the coordinator refuses; 503 when it does not answer.
    pub async fn tools(&self, caller: Caller, wanted: impl Into<Wanted>) -> Result<Document, Refusal> {
        let wanted = wanted.into();
        let request = ListCatalogRequest {
            caller: Some(caller.to_message()),
            limit: wanted.page.limit,
            cursor: wanted.page.cursor,
            q: wanted.q,
            category: wanted.category,
            source: wanted.source,
            state: wanted.state,
            available: wanted.available,
        };
        let call = |mut client: ToolClient, request| async move { client.list_catalog(request).await };
        self.coordinator.ask_tools(Repeat::Safe, request, call).await
    }

    /// One tool.
    ///
    /// # Errors
    /// 404 `tool_not_found`; else as [`Self::tools`].
    pub async fn tool(&self, caller: Caller, tool_id: &str) -> Result<Document, Refusal> {
        let call = |mut client: ToolClient, request| async move { client.get_tool(request).await };
        self.coordinator
            .ask_tools(Repeat::Safe, named(caller, tool_id), call)
            .await
    }

    /// Takes a caller's tool into the catalog; answered after it is durable.
    ///
    /// # Errors
    /// 409 `tool_exists`, 422; else as [`Self::tools`].
    pub async fn register_tool(
        &self,
        caller: Caller,
        registration: &Registration,
        key: IdempotencyKey,
    ) -> Result<Document, Refusal> {
        let registration_json = to_json(registration)?;
        let repeat = if key.0.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let request = RegisterToolRequest {
            caller: Some(caller.to_message()),
            body_hash: Fingerprint::of([registration_json.as_bytes()]).to_string(),
            registration_json,
            idempotency_key: key.0.unwrap_or_default(),
        };
        let call = |mut client: ToolClient, request| async move { client.register_tool(request).await };
        self.coordinator.ask_tools(repeat, request, call).await
    }

    /// Replaces the definition of a registered tool.
    ///
    /// # Errors
    /// 404 `tool_not_found`, 409 `tool_not_registered`, 422; else as [`Self::tools`].
    pub async fn change_tool(&self, caller: Caller, registration: &Registration) -> Result<Document, Refusal> {
        let request = ChangeToolRequest {
            caller: Some(caller.to_message()),
            registration_json: to_json(registration)?,
        };
        // The second time nothing changes.
        let call = |mut client: ToolClient, request| async move { client.change_tool(request).await };
        self.coordinator.ask_tools(Repeat::Safe, request, call).await
    }

    /// Takes a tool out of use.
    ///
    /// # Errors
    /// 404 `tool_not_found`; else as [`Self::tools`].
    pub async fn remove_tool(&self, caller: Caller, tool_id: &str) -> Result<Document, Refusal> {
        let call = |mut client: ToolClient, request| async move { client.remove_tool(request).await };
        self.coordinator
            .ask_tools(Repeat::Safe, named(caller, tool_id), call)
            .await
    }

    /// Lets plans use a tool as it was seen; `version_hash`: the definition that was looked at.
    ///
    /// # Errors
    /// 404 `tool_not_found`, 409 `approval_stale`; else as [`Self::tools`].
    pub async fn approve_tool(
        &self,
        caller: Caller,
        tool_id: &str,
        version_hash: Option<String>,
    ) -> Result<Document, Refusal> {
        let request = ApproveToolRequest {
            caller: Some(caller.to_message()),
            tool_id: tool_id.to_owned(),
            version_hash: version_hash.unwrap_or_default(),
        };
        let call = |mut client: ToolClient, request| async move { client.approve_tool(request).await };
        self.coordinator.ask_tools(Repeat::Unsafe, request, call).await
    }

    /// Stops plans from using a tool.
    ///
    /// # Errors
    /// 404 `tool_not_found`, 409 `tool_removed`; else as [`Self::tools`].
    pub async fn suspend_tool(&self, caller: Caller, tool_id: &str) -> Result<Document, Refusal> {
        let call = |mut client: ToolClient, request| async move { client.suspend_tool(request).await };
        self.coordinator
            .ask_tools(Repeat::Safe, named(caller, tool_id), call)
            .await
    }

    /// Has every executor look again what it can serve.
    ///
    /// # Errors
    /// As [`Self::tools`].
    pub async fn discover_tools(&self, caller: Caller) -> Result<Document, Refusal> {
        let request = DiscoverToolsRequest {
            caller: Some(caller.to_message()),
        };
        let call = |mut client: ToolClient, request| async move { client.discover_tools(request).await };
        self.coordinator.ask_tools(Repeat::Safe, request, call).await
    }
}

fn named(caller: Caller, tool_id: &str) -> ToolRequest {
    ToolRequest {
        caller: Some(caller.to_message()),
        tool_id: tool_id.to_owned(),
    }
}
