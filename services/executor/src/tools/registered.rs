//! Tools that callers registered: endpoints, made from the documents the coordinator keeps.

use super::Offer;
use super::http_endpoint::{self, UnusableApi};
use super::served::Served;
use contracts::tools::{Endpoint, Registration};
use serde_json::{Value, json};
use service::config::{ApiConfig, Config};
use workflow::tool::SchemaRejected;

/// A registered tool that this executor cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not a document of this build.
    #[error("the document cannot be read")]
    Document(#[from] serde_json::Error),
    /// Not an id, or not an address.
    #[error("{0}")]
    Place(&'static str),
    /// The API it belongs to is not configured here.
    #[error("there is no API `{0}` in the configuration")]
    Api(String),
    /// The endpoint.
    #[error(transparent)]
    Endpoint(#[from] UnusableApi),
    /// A schema.
    #[error(transparent)]
    Schema(#[from] SchemaRejected),
}

/// The tool of a document.
///
/// # Errors
/// What makes it unusable; the others are served all the same.
pub fn served(document: &str, config: &Config) -> Result<Served, Unusable> {
    let registration: Registration = serde_json::from_str(document)?;
    let pool = &config.worker.pool;
    let mut offer = offer(&registration, config)?;
    // What was planned with is what was registered.
    offer.spec = registration.specification(pool);
    Ok(Served::registered(offer)?)
}

fn offer(registration: &Registration, config: &Config) -> Result<Offer, Unusable> {
    let endpoint = &registration.endpoint;
    let (namespace, name) = registration.names().ok_or(Unusable::Place("the id has no namespace"))?;
    let pool = &config.worker.pool;
    let offers = match &endpoint.api {
        Some(api) => {
            let path = endpoint.path.as_deref().unwrap_or("/");
            let known = config.apis.iter().find(|known| known.name == *api);
            let known = known.ok_or_else(|| Unusable::Api(api.clone()))?;
            let api = ApiConfig {
                name: namespace.to_owned(),
                endpoints: vec![serde_json::from_value(endpoint_document(registration, name, path))?],
                ..known.clone()
            };
            http_endpoint::offers(&api, pool)?
        }
        None => {
            let (origin, path) = split(endpoint).ok_or(Unusable::Place("the address is no https URL"))?;
            let api: ApiConfig = serde_json::from_value(json!({
                "name": namespace, "base_url": origin, "endpoints": [endpoint_document(registration, name, path)],
            }))?;
            http_endpoint::public_offers(&api, pool)?
        }
    };
    offers.into_iter().next().ok_or(Unusable::Place("there is no endpoint"))
}

/// As an operator would have configured it.
fn endpoint_document(registration: &Registration, name: &str, path: &str) -> Value {
    let endpoint = &registration.endpoint;
    json!({
        "name": name,
        "method": endpoint.method,
        "path": path,
        "headers": endpoint.headers,
        "query": endpoint.query,
        "body": endpoint.body,
        "output_pointer": endpoint.output_pointer,
        "input_schema": registration.input_schema,
        "output_schema": registration.output_schema,
        "effects": registration.effects().as_str(),
        "timeout_seconds": registration.timeout_seconds,
    })
}

/// Origin, and path with query. Arguments fill slots of the path and never of the host.
fn split(endpoint: &Endpoint) -> Option<(&str, &str)> {
    let url = endpoint.url.as_deref()?;
    let host = url.strip_prefix("https://")?;
    let end = host.find(['/', '?']).unwrap_or(host.len());
    let (origin, path) = url.split_at(url.len() - host.len() + end);
    let templated = origin.contains(['{', '}', '%', '@', '#', '\\']);
    (!templated).then_some((origin, if path.is_empty() { "/" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Stop;
    use crate::test_ledger::TestLedger;
    use crate::tools::Call;
    use axum::Router;
    use axum::routing::post;
    use serde_json::Map;
    use workflow::vocabulary::EffectClass;

    async fn call(served: &Served, arguments: Value) -> Result<Value, String> {
        let call = Call {
            tier: None,
            arguments: arguments.as_object().cloned().unwrap_or_else(Map::new),
            submission_json: "{}",
            feedback: &[],
            responses: None,
            request_state: None,
            run: &TestLedger::new(),
        };
        match served.tool.call(call).await {
            Ok(output) => Ok(serde_json::from_str(&output.json).unwrap()),
            Err(Stop::Failed(failure)) => Err(failure.code),
            Err(_) => panic!("no answer"),
        }
    }

    async fn shop() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stock = post(|headers: axum::http::HeaderMap, body: String| async move {
            let key = headers.get("x-shop").map(|v| v.to_str().unwrap().to_owned());
            axum::Json(json!({ "said": body, "shop": key }))
        });
        let app = Router::new().route("/api/stock/{sku}", stock);
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    #[tokio::test]
    async fn a_tool_of_a_configured_api_uses_its_address_and_headers() {
        let config: Config = serde_json::from_value(json!({ "apis": [{
            "name": "shop", "base_url": format!("{}/api", shop().await), "headers": { "x-shop": "ours" },
        }] }))
        .unwrap();
        let document = json!({
            "tool_id": "custom.stock", "description": "Tells the stock", "effects": "read_only",
            "endpoint": { "method": "POST", "api": "shop", "path": "/stock/{{sku}}", "output_pointer": "/shop" },
        });
        let tool = served(&document.to_string(), &config).unwrap();
        let spec = tool.spec();
        assert_eq!(
            (spec.tool_id.as_str(), spec.effects),
            ("custom.stock", EffectClass::ReadOnly)
        );
        let registration: Registration = serde_json::from_value(document).unwrap();
        assert_eq!(
            spec.version_hash(),
            registration.specification("default").version_hash()
        );
        assert_eq!(call(&tool, json!({ "sku": "k1" })).await, Ok(json!("ours")));
    }

    #[tokio::test]
    async fn a_tool_of_nobodys_api_reaches_no_internal_address_whatever_its_arguments() {
        let url = shop().await.replace("http://", "https://");
        let document =
            |url: &str| json!({ "tool_id": "custom.t", "description": "d", "endpoint": { "url": url } }).to_string();
        let tool = served(&document(&format!("{url}/api")), &Config::default()).unwrap();
        assert_eq!(call(&tool, json!({})).await, Err("address_blocked".to_owned()));
        for bad in [
            "https://{{host}}/x",
            "https://a.example@{{host}}/",
            "http://a.example/",
            "ftp://a.example",
        ] {
            assert!(served(&document(bad), &Config::default()).is_err(), "{bad}");
        }
    }
}
