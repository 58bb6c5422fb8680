//! A catalog in memory: one found tool, `shop.stock`, and what is registered.

use super::coordinator::{FakeCoordinator, document};
use contracts::coordinator::tool_service_server::ToolService;
use contracts::coordinator::*;
use contracts::problem::Problem;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tonic::{Request, Response, Status};

#[derive(Default)]
pub struct FakeCatalog {
    pub lists: Mutex<Vec<ListCatalogRequest>>,
    pub approvals: Mutex<Vec<ApproveToolRequest>>,
    pub registered: Mutex<BTreeMap<String, Value>>,
}

impl FakeCatalog {
    fn find(&self, id: &str) -> Result<Value, Status> {
        if id == "shop.stock" {
            return Ok(
                json!({"tool_id": id, "category": "api", "state": "active", "available": true,
                "pending": {"version_hash": "00ff"}}),
            );
        }
        let registered = self.registered.lock().unwrap().get(id).cloned();
        registered.ok_or_else(|| Problem::new(404, "tool_not_found", "no such tool").to_status())
    }

    fn with_state(&self, id: &str, state: &str) -> Result<Response<Document>, Status> {
        let mut tool = self.find(id)?;
        tool["state"] = json!(state);
        document(tool)
    }
}

#[tonic::async_trait]
impl ToolService for FakeCoordinator {
    async fn list_catalog(&self, request: Request<ListCatalogRequest>) -> Result<Response<Document>, Status> {
        let first = request.get_ref().cursor.is_empty();
        self.catalog.lists.lock().unwrap().push(request.into_inner());
        match first {
            true => document(json!({"items": [{"tool_id": "null"}], "next_cursor": "more"})),
            false => document(json!({"items": [self.catalog.find("shop.stock")?], "next_cursor": null})),
        }
    }

    async fn get_tool(&self, request: Request<ToolRequest>) -> Result<Response<Document>, Status> {
        document(self.catalog.find(&request.into_inner().tool_id)?)
    }

    async fn register_tool(&self, request: Request<RegisterToolRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        let tool: Value = serde_json::from_str(&request.registration_json).unwrap();
        let id = tool["tool_id"].as_str().unwrap().to_owned();
        let mut registered = self.catalog.registered.lock().unwrap();
        let replayed = registered.contains_key(&id);
        if replayed && request.idempotency_key.is_empty() {
            return Err(Problem::new(409, "tool_exists", "taken").to_status());
        }
        registered.insert(id, tool.clone());
        let mut answer = document(tool)?;
        answer.get_mut().replayed = replayed;
        Ok(answer)
    }

    async fn change_tool(&self, request: Request<ChangeToolRequest>) -> Result<Response<Document>, Status> {
        let tool: Value = serde_json::from_str(&request.into_inner().registration_json).unwrap();
        let id = tool["tool_id"].as_str().unwrap();
        if id == "shop.stock" {
            return Err(Problem::new(409, "tool_not_registered", "found").to_status());
        }
        self.catalog.find(id)?;
        document(tool)
    }

    async fn remove_tool(&self, request: Request<ToolRequest>) -> Result<Response<Document>, Status> {
        self.catalog.with_state(&request.into_inner().tool_id, "removed")
    }

    async fn approve_tool(&self, request: Request<ApproveToolRequest>) -> Result<Response<Document>, Status> {
        let request = request.into_inner();
        self.catalog.approvals.lock().unwrap().push(request.clone());
        self.catalog.with_state(&request.tool_id, "active")
    }

    async fn suspend_tool(&self, request: Request<ToolRequest>) -> Result<Response<Document>, Status> {
        self.catalog.with_state(&request.into_inner().tool_id, "suspended")
    }

    async fn discover_tools(&self, _: Request<DiscoverToolsRequest>) -> Result<Response<Document>, Status> {
        document(json!({"discovered": 1, "changed": 2, "suspended": 3, "tools": 4, "complete": true}))
    }
}
