//! Taking in a file: its bytes as they come, or a copy of one that lies in the directory of models; checked, kept and
//! registered as the next version of its name, or refused without a trace.

mod base;
mod collect;
mod error;
mod fields;

pub use collect::collect;
pub use error::UploadError;
pub use fields::Fields;

use super::blobs::{Blobs, CONFIG, Incoming, IntakeError, Sound, append, blocking, copy, open_local};
use super::file::{AdapterConfig, Base, Format, ModelFile, check_adapter, check_name};
use super::version::{Source, State};
use crate::store::Store;
use crate::store::models::{Model, Models, NewModel};
use crate::store::serving::{NewServing, Serving};
use base::base_of;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use service::config::Serves;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

/// Between two parts of what comes.
const PATIENCE: Duration = Duration::from_secs(60);
/// That wait for the disk while they hold a connection to the database.
const KEPT_AT_A_TIME: usize = 2;
/// Of a configuration beside an adapter.
const MOST_CONFIG: u64 = 1 << 20;

/// A part of what comes.
#[derive(Debug)]
pub enum Part {
    /// What is said beside the file: JSON.
    Fields(String),
    /// The name that the file had.
    Name(String),
    /// Bytes of it.
    Bytes(Bytes),
    /// That was all.
    Complete,
}

/// Whose it is, and what it becomes.
#[derive(Clone, Debug)]
pub struct Coming {
    /// Whose.
    pub tenant: String,
    /// Id of the version; the same for the same request.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
}

/// Takes in files. Clones are the same.
#[derive(Clone)]
pub struct Intake {
    /// Versions.
    pub store: Store,
    /// Where files are kept.
    pub blobs: Blobs,
    /// Where files lie that may be named.
    pub directory: PathBuf,
    /// Providers that serve files.
    pub serving: Arc<BTreeMap<String, Serves>>,
    /// Of an adapter that is served.
    pub most_rank: u64,
    /// Told of each new version.
    pub woken: Arc<Notify>,
    turns: Arc<Semaphore>,
    keeping: Arc<Semaphore>,
}

impl Intake {
    /// Of `at_once` files at a time.
    pub fn new(
        store: Store,
        blobs: Blobs,
        directory: PathBuf,
        serving: BTreeMap<String, Serves>,
        [most_rank, at_once]: [u64; 2],
    ) -> Self {
        Self {
            store,
            blobs,
            directory,
            serving: Arc::new(serving),
            most_rank,
            woken: Arc::default(),
            turns: Arc::new(Semaphore::new(usize::try_from(at_once).unwrap_or(1))),
            keeping: Arc::new(Semaphore::new(KEPT_AT_A_TIME)),
        }
    }

