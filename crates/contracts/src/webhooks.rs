//! What coordinator and executors say to each other about webhooks.

use workflow::hash::Fingerprint;

/// What stands for a webhook's URL, which may hold a token.
pub fn url_hash(url: &str) -> String {
    Fingerprint::of([url.as_bytes()]).to_string()
}
