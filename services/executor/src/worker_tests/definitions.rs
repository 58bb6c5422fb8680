//! How often the coordinator is asked what is in force.

use super::*;
use crate::definitions::Definitions;
use crate::tools::registry::Registry;
use bus::worker::Coordinator;

#[tokio::test]
async fn a_channel_whose_tool_the_catalog_does_not_know_is_asked_for_once() -> anyhow::Result<()> {
    let told = Told::default();
    *told.catalog.lock().unwrap() = Some(Said {
        version: 1,
        active: true,
    });
    let config: Config = serde_json::from_value(json!({"channels": [
        {"name": "wall", "kind": "mcp", "server": "srv", "tool": "post"}, {"name": "blog", "kind": "directory"},
    ]}))?;
    let tools = Registry::build(&config, &llm::open("offline")?)?;
    let coordinator = Coordinator::connect(&[told.serve().await?])?;
    let definitions = Definitions::new(Arc::new(config), coordinator, tools.clone());
    let readings = || told.readings.load(Ordering::SeqCst);

    definitions.heard_for("blog").await;
    assert_eq!(readings(), 0, "it is no tool's");
    definitions.heard_for("wall").await;
    assert_eq!((readings(), tools.in_force.of("srv.post")), (1, None));
    // Those who come within 200 ms share a reading in any case.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    definitions.heard_for("wall").await;
    assert_eq!(readings(), 1);
    Ok(())
}
