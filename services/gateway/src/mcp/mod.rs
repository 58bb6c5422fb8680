//! The orchestrator as an MCP server: `/mcp`, streamable HTTP without sessions.
//!
//! A request carries all that is needed to answer it, and tasks live with the coordinator: any replica answers any
//! request. Both the stateless revision and those that begin with a handshake are spoken.

mod answer;
mod caller;
mod decisions;
mod front;
mod server;
mod tasks;
mod tools;

use crate::application::Application;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::any;
use std::sync::Arc;

/// Where it is served, at the root.
const PATH: &str = "/mcp";

/// The route, unless it is switched off.
pub fn router(app: &Arc<Application>) -> Router<Arc<Application>> {
    if !app.mcp.enabled {
        return Router::new();
    }
    let endpoint = front::endpoint(app);
    let serve =
        move |State(app): State<Arc<Application>>, request: Request| front::serve(endpoint.clone(), app, request);
    Router::new().route(PATH, any(serve))
}
