mod tools;

use super::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn environment(pairs: &[(&str, &str)]) -> Sources {
    Sources {
        environment: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        overrides: Vec::new(),
    }
}

fn faults(sources: &Sources) -> Vec<Fault> {
    load(sources).unwrap_err().0
}

fn fault<'a>(faults: &'a [Fault], key: &str) -> &'a Fault {
    faults
        .iter()
        .find(|fault| fault.key == key)
        .unwrap_or_else(|| panic!("no fault at {key} in {faults:#?}"))
}

#[test]
fn nothing_set_gives_the_built_in_defaults() {
    let config = load(&Sources::default()).unwrap();
    assert_eq!(config.to_toml().unwrap(), Config::default().to_toml().unwrap());
    assert_eq!(config.gateway.rest_addr.to_string(), "127.0.0.1:8080");
    assert_eq!(
        config.database.url.resolve().unwrap(),
        "postgres://orchestrator@127.0.0.1:5432/orchestrator"
    );
}

#[test]
fn the_later_source_wins_key_by_key() {
    let folder = Folder::new();
    let local = folder.file(
        "local.toml",
        "[quality]\nthreshold = 0.1\nmax_refinements = 7\n[worker]\nslots = 1",
    );
    let one = folder.file(
        "one.toml",
        "[quality]\nthreshold = 0.2\n[worker]\nslots = 2\npool = \"a\"",
    );
    let two = folder.file("two.toml", "[worker]\nslots = 3\npool = \"b\"");
    let mut sources = environment(&[
        ("ORCHESTRATOR_SERVICE__DEVELOPMENT", "true"),
        ("ORCHESTRATOR_LOCAL_CONFIG", &local),
        ("ORCHESTRATOR_CONFIG", &format!("{one}:{two}")),
        ("ORCHESTRATOR_WORKER__POOL", "c"),
        ("ORCHESTRATOR_EXECUTORS", "4"),
        ("UNRELATED__KEY", "1"),
    ]);
    sources.overrides.push(("learning.enabled".into(), "false".into()));
    let config = load(&sources).unwrap();
    assert_eq!((config.quality.max_refinements, config.quality.threshold), (7, 0.2));
    assert_eq!((config.worker.slots, config.worker.pool.as_str()), (3, "c"));
    assert!(!config.learning.enabled);
}

#[test]
fn the_local_file_counts_in_development_only() {
    let folder = Folder::new();
    let local = folder.file("local.toml", "[worker]\nslots = 9");
    let config = load(&environment(&[("ORCHESTRATOR_LOCAL_CONFIG", &local)])).unwrap();
    assert_eq!(config.worker.slots, 0);
}

#[test]
fn lists_of_tables_merge_by_name_and_endpoints_too() {
    let folder = Folder::new();
    let one = folder.file(
        "one.toml",
        r#"
        [[channels]]
        name = "blog"
        kind = "directory"
        path = "a"
        [[channels]]
        name = "drop"
        kind = "null"
        [[apis]]
        name = "shop"
        base_url = "http://127.0.0.1:9"
        [[apis.endpoints]]
        name = "stock"
        path = "/stock"
        [[apis.endpoints]]
        name = "price"
        path = "/price"
        method = "POST"
        "#,
    );
    let two = folder.file(
        "two.toml",
        r#"
        [[channels]]
        name = "blog"
        path = "b"
        [[apis]]
        name = "shop"
        [[apis.endpoints]]
        name = "stock"
        timeout_seconds = 5
        "#,
    );
    let config = load(&environment(&[
        ("ORCHESTRATOR_CONFIG", &format!("{one}:{two}")),
        ("ORCHESTRATOR_CHANNELS__NOTES__KIND", "null"),
    ]))
    .unwrap();
    let names: Vec<_> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["blog", "drop", "notes"]);
    assert_eq!(config.channels[0].directory(), PathBuf::from("b"));
    assert_eq!(config.channels[0].kind, ChannelKind::Directory);
    let [price, stock] = &config.apis[0].endpoints[..] else {
        panic!("two endpoints")
    };
    assert_eq!((stock.path.as_str(), stock.timeout_seconds), ("/stock", 5.0));
    assert_eq!((price.effects(), stock.effects()), (Effects::Once, Effects::ReadOnly));
}

