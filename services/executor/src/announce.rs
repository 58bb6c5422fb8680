//! Telling the coordinator which tools and channels this executor serves.

use crate::tools::registry::Tools;
use crate::work::Executor;
use bus::worker::Coordinator;
use contracts::coordinator::AnnounceToolsRequest;
use serde_json::json;
use service::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Request;
use workflow::tool::ToolSource;

/// A coordinator that lost its catalog has it again after this.
const INTERVAL: Duration = Duration::from_secs(60);
/// For one announcement: the coordinator compiles the schemas of thousands of tools where all are new.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between attempts while the coordinator is away, so that its return is noticed at once.
const RETRY: Duration = Duration::from_secs(1);

/// Between announcements of changes: a server whose tools change all the time is announced no more often.
const BETWEEN_CHANGES: Duration = Duration::from_secs(5);

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
    let mut next_change = Instant::now();
    loop {
        let discover = signals.borrow_and_update().discover;
        executor.discovery.ask(discover);
        executor.discovery.settled(discover).await;
        changes.mark_unchanged();
        let request = announcement(&ctx.instance, &ctx.config.worker.pool, &executor, discover);
        let mut request = Request::new(request);
        request.set_timeout(PATIENCE);
        let announced = coordinator.client().announce_tools(request).await;
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
            () = changed(&mut changes, next_change) => next_change = Instant::now() + BETWEEN_CHANGES,
            () = &mut known, if !all_known => all_known = true,
            _ = signals.wait_for(|signals| signals.discover != discover) => {}
            () = ctx.shutdown.cancelled() => return,
        }
    }
}

async fn changed(changes: &mut watch::Receiver<Arc<Tools>>, not_before: Instant) {
    sleep_until(not_before).await;
    // The registry lives as long as the executor.
    drop(changes.changed().await);
}

fn announcement(worker_id: &str, pool: &str, executor: &Executor, discover: u64) -> AnnounceToolsRequest {
    AnnounceToolsRequest {
        worker_id: worker_id.to_owned(),
        pool: pool.to_owned(),
        tools_json: tools_json(&executor.tools.current()),
        channels_json: executor.channels.announcements().map(ToString::to_string).collect(),
        discover_generation: discover,
    }
}

/// The operator's own tools come before those of servers: where there is too much, the last are left out.
fn tools_json(tools: &Tools) -> Vec<String> {
    let mut specs: Vec<_> = tools.values().map(|served| served.spec()).collect();
    specs.sort_by_key(|spec| match spec.source {
        ToolSource::Builtin => 0,
        ToolSource::Api => 1,
        ToolSource::Mcp => 2,
    });
    specs.into_iter().map(|spec| json!(spec).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Offer;
    use crate::tools::registry::Registry;
    use crate::tools::served::Served;
    use service::config::Config;

    #[tokio::test]
    async fn the_operators_own_tools_come_first_and_the_same_once_more_is_no_change() {
        let registry = Registry::build(&Config::default(), &llm::open("offline").unwrap()).unwrap();
        let found = || {
            let mut offer: Offer = crate::tools::null::offer("default");
            offer.spec.tool_id = "a.first".to_owned();
            offer.spec.source = ToolSource::Mcp;
            vec![Served::new(offer).unwrap()]
        };
        let mut changes = registry.changes();
        registry.replace("mcp a", found());
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        registry.replace("mcp a", found());
        assert!(!changes.has_changed().unwrap());
        let announced = tools_json(&registry.current());
        assert!(announced.len() > 1 && announced.last().unwrap().contains("a.first"));
    }
}
