//! What the operator says of single operations, over what the document says.

use super::{Refused, UnusableDocument};
use service::config::EndpointConfig;
use std::collections::BTreeMap;

/// Endpoints of the configuration override the operation of their name, key by key, or stand beside them.
///
/// # Errors
/// An endpoint that overrides nothing and has no path.
pub fn apply(
    made: Vec<EndpointConfig>,
    own: &[EndpointConfig],
    refused: &[Refused],
) -> Result<Vec<EndpointConfig>, UnusableDocument> {
    let mut endpoints: BTreeMap<String, EndpointConfig> = made.into_iter().map(|e| (e.name.clone(), e)).collect();
    for endpoint in own {
        let merged = match endpoints.remove(&endpoint.name) {
            Some(made) => merged(made, endpoint),
            None if !endpoint.path.is_empty() => endpoint.clone(),
            // Told with the others that were refused.
            None if refused.iter().any(|refused| refused.operation == endpoint.name) => continue,
            None => return Err(UnusableDocument::NoOperation(endpoint.name.clone())),
        };
        endpoints.insert(merged.name.clone(), merged);
    }
    Ok(endpoints.into_values().collect())
}

/// A key the operator left at its default is the document's.
fn merged(made: EndpointConfig, own: &EndpointConfig) -> EndpointConfig {
    let default = EndpointConfig::default();
    fn chosen<T: PartialEq + Clone>(made: T, own: &T, default: &T) -> T {
        if own == default { made } else { own.clone() }
    }
    let mut headers = made.headers;
    headers.extend(own.headers.clone());
    let mut query = made.query;
    query.extend(own.query.clone());
    EndpointConfig {
        description: chosen(made.description, &own.description, &default.description),
        category: chosen(made.category, &own.category, &default.category),
        method: chosen(made.method, &own.method, &default.method),
        path: chosen(made.path, &own.path, &default.path),
        headers,
        query,
        body: own.body.clone().or(made.body),
        input_schema: chosen(made.input_schema, &own.input_schema, &default.input_schema),
        output_schema: chosen(made.output_schema, &own.output_schema, &default.output_schema),
        ..own.clone()
    }
}