#[test]
fn all_faults_are_told_at_once_each_with_its_source_and_key() {
    let folder = Folder::new();
    let file = folder.file(
        "bad.toml",
        r#"
        [quality]
        threshold = 7
        treshold = 0.5
        [policy]
        channels = ["nowhere"]
        plan_review = "yes"
        [[channels]]
        name = "hook"
        kind = "webhook"
        colour = "red"
        [[channels]]
        name = "odd"
        kind = "carrier-pigeon"
        [[channels]]
        kind = "null"
        [[apis]]
        name = "shop"
        base_url = "shop"
        [[apis.endpoints]]
        name = "stock"
        path = "stock"
        [llm]
        base_url = "http://127.0.0.1:8000/v1"
        [surprise]
        a = 1
        "#,
    );
    let broken = folder.file("broken.toml", "[a]\n= 1");
    let found = faults(&environment(&[
        ("ORCHESTRATOR_CONFIG", &format!("{file}:{broken}:/nowhere/at-all.toml")),
        ("ORCHESTRATOR_GATEWAY__REST_ADDR", "eighty"),
        ("ORCHESTRATOR_WORKER__SLOTS", "many"),
        ("ORCHESTRATOR_WORKER__POOL", "a.b"),
    ]));
    for key in [
        "quality.threshold",
        "quality.treshold",
        "policy.channels",
        "policy.plan_review",
        "channels[hook].url",
        "channels[hook].colour",
        "channels[odd].kind",
        "channels[#2].name",
        "apis[shop].base_url",
        "apis[shop].endpoints[stock].path",
        "llm.model",
        "surprise",
    ] {
        assert_eq!(fault(&found, key).origin, file, "{key}");
    }
    assert_eq!(
        fault(&found, "gateway.rest_addr").origin,
        "ORCHESTRATOR_GATEWAY__REST_ADDR"
    );
    assert_eq!(fault(&found, "worker.slots").origin, "ORCHESTRATOR_WORKER__SLOTS");
    assert_eq!(fault(&found, "worker.pool").origin, "ORCHESTRATOR_WORKER__POOL");
    assert!(
        found
            .iter()
            .any(|fault| fault.origin == broken && fault.reason.starts_with("line 2"))
    );
    assert!(found.iter().any(|fault| fault.origin == "/nowhere/at-all.toml"));
    assert!(fault(&found, "quality.treshold").fix.contains("threshold"));
    assert!(fault(&found, "channels[odd].kind").fix.contains("\"webhook\""));
}

#[test]
fn a_name_that_stands_twice_in_one_file_is_a_fault() {
    let folder = Folder::new();
    let twice = "[[channels]]\nname = \"a\"\nkind = \"null\"\n";
    let file = folder.file("twice.toml", &format!("{twice}{twice}"));
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    assert_eq!(fault(&found, "channels[a]").origin, file);
}