    /// Takes in what the parts bring. True: the same was there already. Dropped on the way, it leaves nothing behind.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn take(
        &self,
        coming: &Coming,
        parts: impl Stream<Item = Result<Part, String>>,
    ) -> Result<(Model, bool), UploadError> {
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(UploadError::Busy);
        };
        let (fields, incoming) = self.received(parts).await?;
        let models = Models::of(&self.store, &coming.tenant);
        if let Some(export) = fields.trained_on {
            let known = self.store.export(export, &coming.tenant).await?;
            if known.is_none() {
                return Err(UploadError::Fields("trained_on: there is no such export".to_owned()));
            }
        }
        let (base, base_id) = match &fields.base_model {
            Some(named) => base_of(&models, named).await?,
            None => (Base::default(), None),
        };
        let (incoming, beside) = self.whole(&fields, incoming).await?;
        let sound = blocking(move || incoming.check()).await?;
        let adapter_config = match sound.model.adapter {
            Some(_) => fields.adapter_config().or(beside),
            None => None,
        };
        self.check_adapter(&fields, &sound.model, adapter_config.as_deref(), &base)?;
        self.registered(coming, &models, &fields, sound, (base_id, adapter_config))
            .await
    }

    /// Everything that comes; a file only where bytes came.
    async fn received(
        &self,
        parts: impl Stream<Item = Result<Part, String>>,
    ) -> Result<(Fields, Option<Incoming>), UploadError> {
        let mut parts = pin!(parts);
        let (mut fields, mut incoming) = (None, None);
        loop {
            let next = timeout(PATIENCE, parts.next()).await;
            let silent = || IntakeError::Aborted(format!("nothing came for {} s", PATIENCE.as_secs()));
            let broken = || IntakeError::Aborted("it ended before its end".to_owned());
            let part = next.map_err(|_| silent())?.ok_or_else(broken)?;
            match part.map_err(IntakeError::Aborted)? {
                Part::Fields(json) => {
                    let read = Fields::read(&json, &self.serving).map_err(UploadError::Fields)?;
                    if let Some(name) = &read.model_file {
                        check_name(name)?;
                    }
                    fields = Some(read);
                }
                Part::Name(name) => check_name(&name)?,
                Part::Bytes(bytes) => {
                    let so_far = match incoming.take() {
                        Some(incoming) => incoming,
                        None => self.blobs.begin(service::ids::v7())?,
                    };
                    incoming = Some(append(so_far, bytes).await?);
                }
                Part::Complete => break,
            }
        }
        let missing = || UploadError::Fields("model_name: required".to_owned());
        Ok((fields.ok_or_else(missing)?, incoming))
    }

    /// The file, and the configuration that lies beside it.
    async fn whole(
        &self,
        fields: &Fields,
        incoming: Option<Incoming>,
    ) -> Result<(Incoming, Option<String>), UploadError> {
        match (incoming, &fields.model_file) {
            (Some(incoming), None) => Ok((incoming, None)),
            (None, Some(named)) => {
                let (directory, named) = (self.directory.clone(), named.clone());
                let (file, beside) = blocking(move || {
                    let file = open_local(&directory, &named)?;
                    Ok((file, config_beside(&directory, &named)?))
                })
                .await?;
                let incoming = self.blobs.begin(service::ids::v7())?;
                Ok((copy(incoming, file).await?, beside))
            }
            (Some(_), Some(_)) => Err(UploadError::Fields(
                "model_file: a path, or a file, not both".to_owned(),
            )),
            (None, None) => Err(UploadError::Fields("model_file: required".to_owned())),
        }
    }

    fn check_adapter(
        &self,
        fields: &Fields,
        model: &ModelFile,
        config: Option<&str>,
        base: &Base,
    ) -> Result<(), UploadError> {
        if model.adapter.is_none() {
            return Ok(());
        }
        if fields.base_model.is_none() {
            let detail = "base_model: required, for the file is an adapter";
            return Err(UploadError::Fields(detail.to_owned()));
        }
        let config = match (model.format, config) {
            (Format::Safetensors, Some(text)) => Some(AdapterConfig::read(text.as_bytes())?),
            (Format::Safetensors, None) => {
                let detail = "adapter_config: required, for the file is an adapter in safetensors";
                return Err(UploadError::Fields(detail.to_owned()));
            }
            (Format::Gguf, _) => None,
        };
        Ok(check_adapter(model, config.as_ref(), base, self.most_rank)?)
    }

    /// Keeps the file and registers it, while nobody collects what no version names.
    async fn registered(
        &self,
        coming: &Coming,
        models: &Models,
        fields: &Fields,
        sound: Sound,
        (base, adapter_config): (Option<Uuid>, Option<String>),
    ) -> Result<(Model, bool), UploadError> {
        let Ok(_turn) = self.keeping.acquire().await else {
            return Err(UploadError::Busy);
        };
        let held = self.store.hold_model_files().await?;
        let blob = blocking(move || sound.keep()).await?;
        let new = NewModel {
            id: coming.id,
            name: fields.model_name.clone(),
            state: State::Uploaded,
            source: Source::File {
                sha256: blob.sha256,
                size: blob.size,
                file: blob.model,
                base,
                base_model: fields.base_model.clone(),
                adapter_config,
            },
            trained_on: fields.trained_on,
            at: coming.at,
        };
        let serving = Serving::of(&self.store);
        let earlier = models.get(new.id).await?;
        if earlier.is_none() {
            let wanted = NewServing {
                model: new.id,
                tenant: coming.tenant.clone(),
                provider: fields.provider.clone(),
                enable: fields.enable_immediately,
            };
            serving.expect(&wanted).await?;
            models.register(&new).await?;
        }
        held.release().await?;
        self.woken.notify_one();
        let kept = models.get(new.id).await?.ok_or(UploadError::Reused)?;
        let same = (&kept.name, &kept.source, kept.trained_on) == (&new.name, &new.source, new.trained_on)
            && serving.asked(new.id).await? == Some((fields.provider.clone(), fields.enable_immediately));
        match same {
            true => Ok((kept, earlier.is_some())),
            false => {
                collect(&self.store, &self.blobs).await;
                Err(UploadError::Reused)
            }
        }
    }
}

/// What a trainer wrote beside a file, where there is something.
fn config_beside(directory: &Path, named: &str) -> Result<Option<String>, IntakeError> {
    let beside = Path::new(named).with_file_name(CONFIG);
    let Some(beside) = beside.to_str() else { return Ok(None) };
    let Ok(file) = open_local(directory, beside) else {
        return Ok(None);
    };
    let mut text = String::new();
    let read = file.take(MOST_CONFIG + 1).read_to_string(&mut text);
    read.map(|_| Some(text)).map_err(IntakeError::Read)
}
