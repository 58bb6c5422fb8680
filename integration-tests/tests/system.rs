//! The whole system with real processes, real NATS and Postgres. One test a group of behaviours, because
//! starting a system takes seconds; a group's behaviours are told apart in its output.

#![expect(
    clippy::indexing_slicing,
    reason = "a document that lacks what it should have fails the test"
)]

#[path = "system/api_changes.rs"]
mod api_changes;
#[path = "system/asking.rs"]
mod asking;
#[path = "system/budgets.rs"]
mod budgets;
#[path = "system/chaos_short.rs"]
mod chaos_short;
#[path = "system/contract.rs"]
mod contract;
#[path = "system/data.rs"]
mod data;
#[path = "system/erasure.rs"]
mod erasure;
#[path = "system/errors.rs"]
mod errors;
#[path = "system/events.rs"]
mod events;
#[path = "system/fairness.rs"]
mod fairness;
#[path = "system/group.rs"]
mod group;
#[path = "system/hints.rs"]
mod hints;
#[path = "system/http_apis.rs"]
mod http_apis;
#[path = "system/injection.rs"]
mod injection;
#[path = "system/injection_mcp.rs"]
mod injection_mcp;
#[path = "system/judges.rs"]
mod judges;
#[path = "system/learning.rs"]
mod learning;
#[path = "system/lifecycle.rs"]
mod lifecycle;
#[path = "system/mcp.rs"]
mod mcp;
#[path = "system/mcp_changes.rs"]
mod mcp_changes;
#[path = "system/mcp_live.rs"]
mod mcp_live;
#[path = "system/mcp_questions.rs"]
mod mcp_questions;
#[path = "system/mcp_servers.rs"]
mod mcp_servers;
#[path = "system/mcp_tokens.rs"]
mod mcp_tokens;
#[path = "system/model_files.rs"]
mod model_files;
#[path = "system/models.rs"]
mod models;
#[path = "system/out_of_use.rs"]
mod out_of_use;
#[path = "system/own_model.rs"]
mod own_model;
#[path = "system/plans.rs"]
mod plans;
#[path = "system/preferences.rs"]
mod preferences;
#[path = "system/readme.rs"]
mod readme;
#[path = "system/remembered.rs"]
mod remembered;
#[path = "system/repair.rs"]
mod repair;
#[path = "system/replicas.rs"]
mod replicas;
#[path = "system/rollouts.rs"]
mod rollouts;
#[path = "system/telemetry.rs"]
mod telemetry;
#[path = "system/tenant_budgets.rs"]
mod tenant_budgets;
#[path = "system/tools.rs"]
mod tools;
#[path = "system/webhooks.rs"]
mod webhooks;
