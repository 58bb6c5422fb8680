//! `orchestrator.v1.ToolService`, over the same application and the same checks as REST.

use super::orchestrator::{answer, caller};
use crate::application::{Application, Page, unreadable};
use crate::caller::Caller;
use crate::catalog::{Wanted, tool_id};
use crate::documents;
use crate::idempotency::{IdempotencyKey, KEY};
use crate::json;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, invalid_cursor, unfit};
use crate::refusal::Refusal;
use contracts::coordinator::Document;
use contracts::v1::tool_service_server::ToolService;
use contracts::v1::{
    ApproveToolRequest, ChangeToolRequest, DiscoverToolsRequest, Discovery, GetToolRequest, ListToolsRequest,
    RegisterToolRequest, RemoveToolRequest, SuspendToolRequest, Tool, ToolList,
};
use serde_json::Value;
use std::sync::Arc;
use tonic::{Request, Response, Status};

const MAX_CURSOR: usize = 4096;

/// The service.
pub struct Tools {
    app: Arc<Application>,
}

impl Tools {
    /// Over `app`.
    pub fn new(app: Arc<Application>) -> Self {
        Self { app }
    }

    async fn list(&self, caller: Caller, request: ListToolsRequest) -> Result<ToolList, Refusal> {
        let document = self.app.tools(caller, wanted(request)?).await?;
        let page: Value = parsed(&document.json)?;
        let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
        Ok(ToolList {
            tools: items.map(|tool| message(tool, false)).collect(),
            next_cursor: text(&page, "next_cursor"),
            document_json: document.json,
        })
    }

    async fn register(
        &self,
        caller: Caller,
        key: Option<Vec<u8>>,
        request: RegisterToolRequest,
    ) -> Result<Tool, Refusal> {
        let key = IdempotencyKey::parse(key.as_deref())?;
        let body = json::read_object(request.document_json.as_bytes(), self.app.limits.json_depth)?;
        let registration = documents::tool::read(body, None)?;
        tool(&self.app.register_tool(caller, &registration, key).await?)
    }

    async fn change(&self, caller: Caller, request: ChangeToolRequest) -> Result<Tool, Refusal> {
        let id = tool_id(&request.tool_id)?;
        let body = json::read_object(request.document_json.as_bytes(), self.app.limits.json_depth)?;
        let registration = documents::tool::read(body, Some(id))?;
        tool(&self.app.change_tool(caller, &registration).await?)
    }

    async fn approve(&self, caller: Caller, request: ApproveToolRequest) -> Result<Tool, Refusal> {
        let id = tool_id(&request.tool_id)?;
        let hash = Some(request.version_hash).filter(|hash| !hash.is_empty());
        if hash.as_ref().is_some_and(|hash| hash.len() > 64) {
            return Err(unfit("version_hash", "must have 1 to 64 characters".to_owned()));
        }
        tool(&self.app.approve_tool(caller, id, hash).await?)
    }

    async fn discover(&self, caller: Caller) -> Result<Discovery, Refusal> {
        let found: Value = parsed(&self.app.discover_tools(caller).await?.json)?;
        let count = |name: &str| {
            let count = found.get(name).and_then(Value::as_u64).unwrap_or_default();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        Ok(Discovery {
            discovered: count("discovered"),
            changed: count("changed"),
            suspended: count("suspended"),
            tools: count("tools"),
            complete: flag(&found, "complete"),
        })
    }

    async fn show(&self, caller: Caller, id: &str) -> Result<Tool, Refusal> {
        tool(&self.app.tool(caller, tool_id(id)?).await?)
    }

    async fn remove(&self, caller: Caller, id: &str) -> Result<Tool, Refusal> {
        tool(&self.app.remove_tool(caller, tool_id(id)?).await?)
    }

    async fn suspend(&self, caller: Caller, id: &str) -> Result<Tool, Refusal> {
        tool(&self.app.suspend_tool(caller, tool_id(id)?).await?)
    }
}

#[tonic::async_trait]
impl ToolService for Tools {
    async fn list_tools(&self, request: Request<ListToolsRequest>) -> Result<Response<ToolList>, Status> {
        let caller = caller(&request);
        answer(caller, self.list(caller, request.into_inner()).await)
    }

