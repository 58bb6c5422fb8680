//! Agents, APIs, servers and channels of the configuration.

use super::*;

#[test]
fn an_agent_calls_only_what_reads_and_is_there() {
    let folder = Folder::new();
    let file = folder.file(
        "agents.toml",
        r#"
[[agents]]
tool_id = "stock_agent"
description = "Tells what is in stock"
prompt = "What of {{thing}} is there?"
tools = ["null", "shop.stock", "shop.order", "shop.gone", "writer_agent"]
estimated_cost = -1.0
[[apis]]
name = "shop"
base_url = "http://127.0.0.1:1/api"
[[apis.endpoints]]
name = "stock"
path = "/stock"
[[apis.endpoints]]
name = "order"
method = "POST"
path = "/orders"
"#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    let reasons: Vec<&str> = found.iter().map(|fault| fault.reason.as_str()).collect();
    for reason in [
        "`shop.order` has effects outside",
        "there is no tool `shop.gone`",
        "there is no tool `writer_agent`",
    ] {
        assert!(reasons.contains(&reason), "{reason} in {reasons:?}");
    }
    assert_eq!(found.len(), 4, "{found:#?}");
}

#[test]
fn an_api_authenticates_in_one_complete_way_and_its_secrets_are_references() {
    let folder = Folder::new();
    let file = folder.file(
        "apis.toml",
        r#"
        [[apis]]
        name = "shop"
        base_url = "https://shop.example/api"
        headers = { "x-plain" = "shown", "x-token" = "hunter2", "x-other" = { env = "A_HEADER_NOBODY_SETS" }, "a b" = "" }
        auth = { kind = "oauth_client_credentials", token_url = "nowhere", client_id = "c", user = "u" }
        [[apis]]
        name = "mail"
        base_url = "https://mail.example"
        auth = { kind = "bearer", token = "hunter2" }
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    for key in [
        "apis[shop].auth.client_secret",
        "apis[shop].auth.token_url",
        "apis[shop].auth.user",
        "apis[shop].headers.a b",
        "apis[mail].auth.token",
    ] {
        assert_eq!(fault(&found, key).origin, file, "{key}");
    }
    assert!(!format!("{}", Faults(found)).contains("hunter2"));
}

#[test]
fn a_secret_of_a_tool_that_is_not_there_is_told_with_its_key() {
    let folder = Folder::new();
    let file = folder.file(
        "apis.toml",
        r#"
        [[apis]]
        name = "shop"
        base_url = "https://shop.example/api"
        headers = { "x-plain" = "shown", "x-token" = "hunter2", "x-other" = { env = "A_HEADER_NOBODY_SETS" } }
        auth = { kind = "basic", user = "u", password = { file = "/nowhere/at-all" } }
        [[channels]]
        name = "hook"
        kind = "webhook"
        url = "https://hook.example"
        secret = { env = "A_SECRET_NOBODY_SETS" }
        "#,
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &file)])).unwrap();
    let missing = config.check_tool_secrets().unwrap_err().0;
    for key in [
        "apis[shop].headers.x-other",
        "apis[shop].auth.password",
        "channels[hook].secret",
    ] {
        fault(&missing, key);
    }
    assert_eq!(missing.len(), 3);
    let shown = config.to_toml().unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("shown") && shown.contains("A_HEADER_NOBODY_SETS"),
        "{shown}"
    );
}

#[test]
fn an_openapi_document_lies_beside_its_file_and_stands_in_for_address_and_paths() {
    let folder = Folder::new();
    let file = folder.file(
        "apis.toml",
        r#"
        [[apis]]
        name = "weather"
        openapi = "weather.yaml"
        allow_hosts = ["api.weather.example"]
        [[apis.endpoints]]
        name = "forecast"
        timeout_seconds = 5
        [[apis]]
        name = "remote"
        openapi = "https://api.weather.example/openapi.json"
        "#,
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &file)])).unwrap();
    let [remote, weather] = &config.apis[..] else {
        panic!("two APIs")
    };
    assert_eq!(weather.openapi.as_deref(), folder.0.join("weather.yaml").to_str());
    assert_eq!(
        remote.openapi.as_deref(),
        Some("https://api.weather.example/openapi.json")
    );

    let bare = folder.file(
        "bare.toml",
        r#"
        [[apis]]
        name = "shop"
        operations = ["a"]
        [[apis.endpoints]]
        name = "stock"
        [[apis.endpoints]]
        name = "order"
        path = "/orders"
        effects = "queryable"
        pagination = { kind = "cursor" }
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &bare)]));
    for key in [
        "apis[shop].base_url",
        "apis[shop].operations",
        "apis[shop].endpoints[stock].path",
        "apis[shop].endpoints[order].lookup",
        "apis[shop].endpoints[order].pagination",
        "apis[shop].endpoints[order].pagination.cursor_pointer",
    ] {
        fault(&found, key);
    }
}

