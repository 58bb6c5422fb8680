use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// The service that remembers finished tasks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearnerConfig {
    /// Where gRPC listens, for the gateway and the planner.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub grpc_addr: SocketAddr,
    /// The coordinator's gRPC address, asked for finished tasks that no event told of.
    #[schemars(extend("format" = "http-url"))]
    pub coordinator_url: String,
    /// Seconds between two such questions.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub catch_up_seconds: f64,
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self {
            grpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 9102)),
            coordinator_url: "http://127.0.0.1:9101".to_owned(),
            catch_up_seconds: 60.0,
        }
    }
}