    async fn get_tool(&self, request: Request<GetToolRequest>) -> Result<Response<Tool>, Status> {
        let caller = caller(&request);
        answer(caller, self.show(caller, &request.into_inner().tool_id).await)
    }

    async fn register_tool(&self, request: Request<RegisterToolRequest>) -> Result<Response<Tool>, Status> {
        let caller = caller(&request);
        let key = request.metadata().get(KEY).map(|value| value.as_bytes().to_vec());
        answer(caller, self.register(caller, key, request.into_inner()).await)
    }

    async fn change_tool(&self, request: Request<ChangeToolRequest>) -> Result<Response<Tool>, Status> {
        let caller = caller(&request);
        answer(caller, self.change(caller, request.into_inner()).await)
    }

    async fn remove_tool(&self, request: Request<RemoveToolRequest>) -> Result<Response<Tool>, Status> {
        let caller = caller(&request);
        answer(caller, self.remove(caller, &request.into_inner().tool_id).await)
    }

    async fn approve_tool(&self, request: Request<ApproveToolRequest>) -> Result<Response<Tool>, Status> {
        let caller = caller(&request);
        answer(caller, self.approve(caller, request.into_inner()).await)
    }

    async fn suspend_tool(&self, request: Request<SuspendToolRequest>) -> Result<Response<Tool>, Status> {
        let caller = caller(&request);
        answer(caller, self.suspend(caller, &request.into_inner().tool_id).await)
    }

    async fn discover_tools(&self, request: Request<DiscoverToolsRequest>) -> Result<Response<Discovery>, Status> {
        let caller = caller(&request);
        answer(caller, self.discover(caller).await)
    }
}

/// Held to what REST's query parameters are.
fn wanted(request: ListToolsRequest) -> Result<Wanted, Refusal> {
    let limit = match request.limit {
        0 => DEFAULT_LIMIT,
        limit if limit <= MAX_LIMIT => limit,
        _ => return Err(unfit("limit", format!("must be an integer from 1 to {MAX_LIMIT}"))),
    };
    if request.cursor.len() > MAX_CURSOR || !request.cursor.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid_cursor());
    }
    for (name, text) in [("q", &request.q), ("category", &request.category)] {
        if text.chars().nth(200).is_some() || text.contains('\0') {
            return Err(unfit(name, "must have at most 200 characters, and no NUL".to_owned()));
        }
    }
    Wanted {
        page: Page {
            limit,
            cursor: request.cursor,
        },
        q: request.q,
        category: request.category,
        source: request.source,
        state: request.state,
        available: request.available,
    }
    .checked()
}

fn tool(document: &Document) -> Result<Tool, Refusal> {
    Ok(message(&parsed(&document.json)?, document.replayed))
}

fn message(document: &Value, replayed: bool) -> Tool {
    let pending = document.get("pending").map(|pending| text(pending, "version_hash"));
    Tool {
        tool_id: text(document, "tool_id"),
        name: text(document, "name"),
        description: text(document, "description"),
        category: text(document, "category"),
        source: text(document, "source"),
        effects: text(document, "effects"),
        state: text(document, "state"),
        available: flag(document, "available"),
        version_hash: text(document, "version_hash"),
        requires_approval: flag(document, "requires_approval"),
        pending_version_hash: pending.unwrap_or_default(),
        replayed,
        document_json: document.to_string(),
    }
}

fn parsed(json: &str) -> Result<Value, Refusal> {
    serde_json::from_str(json).map_err(|_| unreadable("the catalog"))
}

fn flag(document: &Value, name: &str) -> bool {
    document.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn text(document: &Value, name: &str) -> String {
    let text = document.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