#[test]
fn a_server_of_tools_is_checked_with_what_names_it() {
    let folder = Folder::new();
    let file = folder.file(
        "servers.toml",
        r#"
[[mcp_servers]]
name = "time"
command = ["python", "-m", "mcp_server_time"]
effects = "read_only"
[mcp_servers.tools.set]
effects = "once"
[[mcp_servers]]
name = "neither"
env = { TOKEN = { env = "NOWHERE" } }
[[mcp_servers]]
name = "both"
command = ["x"]
url = "https://a.example/mcp"
[[mcp_servers]]
name = "a.b"
url = "https://a.example/mcp"
env = { A = "b" }
effects = "queryable"
[[mcp_servers]]
name = "shop"
command = ["x"]
auth = { kind = "bearer", token = "t" }
[[apis]]
name = "shop"
base_url = "http://127.0.0.1:1"
[[agents]]
tool_id = "clock_agent"
description = "Tells the time"
prompt = "What time is it?"
tools = ["time.now", "time.set", "gone.now"]
[[channels]]
name = "wiki"
kind = "mcp"
server = "gone"
[[channels]]
name = "files"
kind = "directory"
tool = "x"
"#,
    );
    let found = faults(&environment(&[
        ("ORCHESTRATOR_CONFIG", &file),
        ("ORCHESTRATOR_SERVICE__DEVELOPMENT", "true"),
    ]));
    for (key, reason) in [
        ("mcp_servers[neither].command", "a server has either a command or a url"),
        ("mcp_servers[both].command", "a server has either a command or a url"),
        ("mcp_servers[a.b].name", "not a name"),
        ("mcp_servers[a.b].env", "only a server with a command has it"),
        (
            "mcp_servers[a.b].effects",
            "this build cannot look up what a tool of a server did",
        ),
        ("mcp_servers[shop].name", "an API or an agent has this name"),
        ("mcp_servers[shop].auth", "only a server with a url has it"),
        ("channels[wiki].tool", "required by this kind and not set"),
        ("channels[wiki].server", "there is no server `gone`"),
        ("channels[files].tool", "only an mcp has it"),
    ] {
        let told = found.iter().any(|fault| fault.key == key && fault.reason == reason);
        assert!(told, "{key}: {reason} in {found:#?}");
    }
    let agents: Vec<&str> = found
        .iter()
        .filter(|f| f.key.starts_with("agents"))
        .map(|f| f.reason.as_str())
        .collect();
    assert_eq!(
        agents,
        ["`time.set` has effects outside", "there is no tool `gone.now`"]
    );
}

