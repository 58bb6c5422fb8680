//! Channels of kind `directory`: one Markdown file a deliverable, there whole or not at all.

use super::frozen_content::FrozenContent;
use super::slug::slug;
use super::{Channel, Publication, Reason};
use crate::deliverable::Deliverable;
use crate::effects::{EffectPort, Intent, Licensed, Sender, Sent, Stop, perform};
use crate::failure::RunFailure;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::config::ChannelConfig;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use workflow::ids::TaskId;
use workflow::vocabulary::EffectClass;

/// Writes into one folder.
pub struct Directory {
    folder: PathBuf,
    class: EffectClass,
    timeout: Duration,
    key_ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct FrozenFile {
    /// A name within the folder.
    file: String,
    content: FrozenContent,
}

impl Directory {
    /// The folder is made with the first file.
    pub(crate) fn open(channel: &ChannelConfig, state_dir: &Path) -> Result<Self, Reason> {
        Ok(Self {
            folder: std::path::absolute(state_dir.join(channel.directory()))?,
            class: super::class(channel),
            timeout: Duration::from_secs_f64(channel.timeout_seconds),
            key_ttl: Duration::from_secs_f64(channel.key_ttl_seconds),
        })
    }
}

#[async_trait]
impl Channel for Directory {
    async fn publish(&self, publication: Publication<'_>, run: &dyn EffectPort) -> Result<String, Stop> {
        let deliverable = publication.deliverable;
        let frozen = FrozenFile {
            file: file_name(&deliverable.title, publication.task),
            content: FrozenContent::freeze(&content(deliverable)),
        };
        let intent = Intent {
            class: self.class,
            target: format!("{} {}", deliverable.channel, self.folder.display()),
            tool_id: String::new(),
            request_json: json!(frozen).to_string(),
            send_within: self.timeout,
            key_ttl: self.key_ttl,
        };
        let writer = FileWriter {
            folder: &self.folder,
            deliverable,
        };
        let answer = perform(run, &intent, &writer).await?;
        Ok(super::location(&answer))
    }
}

/// Stable for title and task: publishing again replaces the file.
fn file_name(title: &str, task: TaskId) -> String {
    match slug(title).as_str() {
        "" => format!("{task}.md"),
        slug => format!("{slug}-{task}.md"),
    }
}

fn content(deliverable: &Deliverable) -> String {
    let ending = if deliverable.content.ends_with('\n') { "" } else { "\n" };
    format!("{}{ending}", deliverable.content)
}

struct FileWriter<'a> {
    folder: &'a Path,
    deliverable: &'a Deliverable,
}

#[async_trait]
impl Sender for FileWriter<'_> {
    async fn send(&self, licensed: &Licensed) -> Sent {
        let thawed = serde_json::from_str::<FrozenFile>(&licensed.request_json)
            .map_err(|_| RunFailure::permanent("effect_request", "the frozen request cannot be read"))
            .and_then(|frozen| {
                let body = frozen.content.thaw(|| content(self.deliverable))?;
                Ok((frozen.file, body))
            });
        let (file, body) = match thawed {
            // The name was made here, but came back over the wire.
            Ok((file, _)) if !is_plain_name(&file) => {
                return Sent::NotDone(RunFailure::permanent(
                    "effect_request",
                    "the frozen file name is a path",
                ));
            }
            Ok(thawed) => thawed,
            Err(failure) => return Sent::NotDone(failure),
        };
        let (folder, path) = (self.folder.to_owned(), self.folder.join(&file));
        let location = path.display().to_string();
        let written = tokio::task::spawn_blocking(move || write_whole(&folder, &path, body.as_bytes())).await;
        match written {
            Ok(Ok(())) => Sent::Confirmed(json!({"location": location})),
            // The file is there or not; writing it again is harmless, and a `once` channel asks a human.
            Ok(Err(error)) => Sent::Unclear(RunFailure::transient("channel_write", format!("{location}: {error}"))),
            Err(_) => Sent::Unclear(RunFailure::transient(
                "channel_write",
                format!("{location}: interrupted"),
            )),
        }
    }
}

fn is_plain_name(file: &str) -> bool {
    !file.starts_with('.') && !file.contains(['/', '\\', '\0'])
}

/// Writes a file beside `path` and renames it there, each made durable before the next.
fn write_whole(folder: &Path, path: &Path, body: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    if std::fs::read(path).is_ok_and(|there| there == body) {
        return File::open(folder)?.sync_all();
    }
    let temporary = folder.join(temporary_name());
    let written = write_durably(&temporary, body).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error counts; a left-over is hidden and harmless.
        drop(std::fs::remove_file(&temporary));
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn write_durably(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(body)?;
    file.sync_all()
}

/// No two writers share one: a worker that was given up may still be writing.
fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{}-{count}.tmp", std::process::id())
}
