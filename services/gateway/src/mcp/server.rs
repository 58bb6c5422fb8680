//! What the protocol asks of a server.

use super::tools::Tool;
use super::{answer, caller, decisions, tasks};
use crate::application::Application;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CustomRequest, CustomResult, ErrorCode,
    GetTaskParams, GetTaskResult, Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use std::sync::Arc;

const INSTRUCTIONS: &str = "Takes a request in one sentence, plans the steps and the tools for it, runs them, judges \
     the result and publishes it after a person approved. Begin with start_request; get_status tells how far a \
     request is and list_approvals what waits for a person.";

/// How long a client may keep the list of tools: it changes with the version and the configuration alone.
const TOOLS_TTL_MS: u64 = 3_600_000;

/// Methods that are known and come here when their parameters cannot be read.
const KNOWN: [&str; 6] = [
    HANDSHAKE,
    "tools/list",
    "tools/call",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
];
const HANDSHAKE: &str = "initialize";

/// One for every request; holds nothing of its own.
#[derive(Clone)]
pub struct Server {
    app: Arc<Application>,
    /// As they are listed.
    tools: Arc<[rmcp::model::Tool]>,
}

impl Server {
    /// In front of `app`.
    pub fn new(app: Arc<Application>) -> Self {
        let offered = Tool::ALL.into_iter().filter(|tool| tool.is_offered(app.mcp.decisions));
        let tools = offered.map(Tool::definition).collect();
        Self { app, tools }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tasks().build();
        let ourselves =
            Implementation::new("orchestrator", env!("CARGO_PKG_VERSION")).with_title("Intelligent Orchestrator");
        ServerConfig::new(capabilities)
            .with_server_info(ourselves)
            .with_instructions(format!(
                "{INSTRUCTIONS} {}",
                decisions::instructions(self.app.mcp.decisions)
            ))
    }

    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        self.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if page.is_some_and(|page| page.cursor.is_some()) {
            let detail = "the cursor is not one that a page of this list gave";
            return Err(ErrorData::invalid_params(detail, None));
        }
        let mut list = ListToolsResult::with_all_items(self.tools.to_vec());
        list.ttl_ms = Some(TOOLS_TTL_MS);
        list.cache_scope = Some(CacheScope::Public);
        Ok(list)
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = Tool::named(&call.name) else {
            let name: String = call.name.chars().take(100).collect();
            return Err(ErrorData::invalid_params(format!("unknown tool {name:?}"), None));
        };
        let caller = caller::of(&context);
        let arguments = call.arguments.unwrap_or_default();
        if tool == Tool::StartRequest && tasks::are_declared(&context) {
            return Ok(tasks::start(&self.app, caller, arguments).await);
        }
        let answered = tool.run(&self.app, caller, arguments).await;
        Ok(answer::result(answered, caller).into())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let caller = caller::of(&context);
        let may_ask = tasks::can_be_asked(&context);
        tasks::get(&self.app, caller, &request.task_id, may_ask)
            .await
            .map(GetTaskResult::new)
            .map_err(|refusal| answer::error(refusal, caller))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = caller::of(&context);
        tasks::update(&self.app, caller, &request.task_id, request.input_responses)
            .await
            .map_err(|refusal| answer::error(refusal, caller))
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = caller::of(&context);
        tasks::cancel(&self.app, caller, &request.task_id)
            .await
            .map_err(|refusal| answer::error(refusal, caller))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        // Revisions whose requests name their version have no handshake.
        let is_gone = method == HANDSHAKE && context.meta.protocol_version().is_some();
        if !is_gone && KNOWN.contains(&method.as_str()) {
            return Err(ErrorData::invalid_params(
                format!("the parameters of {method} have not the shape they must have"),
                None,
            ));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }
}
