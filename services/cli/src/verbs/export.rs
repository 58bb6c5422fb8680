//! `orchestrator export`.

use super::Caller;
use crate::arguments::ExportArguments;
use crate::terminal::answer;
use anyhow::{Context, Result, bail};
use client::{Export, ExportRequest};
use futures::{StreamExt, pin_mut};
use serde_json::json;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(500);
const RUNNING: &str = "running";

pub async fn run(caller: &Caller, arguments: ExportArguments) -> Result<()> {
    let request = ExportRequest {
        format: Some(arguments.format),
        filter_by_quality: arguments.min_quality,
        limit: arguments.limit,
        seed: arguments.seed,
        split: arguments.split,
        consent: arguments.consent,
        origin: arguments.origin,
        ..ExportRequest::default()
    };
    let mut export = caller.client.start_export(&request).await?;
    while export.state == RUNNING {
        tell(&export);
        tokio::time::sleep(POLL).await;
        export = caller.client.export(&export.export_id).await?;
    }
    if export.state == "failed" {
        bail!("export {} failed: {}", export.export_id, json!(export));
    }
    let Some(path) = arguments.output else {
        if caller.json {
            answer(json!(export))?;
            return Ok(());
        }
        return download(caller, &export, &mut std::io::stdout().lock()).await;
    };
    let mut file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    download(caller, &export, &mut file).await?;
    file.sync_all().with_context(|| format!("writing {}", path.display()))?;
    caller.print(&json!(export), |_, _| path.display().to_string())
}

/// How far it is, on a terminal.
fn tell(export: &Export) {
    let progress = |name: &str| export.rest.get("progress")?.get(name)?.as_u64();
    if let Some((done, of)) = progress("records_done").zip(progress("records"))
        && std::io::stderr().is_terminal()
    {
        eprint!("\r{done} of {of} records");
    }
}

async fn download(caller: &Caller, export: &Export, to: &mut impl Write) -> Result<()> {
    let pieces = caller.client.download_export(&export.export_id).await?;
    pin_mut!(pieces);
    while let Some(piece) = pieces.next().await {
        to.write_all(&piece.context("downloading the export")?)
            .context("writing the export")?;
    }
    to.flush().context("writing the export")
}
