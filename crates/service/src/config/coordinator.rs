use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// The one that decides.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoordinatorConfig {
    /// Where gRPC listens, for the gateway, the learner and the workers.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub grpc_addr: SocketAddr,
    /// Most inputs in one transaction.
    #[schemars(range(min = 1, max = 4096))]
    pub max_batch: usize,
    /// Most tasks kept in memory as a cache.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub cached_tasks: usize,
    /// Seconds between two sweeps.
    #[schemars(range(min = 0.05, max = 60.0))]
    pub sweep_seconds: f64,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        Self {
            grpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 9101)),
            max_batch: 256,
            cached_tasks: 4096,
            sweep_seconds: 1.0,
        }
    }
}
