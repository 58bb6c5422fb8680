//! `orchestrator models upload`.

use super::Caller;
use crate::arguments::UploadArguments;
use crate::text::field;
use anyhow::{Context, Result};
use bytes::Bytes;
use client::Upload;
use futures::stream;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

const PIECE: usize = 1 << 20;
const CONFIG: &str = "adapter_config.json";
/// Between two lines of progress, on a terminal and elsewhere.
const OFTEN: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(10);

pub async fn run(caller: &Caller, arguments: UploadArguments) -> Result<()> {
    let path = &arguments.file;
    let file = File::open(path).await;
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    let size = file.metadata().await?.len();
    let upload = Upload {
        model_name: arguments.name,
        enable_immediately: arguments.enable,
        provider: arguments.provider,
        base_model: arguments.base_model,
        adapter_config: adapter_config(path, arguments.adapter_config.as_deref()).await?,
        trained_on: arguments.trained_on,
        idempotency_key: arguments.idempotency_key,
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let pieces = stream::try_unfold((file, Progress::of(size)), |(mut file, mut progress)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        progress.sent(read as u64);
        Ok((read > 0).then(|| (Bytes::from(piece), (file, progress))))
    });
    let model = caller
        .client
        .upload_model(&upload, &name.unwrap_or_default(), pieces)
        .await?;
    caller.print(&model, |model, _| {
        let provider = model.pointer("/source/provider").and_then(|provider| provider.as_str());
        let served = provider.map_or_else(String::new, |provider| format!(", for {provider}"));
        format!(
            "{}  {} is {}{served}\nsha256 {}",
            field(model, "model_id"),
            field(model, "served_as"),
            field(model, "state"),
            field(model, "sha256"),
        )
    })
}

/// As named, else what a trainer wrote beside the file.
async fn adapter_config(file: &Path, named: Option<&Path>) -> Result<Option<String>> {
    if let Some(named) = named {
        let text = tokio::fs::read_to_string(named).await;
        return text.map(Some).with_context(|| format!("reading {}", named.display()));
    }
    let is_safetensors = file.extension().is_some_and(|ending| ending == "safetensors");
    match tokio::fs::read_to_string(file.with_file_name(CONFIG)).await {
        Ok(text) if is_safetensors => Ok(Some(text)),
        _ => Ok(None),
    }
}

/// How much was sent, on standard error.
struct Progress {
    sent: u64,
    size: u64,
    began: Instant,
    told: Instant,
    on_terminal: bool,
}

impl Progress {
    fn of(size: u64) -> Self {
        let now = Instant::now();
        Self {
            sent: 0,
            size,
            began: now,
            told: now,
            on_terminal: std::io::stderr().is_terminal(),
        }
    }

    fn sent(&mut self, more: u64) {
        self.sent += more;
        let pause = if self.on_terminal { OFTEN } else { SELDOM };
        let over = more == 0;
        if !over && self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let line = told(self.sent, self.size, self.began.elapsed());
        let mut stderr = std::io::stderr().lock();
        let written = match (self.on_terminal, over) {
            (true, false) => write!(stderr, "\r{line}").and_then(|()| stderr.flush()),
            (true, true) => writeln!(stderr, "\r{line}"),
            (false, _) => writeln!(stderr, "{line}"),
        };
        // Nobody looks: that is no reason to stop.
        written.unwrap_or_default();
    }
}

/// `12.0 of 253.1 MB  4 %  31.5 MB/s`.
fn told(sent: u64, size: u64, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to one digit behind the point")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let share = sent.saturating_mul(100).checked_div(size).unwrap_or(100);
    let rate = megabytes(sent) / took.as_secs_f64().max(0.001);
    format!(
        "{:.1} of {:.1} MB  {share} %  {rate:.1} MB/s ",
        megabytes(sent),
        megabytes(size)
    )
}

#[cfg(test)]
mod tests {
    use super::told;
    use std::time::Duration;

    #[test]
    fn progress_is_told_in_megabytes_and_percent() {
        let line = told(12_000_000, 253_113_024, Duration::from_secs(2));
        assert_eq!(line, "12.0 of 253.1 MB  4 %  6.0 MB/s ");
        assert_eq!(told(0, 0, Duration::ZERO), "0.0 of 0.0 MB  100 %  0.0 MB/s ");
    }
}