#[test]
fn variables_take_the_type_their_key_wants() {
    let folder = Folder::new();
    let channel = folder.file("channel.toml", "[[channels]]\nname = \"blog\"\nkind = \"directory\"");
    let config = load(&environment(&[
        ("ORCHESTRATOR_CONFIG", &channel),
        ("ORCHESTRATOR_NATS__USER", "123"),
        ("ORCHESTRATOR_NATS__PASSWORD", "456"),
        ("ORCHESTRATOR_POLICY__CHANNELS", "[\"blog\"]"),
        ("ORCHESTRATOR_QUALITY__THRESHOLD", "1"),
        (
            "ORCHESTRATOR_GATEWAY__COORDINATOR_URL",
            "http://127.0.0.1:1, http://127.0.0.1:2",
        ),
        ("ORCHESTRATOR_LLM__ROLES__JUDGE", "offline"),
        ("ORCHESTRATOR_DATABASE__URL", "{ env = \"NO_SUCH_VARIABLE_HERE\" }"),
    ]))
    .unwrap();
    assert_eq!(config.nats.user.as_deref(), Some("123"));
    assert_eq!(config.nats.password.unwrap().resolve().unwrap(), "456");
    assert_eq!(config.policy.channels, ["blog"]);
    let coordinators: Vec<_> = config.gateway.coordinator_urls().collect();
    assert_eq!(coordinators, ["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    assert!(matches!(config.database.url.resolve(), Err(SecretError::Env(name)) if name == "NO_SUCH_VARIABLE_HERE"));
}

#[test]
fn secrets_are_resolved_but_never_shown() {
    let folder = Folder::new();
    let secret_file = folder.file("password", "hunter2\n");
    let config = load(&environment(&[
        ("ORCHESTRATOR_DATABASE__URL", "postgres://u:hunter2@h/d"),
        ("ORCHESTRATOR_NATS__URL", "nats://u:hunter2@h:1,nats://h:2"),
        ("ORCHESTRATOR_NATS__USER", "u"),
        (
            "ORCHESTRATOR_NATS__PASSWORD",
            &format!("{{ file = \"{secret_file}\" }}"),
        ),
    ]))
    .unwrap();
    assert_eq!(config.nats.password.as_ref().unwrap().resolve().unwrap(), "hunter2");
    let shown = format!("{config:?}{}", config.to_toml().unwrap());
    assert!(!shown.contains("hunter2"));
    assert!(shown.contains("nats://***@h:1,nats://h:2") && shown.contains("url = \"***\""));
}

#[test]
fn plain_secrets_in_files_are_for_development() {
    let folder = Folder::new();
    let file = folder.file("plain.toml", "[database]\nurl = \"postgres://u:hunter2@h/d\"");
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    assert_eq!(fault(&found, "database.url").origin, file);
    assert!(!format!("{}", Faults(found)).contains("hunter2"));
    let local = folder.file("local.toml", "");
    let development = environment(&[
        ("ORCHESTRATOR_CONFIG", &file),
        ("ORCHESTRATOR_SERVICE__DEVELOPMENT", "true"),
        ("ORCHESTRATOR_LOCAL_CONFIG", &local),
    ]);
    assert!(load(&development).is_ok());
}

#[test]
fn the_null_model_is_refused_outside_development() {
    let null = ("ORCHESTRATOR_LLM__ROLES__PLANNER", "null");
    let found = faults(&environment(&[null]));
    assert_eq!(fault(&found, "llm.roles.planner").origin, null.0);
    let folder = Folder::new();
    let local = folder.file("local.toml", "");
    let development = ("ORCHESTRATOR_SERVICE__DEVELOPMENT", "true");
    let config = load(&environment(&[
        null,
        development,
        ("ORCHESTRATOR_LOCAL_CONFIG", &local),
    ]))
    .unwrap();
    assert_eq!(config.llm.answering(Role::Planner), Answering::Null);
    assert_eq!(config.llm.answering(Role::Judge), Answering::Offline);
}

#[test]
fn a_key_that_is_not_there_is_missed_by_the_roles_that_need_it_alone() {
    let folder = Folder::new();
    let file = folder.file(
        "keys.toml",
        r#"
        [llm.providers.claude]
        kind = "anthropic"
        api_key = { env = "A_KEY_THAT_NOBODY_SETS" }
        model = "claude-x"
        [llm.providers.other]
        kind = "openai"
        base_url = "http://127.0.0.1:8000/v1"
        [llm.roles]
        planner = "other/m"
        judge = ["other/m", "claude"]
        "#,
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &file)])).unwrap();
    assert!(config.llm.check_keys(Role::Planner).is_ok());
    assert!(config.llm.check_keys(Role::Writer).is_ok());
    let faults = config.llm.check_keys(Role::Judge).unwrap_err().to_string();
    assert!(
        faults.contains("llm.providers.claude.api_key: environment variable A_KEY_THAT_NOBODY_SETS is not set"),
        "{faults}"
    );
}

#[test]
fn embeddings_are_asked_of_a_server_that_has_them_with_a_key_that_is_there() {
    let folder = Folder::new();
    let file = folder.file(
        "embeddings.toml",
        r#"
        [llm.providers.claude]
        kind = "anthropic"
        [tools.embeddings]
        provider = "claude"
        timeout_seconds = 60
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    for key in ["provider", "model", "timeout_seconds"] {
        assert_eq!(fault(&found, &format!("tools.embeddings.{key}")).origin, file, "{key}");
    }
    let file = folder.file("model.toml", "[tools.embeddings]\nmodel = \"m\"");
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    assert_eq!(fault(&found, "tools.embeddings.model").origin, file);

    let file = folder.file(
        "key.toml",
        r#"
        [llm.providers.own]
        kind = "openai"
        api_key = { env = "A_KEY_THAT_NOBODY_SETS" }
        [tools.embeddings]
        provider = "own"
        model = "m"
        "#,
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &file)])).unwrap();
    assert!(config.llm.check_keys(Role::Planner).is_ok());
    let faults = config.check_embeddings_key().unwrap_err().to_string();
    assert!(faults.contains("A_KEY_THAT_NOBODY_SETS is not set"), "{faults}");
}

