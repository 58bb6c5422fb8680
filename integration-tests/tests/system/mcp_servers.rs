//! Servers of the Model Context Protocol that nobody here wrote, over both transports and both kinds of revisions.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use integration_tests::plans::unattended;
use integration_tests::processes;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System, workspace};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// `EX_TEMPFAIL`: this machine cannot install them.
const CANNOT: i32 = 75;

#[test]
fn reference_servers_are_discovered_and_run_inside_tasks() -> Result<()> {
    let Some(servers) = installed()? else {
        return left_out(
            "the reference servers of the Model Context Protocol need npm, Python with venv, and their registries",
        );
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(reference_servers(&servers))
}

/// What this machine cannot run is told; where nothing may be left out, it fails.
fn left_out(why: &str) -> Result<()> {
    let everything = std::env::var("ORCHESTRATOR_SKIP_NOTHING").is_ok_and(|set| !set.is_empty());
    ensure!(
        !everything,
        "{why}, and nothing may be skipped: ORCHESTRATOR_SKIP_NOTHING is set"
    );
    println!("SKIPPED: {why}");
    Ok(())
}

fn installed() -> Result<Option<PathBuf>> {
    let script = workspace().join("scripts/ensure-mcp-servers.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output()?;
    if output.status.code() == Some(CANNOT) {
        return Ok(None);
    }
    ensure!(output.status.success(), "the reference servers were not installed");
    Ok(Some(PathBuf::from(String::from_utf8(output.stdout)?.trim())))
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn reference_servers(servers: &Path) -> Result<()> {
    let folder = servers.join("shared");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let token = format!("token-{:016x}", RandomState::new().build_hasher().finish());
    std::fs::write(folder.join("token.txt"), &token)?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let everything = servers.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let _over_http = Running(
        Command::new("node")
            .args([everything.as_os_str(), "streamableHttp".as_ref()])
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let page = pages(&token).await?;
    let system = System::start(Options::new("mcp", configuration(servers, &folder, port))).await?;
    let rest = Rest::new(&system.dev()?.rest_url)?;

    let wanted = [
        "everything.echo",
        "everything_http.echo",
        "files.read_text_file",
        "memory.create_entities",
        "time.get_current_time",
        "fetch.fetch",
    ];
    eventually("every server's tools are in the catalog", LIMIT, || async {
        let tools = rest.pages("/tools?limit=200").await?;
        let ids: BTreeSet<&str> = tools.iter().filter_map(|tool| tool["tool_id"].as_str()).collect();
        let missing: Vec<_> = wanted.iter().filter(|id| !ids.contains(**id)).collect();
        ensure!(missing.is_empty(), "missing {missing:?}");
        let echo = tools
            .iter()
            .find(|tool| tool["tool_id"] == "everything.echo")
            .context("no echo")?;
        ensure!(echo["source"] == "mcp" && echo["effects"] == "read_only", "{echo}");
        let create = tools
            .iter()
            .find(|tool| tool["tool_id"] == "memory.create_entities")
            .context("no memory")?;
        ensure!(create["effects"] == "once", "{create}");
        Ok(())
    })
    .await?;
    each_runs_inside_a_task(&rest, &token, &folder, &page).await?;
    a_question_of_a_server_is_answered_by_a_human(&rest).await?;
    a_server_killed_in_a_call_is_called_again(&system, &rest).await?;
    let children: Vec<u32> = processes::tree(system.pid("executor-1")?);
    system.stop()?;
    let left: Vec<u32> = children.into_iter().filter(|pid| processes::is_alive(*pid)).collect();
    ensure!(left.is_empty(), "processes of servers are left: {left:?}");
    Ok(())
}

fn configuration(servers: &Path, folder: &Path, port: u16) -> String {
    let node = |package: &str| {
        let path = servers
            .join("node_modules/@modelcontextprotocol")
            .join(package)
            .join("dist/index.js");
        format!("\"node\", {:?}", path)
    };
    let python = |program: &str| format!("{:?}", servers.join("python/bin").join(program));
    let memory = folder.join(format!("memory-{port}.json"));
    format!(
        r#"
[[mcp_servers]]
name = "everything"
command = [{everything}, "stdio"]
effects = "read_only"
[[mcp_servers]]
name = "everything_http"
url = "http://127.0.0.1:{port}/mcp"
effects = "read_only"
[[mcp_servers]]
name = "files"
command = [{filesystem}, {folder:?}]
enabled_tools = ["read_text_file", "list_directory"]
effects = "read_only"
[[mcp_servers]]
name = "memory"
command = [{memory_server}]
env = {{ MEMORY_FILE_PATH = {memory:?} }}
tools = {{ read_graph = {{ effects = "read_only" }} }}
[[mcp_servers]]
name = "time"
command = [{time}]
effects = "read_only"
[[mcp_servers]]
name = "fetch"
command = [{fetch}, "--ignore-robots-txt", "--allow-private-ips"]
effects = "read_only"
"#,
        everything = node("server-everything"),
        filesystem = node("server-filesystem"),
        memory_server = node("server-memory"),
        time = python("mcp-server-time"),
        fetch = python("mcp-server-fetch"),
    )
}

/// A page with the token, for the server that fetches.
async fn pages(token: &str) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/page", listener.local_addr()?);
    let page = format!("<html><body><p>The token is {token}.</p></body></html>");
    let app = axum::Router::new().fallback(move || async move { axum::response::Html(page) });
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn each_runs_inside_a_task(rest: &Rest, token: &str, folder: &Path, page: &str) -> Result<()> {
    let call = |key: &str, tool: &str, arguments: Value, after: &[&str]| json!({"key": key, "tool_id": tool, "arguments": arguments, "depends_on": after});
    let entity = json!({"entities": [{"name": token, "entityType": "token", "observations": ["seen"]}]});
    let steps = [
        call("stdio", "everything.echo", json!({"message": token}), &[]),
        call(
            "http",
            "everything_http.echo",
            json!({"message": {"$step": "stdio", "pointer": "/text"}}),
            &[],
        ),
        call("image", "everything.get-tiny-image", json!({}), &[]),
        call(
            "structured",
            "everything.get-structured-content",
            json!({"location": "Chicago"}),
            &[],
        ),
        call(
            "file",
            "files.read_text_file",
            json!({"path": folder.join("token.txt")}),
            &[],
        ),
        call("remember", "memory.create_entities", entity, &[]),
        call("recall", "memory.read_graph", json!({}), &["remember"]),
        call(
            "clock",
            "time.get_current_time",
            json!({"timezone": "Europe/Berlin"}),
            &[],
        ),
        call("page", "fetch.fetch", json!({"url": page}), &[]),
    ];
    let task = rest
        .submit(&unattended("Call them all", json!({"steps": steps}), &[]))
        .await?;
    let document = rest.until(&task, &["completed"], LIMIT).await?;
    for key in ["stdio", "http", "file", "recall", "page"] {
        let output = step(&document, key)?["output"].to_string();
        ensure!(output.contains(token), "{key}: {}", shortened(step(&document, key)?));
    }
    let image = step(&document, "image")?.list("/output/content")?;
    let png = image.iter().find(|item| item["type"] == "image").context("no image")?;
    ensure!(
        png["mime_type"] == "image/png" && !png.text("/data_base64")?.is_empty(),
        "{}",
        shortened(png)
    );
    let weather = step(&document, "structured")?;
    ensure!(
        weather.pointer("/output/structured/temperature").is_some(),
        "{}",
        shortened(weather)
    );
    ensure!(
        step(&document, "clock")?["output"]
            .to_string()
            .contains("Europe/Berlin"),
        "no time"
    );
    Ok(())
}

/// Over both transports the server asks in the middle of the call, as the handshake's revisions do.
async fn a_question_of_a_server_is_answered_by_a_human(rest: &Rest) -> Result<()> {
    for server in ["everything", "everything_http"] {
        let tool_id = format!("{server}.trigger-elicitation-request");
        let step_of_it = json!({"key": "ask", "tool_id": tool_id, "arguments": {}});
        let plan = json!({"steps": [step_of_it]});
        let task = rest.submit(&unattended("Ask me", plan, &[])).await?;
        rest.until(&task, &["awaiting_step_approval"], LIMIT).await?;
        let approval = rest.approval(&task).await?;
        ensure!(
            approval["tool_id"] == tool_id && approval["asks"] == "input",
            "{}",
            shortened(&approval)
        );
        let wanted = approval.pointer("/requests/0/schema/properties/name/type");
        ensure!(wanted == Some(&json!("string")), "{}", shortened(&approval));
        let key = approval.text("/requests/0/key")?;
        let answer = json!({"name": format!("Ada of {server}"), "check": true, "integer": 7});
        let word = json!({"approved": true, "gate_id": approval["gate_id"], "content_hash": approval["content_hash"],
            "responses": {key: answer}});
        rest.decide(&task, &word).await?.expect(200)?;
        let document = rest.until(&task, &["completed"], LIMIT).await?;
        let text = step(&document, "ask")?.text("/output/text")?;
        let told = [format!("- Name: Ada of {server}"), "- Favorite Integer: 7".to_owned()];
        ensure!(told.iter().all(|line| text.contains(line)), "{text}");
    }
    Ok(())
}

async fn a_server_killed_in_a_call_is_called_again(system: &System, rest: &Rest) -> Result<()> {
    let slow = json!({"key": "slow", "tool_id": "everything.trigger-long-running-operation",
        "arguments": {"duration": 5, "steps": 5}});
    let task = rest
        .submit(&unattended("Take long", json!({"steps": [slow]}), &[]))
        .await?;
    let is_server = |pid: &u32| {
        processes::command_line(*pid)
            .iter()
            .any(|part| part.contains("server-everything"))
    };
    eventually("the step runs", LIMIT, || async {
        let document = rest.status(&task).await?;
        ensure!(
            step(&document, "slow")?["status"] == "running",
            "{}",
            shortened(&document)
        );
        Ok(())
    })
    .await?;
    let executor = system.pid("executor-1")?;
    let pid = processes::tree(executor)
        .into_iter()
        .find(is_server)
        .context("no server process")?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
    let document = rest.until(&task, &["completed"], LIMIT).await?;
    let slow = step(&document, "slow")?;
    ensure!(
        slow.number("/attempt")? >= 2.0,
        "the killed call was no attempt: {}",
        shortened(slow)
    );
    ensure!(slow.text("/output/text")?.contains("completed"), "{}", shortened(slow));
    Ok(())
}
