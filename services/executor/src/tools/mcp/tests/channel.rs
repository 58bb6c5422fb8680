//! Publishing by a tool of a server.

use super::http::{Scripted, server};
use super::rig::{Rig, list};
use crate::channels::mcp::McpChannel;
use crate::channels::{Channel, Publication};
use crate::deliverable::Deliverable;
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use chrono::{DateTime, Utc};
use contracts::coordinator::ListDefinitionsResponse;
use serde_json::{Value, json};

async fn publish(rig: &Rig, channel: Value, ledger: &TestLedger, content: &str) -> Result<String, Stop> {
    let config = serde_json::from_value(channel).unwrap();
    let channel = McpChannel::open(&config, &rig.servers).unwrap();
    let publication = Publication {
        task: "01920000-0000-7abc-8def-0123456789ab".parse().unwrap(),
        deliverable: &Deliverable::new("blog", "Tea".to_owned(), content.to_owned(), "text/markdown"),
        now: DateTime::<Utc>::from_timestamp(0, 0).unwrap(),
    };
    channel.publish(publication, ledger).await
}

#[tokio::test]
async fn a_deliverable_fills_the_arguments_and_is_published_once() {
    let (scripted, url) = Scripted::start(true, list(&["publish", "full"])).await;
    let rig = Rig::serving(json!([server(&url)]), "s.publish").await;
    let channel = |tool: &str| {
        json!({"name": "blog", "kind": "mcp", "server": "s", "tool": tool,
            "arguments": {"post": {"headline": "{{title}}!", "body": "{{content}}"}, "draft": false}})
    };
    let ledger = TestLedger::new();
    for _ in 0..2 {
        let location = publish(&rig, channel("publish"), &ledger, "Green tea {{ 7 }}.").await;
        assert_eq!(location, Ok("https://blog.example/1".to_owned()));
    }
    let calls = scripted.calls_of("tools/call");
    assert_eq!(
        (calls.len(), ledger.states()),
        (1, vec!["confirmed"]),
        "the second time it is known"
    );
    let arguments = &calls[0].1["params"]["arguments"];
    assert_eq!(
        arguments,
        &json!({"post": {"headline": "Tea!", "body": "Green tea {{ 7 }}."}, "draft": false})
    );

    let ledger = TestLedger::new();
    let Err(Stop::Failed(failure)) = publish(&rig, channel("full"), &ledger, "x").await else {
        panic!("it was published")
    };
    assert_eq!(
        (failure.code.as_str(), failure.message.contains("the blog is full")),
        ("effect_unknown", true)
    );
    assert_eq!(ledger.states(), ["unknown"], "it may have been published all the same");
    rig.end().await;
}

/// The catalog says this of `s.publish`.
fn say(rig: &Rig, in_force: &str) {
    rig.registry.in_force.set(&ListDefinitionsResponse {
        in_force: [("s.publish".to_owned(), in_force.to_owned())].into(),
        ..ListDefinitionsResponse::default()
    });
}

#[tokio::test]
async fn a_tool_that_changed_or_was_taken_out_of_use_publishes_again_once_it_was_approved() {
    let (scripted, url) = Scripted::start(true, list(&["publish"])).await;
    let rig = Rig::serving(json!([server(&url)]), "s.publish").await;
    let channel = || json!({"name": "blog", "kind": "mcp", "server": "s", "tool": "publish", "arguments": {}});
    let now = rig.tool("s.publish").spec().version_hash().to_string();
    let other = "0".repeat(now.len());
    for (said, code) in [
        (other.as_str(), "tool_changed"),
        ("suspended", "tool_suspended"),
        ("removed", "tool_suspended"),
    ] {
        say(&rig, said);
        let ledger = TestLedger::new();
        let Err(Stop::Failed(failure)) = publish(&rig, channel(), &ledger, "x").await else {
            panic!("it was published with what nobody has in use: {said}")
        };
        assert_eq!((failure.code.as_str(), failure.retryable), (code, false));
        assert_eq!(ledger.states(), ["rejected"], "nothing was done");
    }
    assert_eq!(scripted.calls_of("tools/call").len(), 0);

    say(&rig, &now);
    let location = publish(&rig, channel(), &TestLedger::new(), "x").await;
    assert_eq!(location, Ok("https://blog.example/1".to_owned()));
    rig.end().await;
}