#[test]
fn roles_and_sizes_name_models_whose_names_may_hold_slashes() {
    let folder = Folder::new();
    let file = folder.file(
        "models.toml",
        r#"
        [llm]
        base_url = "http://127.0.0.1:8000/v1"
        model = "local"
        [llm.providers.claude]
        kind = "anthropic"
        api_key = { env = "ANTHROPIC_API_KEY" }
        model = "claude-x"
        [llm.providers.openrouter]
        kind = "openai"
        base_url = "https://openrouter.ai/api/v1"
        [llm.roles]
        judge = ["claude", "openrouter/meta/llama"]
        planner = "offline"
        [llm.tiers]
        large = "claude/claude-y"
        [llm.prices."local*"]
        input = 0
        output = 0
        "#,
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &file)])).unwrap().llm;
    let target = |text: &str| {
        let (provider, model) = text.split_once('/').unwrap();
        vec![Target {
            provider: provider.to_owned(),
            model: model.to_owned(),
        }]
    };
    let judges = [target("claude/claude-x"), target("openrouter/meta/llama")].concat();
    let same = |models: Vec<Target>| Answering::Models {
        small: models.clone(),
        standard: models.clone(),
        large: models,
    };
    assert_eq!(config.answering(Role::Judge), same(judges));
    assert_eq!(config.answering(Role::Planner), Answering::Offline);
    let Answering::Models { small, standard, large } = config.answering(Role::Writer) else {
        panic!("no models")
    };
    assert_eq!((small, standard), (target("default/local"), target("default/local")));
    assert_eq!(large, target("claude/claude-y"));
}

#[test]
fn models_that_nobody_could_ask_are_told_with_their_key() {
    let folder = Folder::new();
    let file = folder.file(
        "models.toml",
        r#"
        [llm]
        model = "left over"
        max_concurrency = 0
        [llm.providers.claude]
        kind = "anthropic"
        base_url = "api.anthropic.com"
        [llm.providers."a/b"]
        kind = "openai"
        [llm.roles]
        planner = "claude"
        writer = ["offline", "claude/x"]
        judge = []
        [llm.tiers]
        small = "nobody/x"
        [llm.prices."x"]
        input = -1
        output = 1
        "#,
    );
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &file)]));
    for key in [
        "llm.model",
        "llm.max_concurrency",
        "llm.providers.claude.base_url",
        "llm.providers.a/b",
        "llm.roles.planner",
        "llm.roles.writer",
        "llm.roles.judge",
        "llm.tiers.small",
        "llm.prices.x.input",
    ] {
        assert_eq!(fault(&found, key).origin, file, "{key}");
    }
}

#[test]
fn hosts_and_origins_that_match_nobody_are_told() {
    let folder = Folder::new();
    let mcp = |text: &str| {
        let file = folder.file("mcp.toml", &format!("[mcp]\n{text}"));
        load(&environment(&[("ORCHESTRATOR_CONFIG", &file)]))
    };
    let good = mcp(r#"
        allowed_hosts = ["orchestrator.example", "a.example:8443", "[::1]", "[::1]:8080"]
        allowed_origins = ["https://app.example:443", "http://localhost:*"]
        "#);
    let good = good.unwrap().mcp;
    assert_eq!((good.allowed_hosts.len(), good.decisions), (4, Decisions::Elicitation));
    assert_eq!(mcp("decisions = \"off\"").unwrap().mcp.decisions, Decisions::Off);
    fault(&mcp("decisions = \"model\"").unwrap_err().0, "mcp.decisions");
    for host in ["https://a.example", "a.example/mcp", "a:b", "", "::1", "*"] {
        let found = mcp(&format!("allowed_hosts = [{host:?}]")).unwrap_err().0;
        fault(&found, "mcp.allowed_hosts");
    }
    for origin in [
        "app.example:443",
        "https://app.example",
        "https://app.example:443/",
        "null",
        "*",
    ] {
        let found = mcp(&format!("allowed_origins = [{origin:?}]")).unwrap_err().0;
        fault(&found, "mcp.allowed_origins");
    }
    fault(&mcp("allowed_hosts = []").unwrap_err().0, "mcp.allowed_hosts");
    assert!(mcp("enabled = false\nallowed_hosts = []").is_ok());
}

#[test]
fn the_shipped_local_file_is_valid() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local.toml");
    let config = load(&environment(&[
        ("ORCHESTRATOR_SERVICE__DEVELOPMENT", "true"),
        ("ORCHESTRATOR_LOCAL_CONFIG", path.to_str().unwrap()),
    ]))
    .unwrap();
    assert_eq!(config.mcp.decisions, Decisions::Tool);
    assert!(config.policy.auto_approve);
    assert_eq!(config.policy.auto_approve_min_quality, 0.0);
    assert_eq!(config.policy.channels, ["blog"]);
    assert_eq!(
        (config.learning.offer_from, config.learning.hold_out_share),
        (OfferFrom::Candidate, 0.0)
    );
    assert_eq!(config.channels[0].directory(), PathBuf::from("published/blog"));
}

