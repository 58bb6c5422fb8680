//! ToolService: the catalog as people see and change it, each tenant its part.

mod changing;
mod discovering;
mod looking;

use super::asking;
use crate::writer::Shared;
use contracts::coordinator::tool_service_server::ToolService;
use contracts::coordinator::{
    ApproveToolRequest, ChangeToolRequest, DiscoverToolsRequest, Document, ListCatalogRequest, RegisterToolRequest,
    ToolRequest,
};
use service::config::Config;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The service.
pub struct Tools {
    pub shared: Arc<Shared>,
    pub config: Arc<Config>,
}

#[tonic::async_trait]
impl ToolService for Tools {
    async fn list_catalog(&self, request: Request<ListCatalogRequest>) -> Result<Response<Document>, Status> {
        self.page(request.into_inner()).await
    }

    async fn get_tool(&self, request: Request<ToolRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        let caller = asking::caller(request.caller)?;
        self.document(&caller.tenant, &request.tool_id, false).await
    }

    async fn register_tool(&self, request: Request<RegisterToolRequest>) -> Result<Response<Document>, Status> {
        self.register(request.into_inner()).await
    }

    async fn change_tool(&self, request: Request<ChangeToolRequest>) -> Result<Response<Document>, Status> {
        self.change(request.into_inner()).await
    }

    async fn remove_tool(&self, request: Request<ToolRequest>) -> Result<Response<Document>, Status> {
        self.remove(request.into_inner()).await
    }

    async fn approve_tool(&self, request: Request<ApproveToolRequest>) -> Result<Response<Document>, Status> {
        self.approve(request.into_inner()).await
    }

    async fn suspend_tool(&self, request: Request<ToolRequest>) -> Result<Response<Document>, Status> {
        self.suspend(request.into_inner()).await
    }

    async fn discover_tools(&self, request: Request<DiscoverToolsRequest>) -> Result<Response<Document>, Status> {
        self.discover(request.into_inner()).await
    }
}

#[cfg(test)]
mod tests;
