use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// The edge: where clients connect and whom it asks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where REST listens. Loopback only while there is no login.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub rest_addr: SocketAddr,
    /// Where gRPC listens. Loopback only while there is no login.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub grpc_addr: SocketAddr,
    /// The coordinators' gRPC addresses, separated by commas; requests are shared among them.
    #[schemars(extend("format" = "http-urls"))]
    pub coordinator_url: String,
    /// The learner's gRPC address.
    #[schemars(extend("format" = "http-url"))]
    pub learner_url: String,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            rest_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            grpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            coordinator_url: "http://127.0.0.1:9101".to_owned(),
            learner_url: "http://127.0.0.1:9102".to_owned(),
        }
    }
}

impl GatewayConfig {
    /// The addresses in `coordinator_url`, one by one.
    pub fn coordinator_urls(&self) -> impl Iterator<Item = &str> {
        self.coordinator_url.split(',').map(str::trim)
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        for (key, addr) in [
            ("gateway.rest_addr", self.rest_addr),
            ("gateway.grpc_addr", self.grpc_addr),
        ] {
            if !addr.ip().is_loopback() {
                checks.add(
                    key,
                    "this build has no login, so it serves loopback addresses only",
                    "use 127.0.0.1 or [::1]",
                );
            }
        }
        if self.rest_addr == self.grpc_addr && self.rest_addr.port() != 0 {
            checks.add(
                "gateway.grpc_addr",
                "REST and gRPC cannot share one address",
                "give one of them another port",
            );
        }
    }
}