#[test]
fn the_shipped_default_file_tells_every_key_and_changes_nothing() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/default.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        documented_defaults().unwrap(),
        "write it anew with --default-config"
    );
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", path.to_str().unwrap())])).unwrap();
    assert_eq!(config.to_toml().unwrap(), Config::default().to_toml().unwrap());
}

#[test]
fn teams_of_several_files_merge_by_name() {
    let folder = Folder::new();
    let team = |name: &str, member: &str| format!("[[learning.teams]]\nname = \"{name}\"\nmembers = [\"{member}\"]\n");
    let first = folder.file("a.toml", &[team("editors", "ann"), team("sales", "bob")].concat());
    let second = folder.file("b.toml", &team("editors", "cid"));
    let config = load(&environment(&[("ORCHESTRATOR_CONFIG", &format!("{first}:{second}"))])).unwrap();
    let teams = config.learning.teams.iter();
    let teams: Vec<(&str, Vec<&str>)> = teams
        .map(|team| (team.name.as_str(), team.members.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(teams, [("editors", vec!["cid"]), ("sales", vec!["bob"])]);
}

#[test]
fn a_budget_of_a_tenant_has_figures_that_can_be_held_and_one_table() {
    let folder = Folder::new();
    let table = |rest: &str| format!("[[policy.tenant_budgets]]\ntenant = {rest}\n");
    let text = [
        table("\"shop\"\nwindow_seconds = 0\nmax_cost_usd = -1.0"),
        table("\"farm\"\nwindow_seconds = 60\nmax_cost_usd = nan"),
        table("\"*\"\nwindow_seconds = 60\nmax_tokens = 9000000000000000000\nmax_calls = -1"),
    ];
    let path = folder.file("a.toml", &text.concat());
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &path)]));
    for key in [
        "[shop].window_seconds",
        "[shop].max_cost_usd",
        "[farm].max_cost_usd",
        "[*].max_tokens",
        "[*].max_calls",
    ] {
        fault(&found, &format!("policy.tenant_budgets{key}"));
    }
    let text = [
        table("\"shop\"\nwindow_seconds = 60\nmax_calls = 1"),
        table("\"shop\"\nwindow_seconds = 90\nmax_calls = 1"),
        table("\"a.b\"\nwindow_seconds = 60"),
    ];
    let path = folder.file("b.toml", &text.concat());
    let found = faults(&environment(&[("ORCHESTRATOR_CONFIG", &path)]));
    for key in ["[shop]", "[a.b].tenant", "[a.b]"] {
        fault(&found, &format!("policy.tenant_budgets{key}"));
    }
}

#[test]
fn budgets_of_tenants_merge_by_tenant() {
    let folder = Folder::new();
    let one = folder.file(
        "one.toml",
        r#"
        [[policy.tenant_budgets]]
        tenant = "*"
        window_seconds = 3600
        max_calls = 10
        [[policy.tenant_budgets]]
        tenant = "shop"
        window_seconds = 60
        max_calls = 1
        "#,
    );
    let two = folder.file(
        "two.toml",
        "[[policy.tenant_budgets]]\ntenant = \"shop\"\nmax_cost_usd = 2.0\n",
    );
    let config = load(&environment(&[
        ("ORCHESTRATOR_CONFIG", &format!("{one}:{two}")),
        ("ORCHESTRATOR_POLICY__TENANT_BUDGETS__SHOP__MAX_CALLS", "5"),
    ]))
    .unwrap();
    let budgets: Vec<_> = config.policy.tenant_budgets.iter().collect();
    let figures = |at: usize| {
        let budget = budgets[at];
        (
            budget.tenant.as_str(),
            budget.window_seconds,
            budget.max_calls,
            budget.max_cost_usd,
        )
    };
    assert_eq!(budgets.len(), 2);
    assert_eq!(figures(0), ("*", 3600, Some(10), None));
    assert_eq!(figures(1), ("shop", 60, Some(5), Some(2.0)));
}

#[test]
fn every_key_is_documented() {
    let schema = schemars::schema_for!(Config).to_value();
    let mut missing = Vec::new();
    undocumented(&schema, "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

fn undocumented(node: &serde_json::Value, at: &str, missing: &mut Vec<String>) {
    let Some(table) = node.as_object() else { return };
    for (name, property) in table
        .get("properties")
        .and_then(|p| p.as_object())
        .into_iter()
        .flatten()
    {
        if property.is_object() && property.get("description").is_none() && !at.ends_with("/Secret") {
            missing.push(format!("{at}.{name}"));
        }
    }
    for (name, definition) in table.get("$defs").and_then(|d| d.as_object()).into_iter().flatten() {
        undocumented(definition, &format!("/{name}"), missing);
    }
}