#[test]
fn an_http_channel_is_whole_and_other_kinds_have_nothing_of_it() {
    let folder = Folder::new();
    let file = folder.file(
        "channels.toml",
        r#"
        [[channels]]
        name = "blog"
        kind = "http"
        url = "https://blog.example/posts"
        effects = "queryable"
        location_header = "a b"
        auth = { kind = "bearer" }
        [[channels]]
        name = "far"
        kind = "http"
        url = "https://blog.example/posts"
        effects = "queryable"
        probe = { url = "https://blog.example.evil/posts", found = { pointer = "/0" } }
        [[channels]]
        name = "nowhere"
        kind = "http"
        effects = "read_only"
        [[channels]]
        name = "files"
        kind = "directory"
        body = { a = 1 }
        probe = { url = "https://blog.example/", found = { pointer = "/0" } }
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    for key in [
        "channels[blog].probe",
        "channels[blog].location_header",
        "channels[blog].auth.token",
        "channels[far].probe.url",
        "channels[nowhere].url",
        "channels[nowhere].effects",
        "channels[files].body",
        "channels[files].probe",
    ] {
        assert_eq!(fault(&found, key).origin, file, "{key}");
    }
    assert_eq!(found.len(), 8, "{found:#?}");
}

#[test]
fn a_webhook_is_signed_and_told_of_events_that_there_are() {
    let folder = Folder::new();
    let good = folder.file(
        "good.toml",
        r#"
        [[webhooks]]
        name = "inbox"
        url = "https://hooks.example/inbox"
        secrets = [{ env = "NO_SUCH_VARIABLE_HERE" }, { file = "/nowhere/old" }]
        "#,
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &good)])).unwrap();
    assert!(config.webhooks[0].wants("gate.opened") && !config.webhooks[0].wants("gate.decided"));
    let missing = config.check_tool_secrets().unwrap_err();
    assert!(missing.0.iter().all(|fault| fault.key == "webhooks[inbox].secrets"));
    assert_eq!(missing.0.len(), 2);
    let bad = folder.file(
        "bad.toml",
        r#"
        [[webhooks]]
        name = "in box"
        url = "https://hooks.example/inbox"
        secrets = ["whsec_plain"]
        events = ["gate.opend"]
        [[webhooks]]
        name = "unsigned"
        url = "hooks.example"
        secrets = []
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &bad)]));
    for key in [
        "webhooks[in box].name",
        "webhooks[in box].secrets[0]",
        "webhooks[in box].events",
        "webhooks[unsigned].url",
        "webhooks[unsigned].secrets",
    ] {
        assert!(found.iter().any(|fault| fault.key == key), "{key}: {found:?}");
    }
}

#[test]
fn a_rule_of_automatic_approval_says_what_it_is_about_and_is_no_weaker_than_the_rest() {
    let folder = Folder::new();
    let file = folder.file(
        "rules.toml",
        r#"
        [policy]
        auto_approve = true
        escalation = [{ after_seconds = 60, assignee = "a" }, { after_seconds = 60, assignee = "b" }]
        [[policy.auto_approval]]
        name = "good"
        max_risk = "medium"
        min_quality = 0.9
        [[policy.auto_approval]]
        name = "good"
        channels = ["fax"]
        min_quality = 0.5
        [[policy.auto_approval]]
        name = "calls"
        tools = ["shop.order"]
        min_quality = 0.9
        [[policy.auto_approval]]
        name = "odd"
        max_risk = "none"
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    let keys: Vec<&str> = found.iter().map(|fault| fault.key.as_str()).collect();
    for (at, key) in [
        (1, "name"),
        (1, "channels"),
        (1, "min_quality"),
        (2, "tools"),
        (3, "max_risk"),
    ] {
        let key = format!(".{key}");
        let found = keys.iter().any(|k| k.contains(&at.to_string()) && k.ends_with(&key));
        assert!(found, "{at}{key}: {keys:?}");
    }
    assert!(keys.contains(&"policy.escalation"), "{keys:?}");
    assert!(!keys.iter().any(|k| k.contains(".0.") || k.contains("[0]")), "{keys:?}");
}

#[test]
fn a_rule_for_deliverables_that_could_never_hold_or_fit_is_refused() {
    let folder = Folder::new();
    let file = folder.file(
        "deliverables.toml",
        r#"
        [[channels]]
        name = "blog"
        kind = "null"
        [[quality.deliverables]]
        channels = ["blog", "result"]
        required = ["VAT"]
        [[quality.deliverables]]
        channels = ["blgo"]
        forbidden = [" "]
        link_hosts = [""]
        min_length = 2
        max_length = 1
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    let keys: Vec<&str> = found.iter().map(|fault| fault.key.as_str()).collect();
    let expected =
        ["channels", "forbidden", "link_hosts", "max_length"].map(|name| format!("quality.deliverables[1].{name}"));
    assert_eq!(keys, expected);
}

#[test]
fn a_floor_of_judges_is_a_share_of_some_and_the_whole_is_no_dimension() {
    let folder = Folder::new();
    let file = folder.file(
        "judges.toml",
        r#"
        [quality.dimensions.overall]
        weight = 1.0
        [quality.judge_floor]
        agreement = 70
        min_labels = 0
        window_days = 0
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    let keys: Vec<&str> = found.iter().map(|fault| fault.key.as_str()).collect();
    for key in [
        "quality.dimensions.overall",
        "quality.judge_floor.agreement",
        "quality.judge_floor.min_labels",
        "quality.judge_floor.window_days",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
}
