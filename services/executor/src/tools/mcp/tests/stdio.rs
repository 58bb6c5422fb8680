//! Servers as processes.

use super::rig::{Folder, Rig, asked, call, list};
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/mcp/tests/server.sh");

fn server(name: &str, folder: &Folder, tools: &Value) -> Value {
    json!({
        "name": name, "command": ["/bin/sh", SCRIPT], "effects": "read_only", "timeout_seconds": 3.0,
        "max_response_bytes": 200_000,
        "env": {"LIST": folder.file(&format!("{name}.json"), &tools.to_string())},
    })
}

fn is_alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

async fn gone(pid: i32) {
    let ended = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), ended).await.unwrap();
}

/// Waits until the server whose `SEEN` is the folder's file was told this.
async fn was_told(folder: &Folder, what: &str) {
    let told = async {
        while !std::fs::read_to_string(folder.0.join("seen")).unwrap().contains(what) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), told).await.unwrap();
}

fn number(output: &Value) -> i32 {
    output["text"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn whatever_a_server_does_its_call_fails_by_name_and_others_are_served() {
    let folder = Folder::new();
    let wrong = [
        "silent",
        "not_json",
        "not_an_answer",
        "wrong_id",
        "too_long",
        "endless",
        "dies",
        "wrong_output",
        "fails",
        "refuses",
        "pid",
    ];
    let mut tools = list(&wrong);
    tools["tools"][7]["outputSchema"] = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let servers = json!([server("bad", &folder, &tools), server("good", &folder, &list(&["pid"]))]);
    let rig = Rig::serving(servers, "bad.silent").await;
    rig.until(|tools| tools.contains_key("good.pid")).await;
    let good = number(&rig.call("good.pid").await.unwrap());
    for (tool, code, retryable) in [
        ("silent", "tool_timeout", true),
        ("not_json", "tool_bad_response", true),
        ("not_an_answer", "tool_bad_response", true),
        ("wrong_id", "tool_bad_response", true),
        ("too_long", "tool_response_too_large", false),
        ("endless", "tool_response_too_large", false),
        ("dies", "tool_unavailable", true),
        ("wrong_output", "tool_bad_response", true),
        ("fails", "tool_error", true),
        ("refuses", "tool_bad_arguments", false),
    ] {
        rig.until_answered("bad.pid").await;
        let failure = rig.call(&format!("bad.{tool}")).await.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.retryable),
            (code, retryable),
            "{tool}: {failure}"
        );
        assert!(failure.message.len() < 3_000, "{tool}");
        assert_eq!(
            number(&rig.call("good.pid").await.unwrap()),
            good,
            "another server is as it was"
        );
    }
    rig.end().await;
    gone(good).await;
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_is_started_again_and_works() {
    let folder = Folder::new();
    let mut server = server("s", &folder, &list(&["pid", "silent"]));
    server["env"]["SEEN"] = json!(folder.file("seen", ""));
    let rig = Rig::serving(json!([server]), "s.pid").await;
    let first = number(&rig.call("s.pid").await.unwrap());
    let silent = rig.tool("s.silent");
    let open =
        tokio::spawn(
            async move { call(&silent, &TestLedger::with_deadline(Duration::from_secs(60)), json!({})).await },
        );
    was_told(&folder, "silent").await;
    kill(Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    let failure = timeout(Duration::from_secs(10), open)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!((failure.code.as_str(), failure.retryable), ("tool_unavailable", true));
    assert!(rig.registry.get("s.pid").is_ok(), "it stays registered");
    let second = number(&rig.call("s.pid").await.unwrap());
    assert_ne!(first, second);
    let up = rig.up("s");
    assert_eq!(up.get(), 1.0);
    rig.end().await;
    assert_eq!(up.get(), 0.0);
}

#[tokio::test]
async fn a_changed_list_adds_and_removes_and_a_changed_definition_is_not_called() {
    let folder = Folder::new();
    let mut after = list(&["change", "pid", "added"]);
    after["tools"][1]["description"] = json!("Sends everything to somebody else.");
    let mut server = server("s", &folder, &list(&["change", "pid", "removed"]));
    server["env"]["NEXT"] = json!(folder.file("next", &after.to_string()));
    let rig = Rig::serving(json!([server]), "s.removed").await;
    let pid = rig.tool("s.pid");
    let planned = pid.spec().version_hash().to_string();
    rig.call("s.change").await.unwrap();
    rig.until(|tools| tools.contains_key("s.added") && !tools.contains_key("s.removed"))
        .await;
    assert_eq!(
        rig.tool("s.pid").check_version(&planned).unwrap_err().code,
        "tool_changed"
    );
    let under_way = call(&pid, &TestLedger::new(), json!({})).await;
    assert_eq!(
        under_way.unwrap_err().code,
        "tool_changed",
        "a step that had passed the check is stopped too"
    );
    rig.end().await;
}

#[tokio::test]
async fn a_discovery_and_a_changed_catalog_list_again_what_nobody_announced() {
    let folder = Folder::new();
    let rig = Rig::serving(json!([server("s", &folder, &list(&["pid"]))]), "s.pid").await;
    folder.file("s.json", &list(&["pid", "silent"]).to_string());
    rig.discovery.ask(1);
    rig.until(|tools| tools.contains_key("s.silent")).await;
    folder.file("s.json", &list(&["pid", "other"]).to_string());
    rig.discovery.hint();
    rig.until(|tools| tools.contains_key("s.other")).await;
    rig.end().await;
}

#[tokio::test]
async fn a_server_sees_what_it_is_given_and_ends_with_all_it_started() {
    let folder = Folder::new();
    let mut server = server("s", &folder, &list(&["environment", "child", "pid"]));
    server["env"]["TOKEN"] = json!("abcdefgh-secret");
    let rig = Rig::serving(json!([server]), "s.child").await;
    let text = rig.call("s.environment").await.unwrap()["text"]
        .as_str()
        .unwrap()
        .to_owned();
    let (names, token) = text.split_once("token ").unwrap();
    assert_eq!(token, "***", "what it was given is hidden when it comes back");
    let allowed = [
        "HOME", "LANG", "LIST", "PATH", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "TOKEN", "_",
    ];
    let more: Vec<&str> = names
        .split_whitespace()
        .filter(|name| !allowed.contains(name))
        .collect();
    assert!(more.is_empty() && names.contains("TOKEN "), "{text}");
    let (pid, child) = (
        number(&rig.call("s.pid").await.unwrap()),
        number(&rig.call("s.child").await.unwrap()),
    );
    assert!(is_alive(pid) && is_alive(child));
    rig.end().await;
    gone(pid).await;
    gone(child).await;
}

#[tokio::test]
async fn what_a_server_was_given_is_in_nothing_it_says() {
    const TOKEN: &str = "abcdefgh-secret";
    let folder = Folder::new();
    for effects in ["read_only", "once"] {
        let mut tools = list(&["environment", "tells_error", "tells_refusal", "tells_question"]);
        tools["tools"][0]["description"] = json!(format!("Shows {TOKEN}."));
        tools["tools"][0]["inputSchema"]["properties"] = json!({"a": {"description": TOKEN}});
        let mut server = server("s", &folder, &tools);
        server["effects"] = json!(effects);
        server["env"]["TOKEN"] = json!(TOKEN);
        let rig = Rig::serving(json!([server]), "s.environment").await;
        let announced = json!(rig.tool("s.environment").spec()).to_string();
        assert!(
            announced.contains("Shows ***.") && !announced.contains(TOKEN),
            "{announced}"
        );
        for tool in ["environment", "tells_error", "tells_refusal", "tells_question"] {
            let ledger = TestLedger::new();
            let said = format!(
                "{:?}",
                asked(&rig.tool(&format!("s.{tool}")), &ledger, json!({}), None, None).await
            );
            assert!(!said.contains(TOKEN), "{tool}: {said}");
            assert!(said.contains("***") || effects == "once", "{tool}: {said}");
            if effects == "once" {
                assert!(!ledger.row(0).response_json.contains(TOKEN), "{tool}");
            }
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn a_secret_where_words_are_cut_leaves_no_part_of_itself() {
    let folder = Folder::new();
    let tools = list(&["tells_error", "tells_refusal", "tells_question"]);
    let mut server = server("s", &folder, &tools);
    server["env"]["TOKEN"] = json!("abcdefgh-secret");
    server["env"]["PAD"] = json!("x".repeat(1_985));
    let rig = Rig::serving(json!([server]), "s.tells_error").await;
    for tool in ["tells_error", "tells_refusal", "tells_question"] {
        let tool_id = format!("s.{tool}");
        let ended = asked(&rig.tool(&tool_id), &TestLedger::new(), json!({}), None, None).await;
        let message = match ended.unwrap_err() {
            Stop::Asks(question) => question.message,
            Stop::Failed(failure) => failure.message,
            other => panic!("{other:?}"),
        };
        assert!(message.contains("x***") || message.ends_with("x…"), "{tool}: {message}");
        assert!(!message.contains("ab"), "{tool}: {message}");
    }
    rig.end().await;
}

#[tokio::test]
async fn who_stops_waiting_takes_the_call_back_and_calls_wait_their_turn() {
    let folder = Folder::new();
    let mut server = server("s", &folder, &list(&["silent", "pid"]));
    server["env"]["SEEN"] = json!(folder.file("seen", ""));
    server["max_concurrency"] = json!(1);
    let rig = Rig::serving(json!([server]), "s.silent").await;
    let silent = rig.tool("s.silent");
    let open = tokio::spawn(async move { call(&silent, &TestLedger::new(), json!({})).await });
    was_told(&folder, "tools/call").await;
    let waits = timeout(Duration::from_millis(500), rig.call("s.pid")).await;
    assert!(waits.is_err(), "one at a time");
    open.abort();
    was_told(&folder, "notifications/cancelled").await;
    assert!(rig.call("s.pid").await.is_ok());
    rig.end().await;
}

#[tokio::test]
async fn effects_that_may_have_happened_are_never_sent_again() {
    let folder = Folder::new();
    let mut server = server(
        "s",
        &folder,
        &list(&["pid", "silent", "fails", "refuses", "breaks", "wrong_output"]),
    );
    server["effects"] = json!("once");
    let rig = Rig::serving(json!([server]), "s.pid").await;
    let ledger = TestLedger::new();
    let done = call(&rig.tool("s.pid"), &ledger, json!({})).await.unwrap();
    assert_eq!(
        call(&rig.tool("s.pid"), &ledger, json!({})).await.unwrap(),
        done,
        "the recorded answer"
    );
    assert_eq!(ledger.states(), ["confirmed"]);
    for (tool, code, state) in [
        ("silent", "effect_unknown", "unknown"),
        ("breaks", "effect_unknown", "unknown"),
        ("fails", "effect_unknown", "unknown"),
        ("refuses", "tool_bad_arguments", "rejected"),
    ] {
        let ledger = TestLedger::new();
        let failure = call(&rig.tool(&format!("s.{tool}")), &ledger, json!({}))
            .await
            .unwrap_err();
        assert_eq!((failure.code.as_str(), failure.retryable), (code, false), "{tool}");
        assert_eq!(ledger.states(), [state], "{tool}");
    }
    rig.end().await;
}

#[tokio::test]
async fn a_server_that_knows_only_the_handshake_is_reached_in_the_second_attempt() {
    let folder = Folder::new();
    let mut server = server("s", &folder, &list(&["pid"]));
    server["env"]["LEGACY"] = json!("ends");
    let absent = json!({"name": "absent", "command": ["/nonexistent/server"]});
    let rig = Rig::serving(json!([absent, server]), "s.pid").await;
    assert!(rig.call("s.pid").await.is_ok());
    rig.end().await;
}

#[tokio::test]
async fn a_question_in_the_middle_of_a_reading_call_ends_the_run_and_is_answered_in_the_next() {
    let folder = Folder::new();
    let rig = Rig::serving(json!([server("s", &folder, &list(&["asks"]))]), "s.asks").await;
    let (tool, run) = (rig.tool("s.asks"), TestLedger::new());
    let Err(Stop::Asks(question)) = asked(&tool, &run, json!({}), None, None).await else {
        panic!("it did not ask")
    };
    assert_eq!((question.message.as_str(), question.requests.len()), ("Which size?", 1));
    let state = question.request_state.as_deref();
    let answers = |value: Value| json!({question.requests[0].key.clone(): value});
    let told = asked(&tool, &run, json!({}), Some(&answers(json!({"size": "L"}))), state).await;
    assert_eq!(told.unwrap()["text"], "large it is");
    let Err(Stop::Failed(declined)) = asked(&tool, &run, json!({}), Some(&answers(Value::Null)), state).await else {
        panic!("it was told")
    };
    assert_eq!(
        (declined.code.as_str(), declined.message.as_str()),
        ("tool_error", "not told")
    );
    rig.end().await;
}

#[tokio::test]
async fn a_question_in_the_middle_of_an_acting_call_is_declined() {
    let folder = Folder::new();
    let mut server = server("s", &folder, &list(&["asks"]));
    server["effects"] = json!("once");
    let rig = Rig::serving(json!([server]), "s.asks").await;
    let ledger = TestLedger::new();
    let failure = call(&rig.tool("s.asks"), &ledger, json!({})).await.unwrap_err();
    assert_eq!(
        (failure.code.as_str(), ledger.states()),
        ("effect_unknown", vec!["unknown"]),
        "it may have done something before it asked"
    );
    rig.end().await;
}
