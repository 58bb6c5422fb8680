//! Configuration of the systems under test, on top of the development defaults.

use crate::oracle::Oracle;

/// The oracle's webhook channel.
pub const CHANNEL: &str = "oracle";

/// Secret of the webhook channel, for verifying signatures; any 24 bytes do.
pub const WEBHOOK_SECRET: &str = "whsec_dGhlIG9yYWNsZSBvZiB0aGUgdGVzdHM=";

/// One tool endpoint of the oracle.
struct Endpoint {
    name: &'static str,
    effects: &'static str,
    requires_approval: bool,
}

const ENDPOINTS: [Endpoint; 5] = [
    Endpoint {
        name: "work",
        effects: "read_only",
        requires_approval: false,
    },
    Endpoint {
        name: "keyed",
        effects: "keyed",
        requires_approval: false,
    },
    Endpoint {
        name: "once",
        effects: "once",
        requires_approval: false,
    },
    Endpoint {
        name: "guarded",
        effects: "read_only",
        requires_approval: true,
    },
    Endpoint {
        name: "guarded_once",
        effects: "once",
        requires_approval: true,
    },
];

/// The oracle's endpoints as tools and its receiver as a channel.
pub fn with_oracle(oracle: &Oracle) -> String {
    let url = oracle.url();
    let mut text = format!(
        r#"
[[apis]]
name = "oracle"
base_url = "{url}/tool"

[[channels]]
name = "{CHANNEL}"
kind = "webhook"
url = "{url}/webhook/{CHANNEL}"
secret = "{WEBHOOK_SECRET}"
"#
    );
    for Endpoint {
        name,
        effects,
        requires_approval,
    } in ENDPOINTS
    {
        text.push_str(&format!(
            r#"
[[apis.endpoints]]
name = "{name}"
description = "Looks an item up in the oracle ({name})"
method = "POST"
path = "/{name}"
effects = "{effects}"
requires_approval = {requires_approval}
timeout_seconds = 60
retry = {{ max_attempts = 3, initial_interval = 0.2, backoff = 2.0, max_interval = 2.0 }}
input_schema = {{ type = "object", required = ["item"], properties = {{ item = {{ type = "string" }}, feedback = {{ type = "string" }}, context = {{}} }}, additionalProperties = false }}
"#
        ));
    }
    text
}
