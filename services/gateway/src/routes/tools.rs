//! `/tools`: the catalog.

use super::{BASE, reply};
use crate::application::{Application, unreadable};
use crate::body::{JsonBody, OptionalJsonBody};
use crate::caller::Caller;
use crate::catalog::{self, Wanted};
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;

/// The tool a path names.
pub struct ToolId(String);

impl<S: Send + Sync> FromRequestParts<S> for ToolId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        let text = path.map(|path| path.0).unwrap_or_default();
        catalog::tool_id(&text).map(str::to_owned).map(Self)
    }
}

/// A page of the catalog.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    app.tools(caller, Wanted::of(&query)?).await.map(reply::document)
}

/// One tool.
pub async fn show(
    State(app): State<Arc<Application>>,
    caller: Caller,
    ToolId(id): ToolId,
) -> Result<Response, Refusal> {
    app.tool(caller, &id).await.map(reply::document)
}

/// Takes a tool in; 201 means it is durable.
pub async fn register(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let registration = documents::tool::read(body, None)?;
    let registered = app.register_tool(caller, &registration, key).await?;
    let location = format!("{BASE}/tools/{}", registration.tool_id);
    let location = HeaderValue::try_from(location).map_err(|_| unreadable("the tool's id"))?;
    let mut response = reply::json(StatusCode::CREATED, registered.json);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(reply::replayed(response, registered.replayed))
}

/// Replaces the definition of a registered tool.
pub async fn change(
    State(app): State<Arc<Application>>,
    caller: Caller,
    ToolId(id): ToolId,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let registration = documents::tool::read(body, Some(&id))?;
    app.change_tool(caller, &registration).await.map(reply::document)
}

/// Takes a tool out of use.
pub async fn remove(
    State(app): State<Arc<Application>>,
    caller: Caller,
    ToolId(id): ToolId,
) -> Result<Response, Refusal> {
    app.remove_tool(caller, &id).await.map(reply::document)
}

/// Lets plans use a tool as it was seen.
pub async fn approve(
    State(app): State<Arc<Application>>,
    caller: Caller,
    ToolId(id): ToolId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    let seen = documents::tool::read_approval(body)?;
    app.approve_tool(caller, &id, seen).await.map(reply::document)
}

/// Stops plans from using a tool.
pub async fn suspend(
    State(app): State<Arc<Application>>,
    caller: Caller,
    ToolId(id): ToolId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    documents::retry::read_empty(body)?;
    app.suspend_tool(caller, &id).await.map(reply::document)
}

/// Has every executor look again what it can serve.
pub async fn discover(
    State(app): State<Arc<Application>>,
    caller: Caller,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    documents::retry::read_empty(body)?;
    app.discover_tools(caller).await.map(reply::document)
}
