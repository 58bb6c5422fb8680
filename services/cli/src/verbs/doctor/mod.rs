//! `orchestrator doctor`.

mod finding;
mod machine;
mod models;
mod running;

use crate::dev;
use crate::layout::Layout;
use crate::look::Look;
use crate::terminal::answer;
use anyhow::{Result, bail};
use finding::{Finding, Verdict};

/// Looks at the machine, the configuration, the models, and at what runs; nothing running is no fault.
///
/// # Errors
/// When anything does not work.
pub async fn run(layout: &Layout, as_json: bool) -> Result<()> {
    let findings = examine(layout).await;
    if as_json {
        answer(finding::document(&findings))?;
    } else {
        answer(finding::text(&findings, Look::of_stdout()))?;
    }
    let faults = finding::count(&findings, Verdict::Fail);
    if faults > 0 {
        bail!("{faults} of {} checks failed", findings.len());
    }
    Ok(())
}

async fn examine(layout: &Layout) -> Vec<Finding> {
    let mut findings = machine::programs(layout);
    findings.push(machine::disk(layout));
    let running = running::installation(layout);
    match dev::configuration(layout) {
        Ok(config) => {
            findings.push(Finding::ok("configuration", sources()));
            findings.extend(machine::directories(layout, &config));
            if running.is_err() && !dev::flag("ORCHESTRATOR_RANDOM_PORTS") {
                findings.extend(machine::ports(&config));
            }
            findings.extend(models::check(&config.llm).await);
        }
        Err(fault) => findings.push(Finding::fail(
            "configuration",
            format!("{fault:#}"),
            "correct what is named there; deploy/default.toml documents every key",
        )),
    }
    match running {
        Ok(document) => findings.extend(running::check(layout, &document).await),
        Err(finding) => findings.push(finding),
    }
    findings
}

/// What was read beside the defaults.
fn sources() -> String {
    match std::env::var("ORCHESTRATOR_CONFIG") {
        Ok(files) if !files.is_empty() => format!("in order, with {files}"),
        _ => "in order".to_owned(),
    }
}
