//! Telling the coordinator which tools and channels this executor serves.

use crate::work::Executor;
use bus::worker::Coordinator;
use contracts::coordinator::AnnounceToolsRequest;
use serde_json::json;
use service::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// A coordinator that lost its catalog has it again after this.
const INTERVAL: Duration = Duration::from_secs(60);
/// Between attempts while the coordinator is away, so that its return is noticed at once.
const RETRY: Duration = Duration::from_secs(1);

/// Announces at start, when tools come or go, when it is asked to look again, as soon as an absent coordinator is back,
/// and every minute, until shutdown. Ready once what was there when all were `known` is announced.
pub async fn keep_announcing(
    ctx: Context,
    coordinator: Coordinator,
    executor: Arc<Executor>,
    known: impl Future<Output = ()> + Send,
) {
    let mut changes = executor.tools.changes();
    let mut signals = coordinator.signals();
    let mut known = std::pin::pin!(known);
    let mut all_known = false;
    loop {
        let discover = signals.borrow_and_update().discover;
        executor.discovery.ask(discover);
        executor.discovery.settled(discover).await;
        changes.mark_unchanged();
        let request = announcement(&ctx.instance, &ctx.config.worker.pool, &executor, discover);
        let announced = coordinator.client().announce_tools(Coordinator::unary(request)).await;
        let pause = match announced {
            Ok(answer) => {
                for tool in answer.into_inner().refused {
                    tracing::warn!(tool.tool_id, tool.reason, "the coordinator does not take a tool");
                }
                ctx.ready
                    .set("tools", all_known, "some servers of tools have not been heard of yet");
                INTERVAL
            }
            Err(status) => {
                ctx.ready.set(
                    "tools",
                    false,
                    "the coordinator does not take the announcement of tools",
                );
                tracing::debug!(code = ?status.code(), "tools not announced: {}", status.message());
                RETRY
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            _ = changes.changed() => {}
            () = &mut known, if !all_known => all_known = true,
            _ = signals.wait_for(|signals| signals.discover != discover) => {}
            () = ctx.shutdown.cancelled() => return,
        }
    }
}

fn announcement(worker_id: &str, pool: &str, executor: &Executor, discover: u64) -> AnnounceToolsRequest {
    AnnounceToolsRequest {
        worker_id: worker_id.to_owned(),
        pool: pool.to_owned(),
        tools_json: executor
            .tools
            .current()
            .values()
            .map(|served| json!(served.spec()).to_string())
            .collect(),
        channels_json: executor.channels.announcements().map(ToString::to_string).collect(),
        discover_generation: discover,
    }
}
