//! Every command of the README, run as it stands there.

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use integration_tests::event_stream;
use integration_tests::plans::{null_step, unattended};
use integration_tests::readme::{Block, Checkout, blocks, is_installed};
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System, binary, workspace};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

/// Blocks that are not run here, by their first command, and why.
const NOT_RUN: [(&str, &str); 3] = [
    (
        "make run",
        "`make test` runs this test; `make run` builds and starts what is tested here once more",
    ),
    (
        "make up",
        "the system runs already; it was started by what `make up` calls",
    ),
    (
        "export ORCHESTRATOR_CONFIG",
        "starts everything again with a model that is not here; `doctor` is run by another block, the files by the test below",
    ),
];

/// Programs of the README that are neither ours nor on every machine.
const FOREIGN: [&str; 3] = ["curl", "grpcurl", "nats"];

/// By a word of the block, what its output has.
const SHOWN: [(&str, &[&str]); 7] = [
    (
        "--auto-approve --watch\norchestrator status",
        &[
            "task.completed",
            "published to: blog",
            "judged by offline",
            "paper bags",
        ],
    ),
    (
        "TASK=$(curl",
        &[
            "\"kind\":\"publication\"",
            "io.orchestrator.task.completed.v1",
            "blog:",
            ".md",
        ],
    ),
    ("grpcurl", &["orchestrator.v1.OrchestratorService", "\"taskId\""]),
    ("NATS_URL=", &["io.orchestrator.task.completed.v1"]),
    (
        "orchestrator metrics",
        &["success_rate", "feedback recorded", "writer_agent", "at most $0.50"],
    ),
    (
        "orchestrator doctor\n",
        &[
            "ok    configuration",
            "ok    gateway-1",
            "ok    stream ORCHESTRATOR_EVENTS",
        ],
    ),
    ("orchestrator export", &["training.jsonl"]),
];

fn readme(language: &str) -> Result<Vec<Block>> {
    let text = fs::read_to_string(workspace().join("README.md"))?;
    let mut found = blocks(&text)?;
    found.retain(|block| block.language == language);
    ensure!(!found.is_empty(), "the README has no {language} block");
    Ok(found)
}

#[test]
fn the_commands_of_the_readme_run_as_pasted() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shell = readme("sh")?;
        let system = System::start(Options::new("readme", String::new())).await?;
        let outcome = run(&system, &shell).await;
        if outcome.is_err() {
            system.keep_state();
        }
        let left = system.stop();
        outcome.and(left)
    })
}

async fn run(system: &System, shell: &[Block]) -> Result<()> {
    for (first, _) in NOT_RUN {
        ensure!(
            shell
                .iter()
                .any(|block| is_left_out(block).is_some_and(|(named, _)| named == first)),
            "no block begins with `{first}` any more"
        );
    }
    for (named, _) in SHOWN {
        ensure!(
            shell.iter().any(|block| block.text.contains(named)),
            "no block has {named:?} any more"
        );
    }
    let checkout = Checkout::of(system)?;
    let mut pasted: Vec<&Block> = Vec::new();
    let mut listeners: Vec<&Block> = Vec::new();
    for block in shell {
        if let Some((_, why)) = is_left_out(block) {
            println!("not run  line {}: {why}", block.line);
        } else if let Some(program) = FOREIGN
            .into_iter()
            .find(|program| block.uses(program) && !is_installed(program))
        {
            println!(
                "SKIPPED  line {}: {program} is not installed on this machine",
                block.line
            );
        } else if block.uses("nats") {
            listeners.push(block);
        } else {
            pasted.push(block);
        }
    }
    let outputs = checkout.paste(&pasted, LIMIT).await?;
    ensure!(
        outputs.len() == pasted.len(),
        "{} of {} blocks ran",
        outputs.len(),
        pasted.len()
    );
    for (block, output) in pasted.iter().zip(&outputs) {
        check(block, output)?;
    }
    let subject = shell
        .iter()
        .find(|block| block.uses("nats"))
        .context("no block listens on NATS")?;
    listen_ourselves(system, subject).await?;
    for block in listeners {
        check(block, &heard(system, &checkout, block).await?)?;
    }
    Ok(())
}

fn is_left_out(block: &Block) -> Option<(&'static str, &'static str)> {
    let first = block.commands().next().unwrap_or_default();
    NOT_RUN.into_iter().find(|(named, _)| first.starts_with(named))
}

fn check(block: &Block, output: &str) -> Result<()> {
    println!("ran      line {}", block.line);
    ensure!(
        !output.contains("urn:orchestrator:problem:") && !output.trim().is_empty(),
        "the block of line {} was refused, or said nothing:\n{output}",
        block.line
    );
    for (named, wanted) in SHOWN.iter().filter(|(named, _)| block.text.contains(named)) {
        for text in *wanted {
            ensure!(
                output.contains(text),
                "the block with {named:?} does not show {text:?}:\n{output}"
            );
        }
    }
    Ok(())
}

/// What a listener shows; tasks complete until it has heard of one, since nobody knows when it begins to listen.
async fn heard(system: &System, checkout: &Checkout, block: &Block) -> Result<String> {
    let blocks = [block];
    let listening = checkout.paste(&blocks, LIMIT);
    tokio::pin!(listening);
    loop {
        tokio::select! {
            output = &mut listening => return Ok(output?.concat()),
            completed = completing(system) => completed?,
        }
    }
}

/// Where the program is missing, the address and the subject are still what they are said to be.
async fn listen_ourselves(system: &System, block: &Block) -> Result<()> {
    let mut commands = block.commands();
    let command = commands
        .find(|line| line.starts_with("nats "))
        .context("nats is not called")?;
    let subject = command.split('\'').nth(1).context("no subject in quotes")?.to_owned();
    let client = event_stream::connect(&system.dev()?.nats_url).await?;
    let mut events = client.subscribe(subject).await?;
    client.flush().await?;
    completing(system).await?;
    let event = tokio::time::timeout(LIMIT, events.next())
        .await?
        .context("NATS went away")?;
    let event: Value = serde_json::from_slice(&event.payload)?;
    ensure!(event["type"] == "io.orchestrator.task.completed.v1", "{event}");
    Ok(())
}

/// Takes one task after the other to its end until one was seen to end: whoever listens may have begun late.
async fn completing(system: &System) -> Result<()> {
    let rest = Rest::new(&system.dev()?.rest_url)?;
    let step = null_step("pack", &json!({ "text": "Wrapped, padded, closed." }), &[]);
    let request = unattended("Pack a parcel", json!({ "steps": [step] }), &[]);
    let task = rest.submit(&request).await?;
    rest.until(&task, &["completed"], LIMIT).await?;
    Ok(())
}

#[test]
fn the_configurations_of_the_readme_are_accepted() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("readme-configurations-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = readme("toml")?
        .iter()
        .try_for_each(|block| accepted(block, &folder.join("my.toml")));
    fs::remove_dir_all(&folder)?;
    outcome
}

fn accepted(block: &Block, file: &Path) -> Result<()> {
    const KEY: &str = "sk-of-the-test";
    fs::write(file, &block.text)?;
    let output = Command::new(binary("planner")?)
        .arg("--check-config")
        .current_dir(workspace())
        .env("ORCHESTRATOR_CONFIG", file)
        .envs([("OPENAI_API_KEY", KEY), ("ANTHROPIC_API_KEY", KEY)])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(!said.contains(KEY), "line {}: the key is shown", block.line);
    ensure!(output.status.success(), "line {}: {said}", block.line);
    Ok(())
}
