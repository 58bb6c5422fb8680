//! Our side of the protocol: what a server may ask of us, which is next to nothing.

use super::elicitation::OpenCalls;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitationCapability, FormElicitationCapability, Implementation,
    ProgressNotificationParam,
};
use rmcp::model::{ElicitRequestParams, ElicitResult};
use rmcp::service::RequestContext;
use rmcp::service::{NotificationContext, RoleClient};
use rmcp::{ClientHandler, ErrorData};
use std::sync::Arc;
use tokio::sync::Notify;

/// Takes what a server sends by itself. It has no files and no model for it: roots and sampling are not offered.
pub struct Handler {
    /// For the log.
    pub server: String,
    /// Told when the server's tools change.
    pub changed: Arc<Notify>,
    /// What it may ask about.
    pub calls: OpenCalls,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        // Questions reach a human: the run ends, and goes on with the answer.
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::new().with_form(FormElicitationCapability::default()));
        ClientConfig::new(
            capabilities,
            Implementation::new("intelligent-orchestrator", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(self.calls.ask(request, context.extensions.get()))
    }

    /// Told, and nothing more: a call has its time whatever is said meanwhile.
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let (done, of) = (progress.progress, progress.total);
        tracing::debug!(server = self.server, done, ?of, "progress of a call");
    }
}
