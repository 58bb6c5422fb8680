//! How often the coordinator is asked what is in force.

use super::*;
use crate::definitions::Definitions;
use crate::tools::registry::Registry;
use crate::tools::served::Served;
use bus::worker::Coordinator;

#[tokio::test]
async fn what_is_in_force_of_a_channels_tool_is_asked_once_where_the_tool_is_for_no_plan() -> anyhow::Result<()> {
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
    tokio::time::resume();
    definitions.heard_for("wall").await;
    assert_eq!(readings(), 1);
    let mut served = crate::tools::null::offer("default");
    served.spec.tool_id = "srv.post".to_owned();
    tools.replace("mcp srv", vec![Served::new(served)?]);
    definitions.heard_for("wall").await;
    assert_eq!(readings(), 2, "the catalog hears of it now");
    Ok(())
}
