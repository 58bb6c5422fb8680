//! `orchestrator import`.

use super::Caller;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::AsyncReadExt;

const PIECE: usize = 256 << 10;

pub async fn run(caller: &Caller, file: &Path) -> Result<()> {
    let path = if file == Path::new("-") {
        Path::new("/dev/stdin")
    } else {
        file
    };
    let source = tokio::fs::File::open(path).await;
    let source = source.with_context(|| format!("opening {}", file.display()))?;
    let pieces = stream::try_unfold(source, |mut source| async move {
        let mut piece = vec![0; PIECE];
        let size = source.read(&mut piece).await?;
        piece.truncate(size);
        Ok((size > 0).then(|| (Bytes::from(piece), source)))
    });
    let report = caller.client.import(pieces).await?;
    caller.print(&json!(report), |_, _| {
        let mut text = format!(
            "{} imported, {} there already, {} refused",
            report.imported, report.duplicates, report.rejected
        );
        let errors = report.rest.get("errors").and_then(Value::as_array);
        for error in errors.into_iter().flatten() {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            let line = error.get("line").and_then(Value::as_u64).unwrap_or_default();
            text.push_str(&format!("\nline {line}: {} {}", part("pointer"), part("detail")));
        }
        text
    })?;
    if report.rejected > 0 {
        bail!("{} lines were refused", report.rejected);
    }
    Ok(())
}
