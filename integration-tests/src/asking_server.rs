//! A tool server of the Model Context Protocol, made with the official SDK, whose one tool asks before it goes on.

use axum::Router;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ElicitRequest, ElicitRequestParams, ElicitationSchema,
    InputRequest, InputRequiredResult, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

/// The tool, as plans name it.
pub const TOOL: &str = "shop.order";
/// What it asks.
pub const QUESTION: &str = "Which size?";

/// Bound, but not yet served.
#[derive(Debug)]
pub struct AskingServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl AskingServer {
    /// On a free loopback port.
    ///
    /// # Errors
    /// No port.
    pub fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The configuration of an orchestrator that uses it, TOML.
    pub fn configuration(&self) -> String {
        let url = format!("http://{}/mcp", self.address);
        format!("\n[[mcp_servers]]\nname = \"shop\"\nurl = \"{url}\"\neffects = \"once\"\n")
    }

    /// Serves as long as the runtime lives.
    pub fn serve(self) {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true);
        let service = StreamableHttpService::new(|| Ok(Shop), Arc::<NeverSessionManager>::default(), config);
        let app = Router::new().fallback_service(service);
        tokio::spawn(async move { axum::serve(tokio::net::TcpListener::from_std(self.listener)?, app).await });
    }
}

#[derive(Clone)]
struct Shop;

impl ServerHandler for Shop {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = members(json!({"type": "object", "properties": {"item": {"type": "string"}}}));
        Ok(ListToolsResult::with_all_items(vec![Tool::new(
            "order",
            "Orders an item",
            Arc::new(schema),
        )]))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(answers) = call.input_responses else {
            let requests = BTreeMap::from([("order".to_owned(), question()?)]);
            return Ok(InputRequiredResult::new(Some(requests), Some("opaque".to_owned())).into());
        };
        let told = json!({"arguments": call.arguments, "answers": answers, "state": call.request_state});
        Ok(CallToolResult::structured(told).into())
    }
}

fn question() -> Result<InputRequest, ErrorData> {
    let schema = members(json!({
        "type": "object", "required": ["size"],
        "properties": {"size": {"type": "string", "enum": ["small", "large"]}},
    }));
    let schema = ElicitationSchema::from_json_schema(schema);
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: QUESTION.to_owned(),
        requested_schema: schema.map_err(|error| ErrorData::internal_error(error.to_string(), None))?,
    };
    Ok(InputRequest::Elicitation(ElicitRequest::new(params)))
}

fn members(schema: Value) -> Map<String, Value> {
    schema.as_object().cloned().unwrap_or_default()
}
