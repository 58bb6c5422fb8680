//! Whether a caller's tool can be taken in: its place, its address, its schemas.

use crate::grpc::problems::{self, field};
use contracts::problem::Problem;
use contracts::tools::{Endpoint, Registration};
use outbound::{AllowList, Failure, Unlisted, Url};
use service::config::{Config, RegisteredState, ToolsConfig};
use workflow::schema;
use workflow::tool::ToolSpecification;
use workflow::vocabulary::ToolState;

/// The tool of a document. Its shape was checked by the gateway.
///
/// # Errors
/// 422 at its place.
pub fn specification(registration: &Registration, config: &Config) -> Result<ToolSpecification, Box<Problem>> {
    let (namespace, _) = registration
        .names()
        .ok_or_else(|| unfit("/tool_id", "an id is <namespace>.<name>"))?;
    let mut configured = config.apis.iter().map(|api| &api.name);
    let mut servers = config.mcp_servers.iter().map(|server| &server.name);
    if configured.any(|name| name == namespace) || servers.any(|name| name == namespace) {
        let detail = format!("the tools of {namespace:?} are the configuration's; choose another namespace");
        return Err(unfit("/tool_id", detail));
    }
    address(&registration.endpoint, config)?;
    let spec = registration.specification(&config.worker.pool);
    let schemas = [
        ("/input_schema", &spec.input_schema),
        ("/output_schema", &spec.output_schema),
    ];
    for (pointer, given) in schemas {
        schema::check(given).map_err(|unfit| Box::new(field(422, "schema_rejected", pointer, unfit.to_string())))?;
    }
    Ok(spec)
}

/// The state of a tool that was just registered.
pub fn state(config: &Config) -> ToolState {
    match config.tools.registered {
        RegisteredState::Active => ToolState::Active,
        RegisteredState::AwaitingApproval => ToolState::AwaitingApproval,
    }
}

/// One more may be registered by a tenant that has `own`, where all tenants together have `all`.
///
/// # Errors
/// 409.
pub fn room((own, all): (i64, i64), tools: &ToolsConfig) -> Result<(), Box<Problem>> {
    if own >= i64::from(tools.registered_per_tenant) {
        return Err(Box::new(problems::too_many_tools(tools.registered_per_tenant)));
    }
    match all < i64::from(tools.registered_in_all) {
        true => Ok(()),
        false => Err(Box::new(problems::too_many_tools_in_all())),
    }
}

/// A configured API's, or a public one. Executors judge each call again, and where its name leads.
fn address(endpoint: &Endpoint, config: &Config) -> Result<(), Box<Problem>> {
    if let Some(name) = &endpoint.api {
        let known = config.apis.iter().any(|api| api.name == *name);
        return match known {
            true => Ok(()),
            false => Err(unfit(
                "/endpoint/api",
                format!("there is no API {name:?} in the configuration"),
            )),
        };
    }
    let text = endpoint.url.as_deref().unwrap_or_default();
    let url = Url::parse(text).map_err(|error| unfit("/endpoint/url", format!("not a URL: {error}")))?;
    let judged = AllowList::new(Unlisted::PublicHttps).check(&url);
    judged.map_err(|failure| match failure {
        Failure::AddressBlocked { .. } => {
            let detail = "an internal address; a tool there needs an API of the configuration";
            Box::new(field(422, "address_blocked", "/endpoint/url", detail))
        }
        _ => {
            let detail = "must be https at a public host, without credentials";
            Box::new(field(422, "host_not_allowed", "/endpoint/url", detail))
        }
    })
}

fn unfit(pointer: &str, detail: impl Into<String>) -> Box<Problem> {
    Box::new(field(422, "validation", pointer, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn refused(patch: Value) -> Option<(String, String)> {
        let config: Config = serde_json::from_value(json!({
            "apis": [{ "name": "shop", "base_url": "http://127.0.0.1:1/x" }],
        }))
        .unwrap();
        let mut document = json!({
            "tool_id": "custom.t", "description": "d", "endpoint": { "url": "https://api.example.com/x" },
        });
        for (name, value) in patch.as_object().unwrap() {
            document[name] = value.clone();
        }
        let registration = serde_json::from_value(document).unwrap();
        let problem = specification(&registration, &config).err()?;
        Some((problem.code.clone(), problem.errors[0].pointer.clone()))
    }

    #[test]
    fn a_tool_leads_to_a_configured_api_or_to_a_public_host() {
        assert_eq!(refused(json!({})), None);
        assert_eq!(refused(json!({ "endpoint": { "api": "shop", "path": "/y" } })), None);
        for (patch, code, pointer) in [
            (json!({ "tool_id": "shop.t" }), "validation", "/tool_id"),
            (
                json!({ "endpoint": { "api": "bank", "path": "/" } }),
                "validation",
                "/endpoint/api",
            ),
            (
                json!({ "endpoint": { "url": "https://10.0.0.1/" } }),
                "address_blocked",
                "/endpoint/url",
            ),
            (
                json!({ "endpoint": { "url": "https://0x7f.1/" } }),
                "address_blocked",
                "/endpoint/url",
            ),
            (
                json!({ "endpoint": { "url": "https://db.svc/" } }),
                "address_blocked",
                "/endpoint/url",
            ),
            (
                json!({ "endpoint": { "url": "http://api.example.com/" } }),
                "host_not_allowed",
                "/endpoint/url",
            ),
            (
                json!({ "endpoint": { "url": "https://u:p@api.example.com/" } }),
                "host_not_allowed",
                "/endpoint/url",
            ),
            (
                json!({ "endpoint": { "url": "nowhere" } }),
                "validation",
                "/endpoint/url",
            ),
            (
                json!({ "input_schema": { "$ref": "https://api.example.com/s.json" } }),
                "schema_rejected",
                "/input_schema",
            ),
            (
                json!({ "input_schema": { "properties": { "a": { "pattern": "^(?=(a+))\\1b$" } } } }),
                "schema_rejected",
                "/input_schema",
            ),
            (
                json!({ "input_schema": { "$ref": "#/$defs/a", "$defs": { "a": { "items": { "$ref": "#/$defs/a" } } } } }),
                "schema_rejected",
                "/input_schema",
            ),
            (
                json!({ "output_schema": { "type": "number of things" } }),
                "schema_rejected",
                "/output_schema",
            ),
        ] {
            assert_eq!(
                refused(patch.clone()),
                Some((code.to_owned(), pointer.to_owned())),
                "{patch}"
            );
        }
    }
}
