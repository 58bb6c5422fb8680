//! `orchestrator doctor`.

use crate::dev::{DevDocument, programs};
use crate::layout::Layout;
use crate::terminal::answer;
use anyhow::{Result, bail};
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// One thing looked at.
struct Finding {
    name: String,
    ok: bool,
    detail: String,
}

impl Finding {
    fn of(name: &str, outcome: Result<String>) -> Self {
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(error) => (false, format!("{error:#}")),
        };
        Self {
            name: name.to_owned(),
            ok,
            detail,
        }
    }
}

/// Looks at the machine and at what runs; nothing running is no fault.
///
/// # Errors
/// When anything is not as it should be.
pub async fn run(layout: &Layout, as_json: bool) -> Result<()> {
    let mut findings = vec![
        Finding::of(
            "nats-server",
            programs::nats_server(layout).map(|server| format!("{}  {}", server.version, server.program.display())),
        ),
        Finding::of(
            "postgres",
            programs::postgres(None).map(|(_, server)| format!("{}  {}", server.version, server.program.display())),
        ),
        Finding::of(
            "services built",
            programs::services().map(|directory| directory.display().to_string()),
        ),
    ];
    findings.extend(running(layout).await);
    if as_json {
        let document = |finding: &Finding| json!({ "name": finding.name, "ok": finding.ok, "detail": finding.detail });
        answer(json!({ "checks": findings.iter().map(document).collect::<Vec<_>>() }))?;
    } else {
        for finding in &findings {
            let verdict = if finding.ok { "ok" } else { "FAULT" };
            answer(format_args!("{verdict:<5}{:<18}{}", finding.name, finding.detail))?;
        }
    }
    let faults = findings.iter().filter(|finding| !finding.ok).count();
    if faults > 0 {
        bail!("{faults} of {} checks found a fault", findings.len());
    }
    Ok(())
}

async fn running(layout: &Layout) -> Vec<Finding> {
    let document = match DevDocument::read(layout) {
        Ok(Some(document)) => document,
        Ok(None) => {
            return vec![Finding::of(
                "running",
                Ok("nothing; start it with `make up`".to_owned()),
            )];
        }
        Err(error) => return vec![Finding::of("running", Err(error))],
    };
    let mut findings = Vec::new();
    for entry in document.services {
        let outcome = match (entry.pid, &entry.health_url) {
            (None, _) => Err(anyhow::anyhow!("not ready; see {}", layout.log(&entry.name).display())),
            (Some(pid), None) => Ok(format!("process {pid}")),
            (Some(pid), Some(url)) => healthy(url).await.map(|()| format!("process {pid}  {url}")),
        };
        findings.push(Finding::of(&entry.name, outcome));
    }
    findings
}

async fn healthy(url: &str) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let status = http.get(url).send().await?.status();
    if !status.is_success() {
        bail!("{url} answers {status}");
    }
    Ok(())
}
