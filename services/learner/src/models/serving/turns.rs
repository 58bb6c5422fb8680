//! Whatever is to be served, one step at a time: found fit, loaded, asked a first question, tried; and kept loaded.
//!
//! A step is taken by whoever takes the file for so long, in whatever learner, and is taken again where that one ends
//! before it did: servers are asked what they serve before they are told anything.

use super::smoke::{NoAnswer, Smoke};
use super::{Kind, ModelServer, Order, ServingError, Standing, enable};
use crate::chain;
use crate::models::blobs::{Blobs, Form};
use crate::models::file::Format;
use crate::models::intake::collect;
use crate::models::version::{Source, State};
use crate::store::models::{FileServing, Model, Models};
use crate::store::rollouts::BeginError;
use crate::store::serving::{After, Serving, Turn};
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long a turn holds; it is held on to meanwhile.
const LEASE: Duration = Duration::from_secs(30);
/// Between two looks at what is due.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at what is being loaded.
const COMING: Duration = Duration::from_secs(2);
/// Between two tries where somebody does not answer, or a person has to do something.
const AGAIN: Duration = Duration::from_secs(5);
/// Between two looks at what is served.
const KEPT: Duration = Duration::from_secs(60);
/// Times that a server is told to load, and that a first question is asked.
const TRIES: i32 = 3;
/// Between two collections of what nobody names.
const COLLECT_EVERY: Duration = Duration::from_secs(600);

/// A configured server, and where it sees files.
pub struct Configured {
    /// The server.
    pub server: Box<dyn ModelServer>,
    /// The storage, as the server sees it.
    pub storage: PathBuf,
}

/// Takes turns. Clones are the same.
#[derive(Clone)]
pub struct Turns {
    store: Store,
    blobs: Blobs,
    servers: Arc<BTreeMap<String, Configured>>,
    smoke: Smoke,
    woken: Arc<Notify>,
    lease: Duration,
}

/// Why a turn ends without a word.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Begin(#[from] BeginError),
    #[error("the files of models cannot be written")]
    Disk(#[from] std::io::Error),
}

impl Turns {
    /// With those servers; woken when something is due at once.
    pub fn new(
        store: Store,
        blobs: Blobs,
        servers: BTreeMap<String, Configured>,
        smoke: Smoke,
        woken: Arc<Notify>,
    ) -> Self {
        Self {
            store,
            blobs,
            servers: Arc::new(servers),
            smoke,
            woken,
            lease: LEASE,
        }
    }

    /// With turns that hold for so long.
    #[cfg(test)]
    pub fn leasing(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Runs until `shutdown`; outages are waited out.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut collected: Option<Instant> = None;
        while !shutdown.is_cancelled() {
            if collected.is_none_or(|last| last.elapsed() > COLLECT_EVERY) {
                collect(&self.store, &self.blobs).await;
                collected = Some(Instant::now());
            }
            match self.turn(now()).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = chain(&error), "files of models wait"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.woken.notified() => {}
                () = sleep(EVERY) => {}
            }
        }
    }

    /// One step of the file that is due first. False: none is.
    ///
    /// # Errors
    /// When the database or the disk does not play along; the step is taken again later.
    pub async fn turn(&self, at: DateTime<Utc>) -> Result<bool, TurnError> {
        let serving = Serving::of(&self.store);
        let Some(turn) = serving.take(service::ids::v7(), self.lease).await? else {
            return Ok(false);
        };
        tokio::select! {
            after = self.step(&turn, at) => {
                serving.end(&turn, &after?).await?;
                Ok(true)
            }
            // Whoever has it now does it.
            () = self.until_lost(&serving, &turn) => Ok(true),
        }
    }

    async fn until_lost(&self, serving: &Serving, turn: &Turn) {
        loop {
            sleep(self.lease / 3).await;
            match serving.hold(turn, self.lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(error = chain(&error), "a turn with a file is not held on to"),
            }
        }
    }

    async fn step(&self, turn: &Turn, at: DateTime<Utc>) -> Result<After, TurnError> {
        let models = Models::of(&self.store, &turn.tenant);
        let Some(model) = models.get(turn.model).await? else {
            return Ok(After::never());
        };
        let (Source::File { .. }, Some(serving)) = (&model.source, &model.serving) else {
            return Ok(After::never());
        };
        let file = File {
            turn,
            models: &models,
            model: &model,
            serving,
            at,
        };
        match model.state {
            State::Uploaded => self.find_fit(&file).await,
            State::Failed => Ok(After::never()),
            later => {
                let named = serving.provider.as_deref().unwrap_or_default();
                let Some(configured) = self.servers.get(named) else {
                    let waits = format!("{named} serves no files any more; set llm.providers.{named}.serves");
                    return Ok(After::waiting(waits, KEPT));
                };
                match later {
                    State::Validated => self.load(&file, configured).await,
                    State::Loaded => self.ask(&file, configured, named).await,
                    State::SmokePassed if turn.enable => {
                        let why_not = enable::enable(&self.store, &turn.tenant, &model, at).await?;
                        Ok(After {
                            again: Some(KEPT),
                            waits: why_not,
                            settled: true,
                            ..After::default()
                        })
                    }
                    _ => self.keep(&file, configured).await,
                }
            }
        }
    }

    /// Who serves it, and whether that one can.
    async fn find_fit(&self, file: &File<'_>) -> Result<After, TurnError> {
        let mut only = self.servers.keys().filter(|_| self.servers.len() == 1);
        let Some(named) = file.turn.provider.as_ref().or_else(|| only.next()) else {
            let waits = "no provider serves files, or several do: set `serves` under one of llm.providers";
            return Ok(After::waiting(waits.to_owned(), KEPT));
        };
        let Some(configured) = self.servers.get(named) else {
            let waits = format!("{named} serves no files; set llm.providers.{named}.serves");
            return Ok(After::waiting(waits, KEPT));
        };
        if let Some(why) = configured.server.refuses(file.kind()) {
            return self.fail(file, None, why).await;
        }
        let serving = Serving::of(&self.store);
        if !serving.name(file.turn, named, &file.serving.asked_as).await? {
            let why = format!("{named} serves another file as {}", file.serving.asked_as);
            return self.fail(file, None, &why).await;
        }
        let (blobs, sha256) = (self.blobs.clone(), file.sha256().to_owned());
        let (served_as, form) = (file.serving.asked_as.clone(), file.owned_form());
        placed(move || blobs.place(&sha256, &served_as, form.as_form())).await?;
        file.moved(State::Validated, None).await?;
        Ok(After::at_once())
    }

    async fn load(&self, file: &File<'_>, configured: &Configured) -> Result<After, TurnError> {
        let server = &configured.server;
        let tries = file.turn.tries;
        match server.standing(&file.serving.asked_as).await {
            Ok(Standing::Ready) => {
                file.moved(State::Loaded, None).await?;
                return Ok(After::at_once());
            }
            Ok(Standing::Coming) => return Ok(After::waiting("it is being loaded".to_owned(), COMING).tried(tries)),
            Ok(Standing::Absent) if tries >= TRIES => {
                let why = format!("it was loaded {TRIES} times, and is not there");
                return self.fail(file, Some(configured), &why).await;
            }
            Ok(Standing::Absent) => {}
            Err(error) => return self.after(error, file, configured).await,
        }
        match self.told_to_load(file, configured).await? {
            Ok(()) => Ok(After::waiting("it is being loaded".to_owned(), EVERY).tried(tries + 1)),
            Err(error) => self.after(error, file, configured).await,
        }
    }

    async fn told_to_load(
        &self,
        file: &File<'_>,
        configured: &Configured,
    ) -> Result<Result<(), ServingError>, TurnError> {
        let below = file.owned_form().as_form().below(&file.serving.asked_as);
        let (here, there) = (self.blobs.at(&below), configured.storage.join(&below));
        let blob = self.blobs.path(file.sha256()).unwrap_or_default();
        let base = file.base().await?;
        let order = Order {
            served_as: &file.serving.asked_as,
            here: &here,
            there: &there.display().to_string(),
            blob: &blob,
            sha256: file.sha256(),
            kind: file.kind(),
            base: base.as_deref(),
        };
        Ok(configured.server.load(&order).await)
    }

    /// A first question; what answers must not be what the server has under another name.
    async fn ask(&self, file: &File<'_>, configured: &Configured, provider: &str) -> Result<After, TurnError> {
        let asked_as = &file.serving.asked_as;
        let tries = file.turn.tries;
        match self.smoke.ask(provider, asked_as).await {
            Ok(echo) => {
                let others = match configured.server.list().await {
                    Ok(others) => others,
                    Err(error) => return self.after(error, file, configured).await,
                };
                if echo != *asked_as && others.contains(&echo) {
                    let why = format!("asked for {asked_as}, {provider} lets {echo} answer");
                    return self.fail(file, Some(configured), &why).await;
                }
                let serving = Serving::of(&self.store);
                serving.answers_as(file.turn, Some(&echo)).await?;
                file.moved(State::SmokePassed, None).await?;
                Ok(After::at_once())
            }
            Err(NoAnswer::Away(why)) => Ok(After::waiting(why, AGAIN).tried(tries)),
            Err(NoAnswer::Wrong(why)) if tries + 1 >= TRIES => self.fail(file, Some(configured), &why).await,
            Err(NoAnswer::Wrong(why)) => Ok(After::waiting(why, EVERY).tried(tries + 1)),
        }
    }

    /// A server that was started again serves it again.
    async fn keep(&self, file: &File<'_>, configured: &Configured) -> Result<After, TurnError> {
        let kept = After {
            again: Some(KEPT),
            settled: true,
            waits: file.serving.waits.clone(),
            ..After::default()
        };
        match configured.server.standing(&file.serving.asked_as).await {
            Ok(Standing::Absent) => {
                if let Err(error) = self.told_to_load(file, configured).await? {
                    tracing::warn!(model = file.serving.asked_as, %error, "a model is not served any more");
                }
            }
            Ok(Standing::Ready | Standing::Coming) => {}
            Err(error) => tracing::warn!(model = file.serving.asked_as, %error, "a model's server does not answer"),
        }
        Ok(kept)
    }

    async fn after(&self, error: ServingError, file: &File<'_>, by: &Configured) -> Result<After, TurnError> {
        match error {
            ServingError::Away(why) | ServingError::Waits(why) => Ok(After::waiting(why, AGAIN).tried(file.turn.tries)),
            ServingError::Refused(why) => self.fail(file, Some(by), &why).await,
        }
    }

    /// It goes no further. What was told to serve it forgets it.
    async fn fail(&self, file: &File<'_>, told: Option<&Configured>, why: &str) -> Result<After, TurnError> {
        if let Some(configured) = told
            && let Err(error) = configured.server.unload(&file.serving.asked_as).await
        {
            tracing::info!(model = file.serving.asked_as, %error, "a model that failed may still be loaded");
        }
        // Its name may be another file's.
        if told.is_some() {
            let (blobs, below) = (
                self.blobs.clone(),
                file.owned_form().as_form().below(&file.serving.asked_as),
            );
            placed(move || blobs.displace(&below)).await?;
        }
        file.moved(State::Failed, Some(why)).await?;
        Ok(After::never())
    }
}

/// A file, and what is known of it.
struct File<'t> {
    turn: &'t Turn,
    models: &'t Models,
    model: &'t Model,
    serving: &'t FileServing,
    at: DateTime<Utc>,
}

/// A form that owns its text.
#[derive(Clone)]
enum OwnedForm {
    File(&'static str),
    Adapter(String),
}

impl OwnedForm {
    fn as_form(&self) -> Form<'_> {
        match self {
            Self::File(ending) => Form::File(ending),
            Self::Adapter(config) => Form::Adapter(config),
        }
    }
}

impl File<'_> {
    fn kind(&self) -> Kind {
        match &self.model.source {
            Source::File { file, .. } => Kind::of(file),
            // None such is here.
            Source::Remote { .. } => Kind::Model(Format::Gguf),
        }
    }

    fn sha256(&self) -> &str {
        match &self.model.source {
            Source::File { sha256, .. } => sha256,
            Source::Remote { .. } => "",
        }
    }

    fn owned_form(&self) -> OwnedForm {
        match (&self.model.source, self.kind()) {
            (
                Source::File {
                    adapter_config: Some(config),
                    ..
                },
                Kind::Adapter(Format::Safetensors),
            ) => OwnedForm::Adapter(config.clone()),
            (_, Kind::Model(Format::Safetensors) | Kind::Adapter(Format::Safetensors)) => {
                OwnedForm::File("safetensors")
            }
            (_, Kind::Model(Format::Gguf) | Kind::Adapter(Format::Gguf)) => OwnedForm::File("gguf"),
        }
    }

    /// What servers call the base of an adapter.
    async fn base(&self) -> Result<Option<String>, StoreError> {
        let Source::File { base, base_model, .. } = &self.model.source else {
            return Ok(None);
        };
        let registered = match base {
            Some(id) => self.models.get(*id).await?,
            None => None,
        };
        let served = registered.and_then(|base| match base.source {
            Source::Remote { model, .. } => Some(model),
            Source::File { .. } => base.serving.map(|serving| serving.asked_as),
        });
        Ok(served.or_else(|| base_model.clone()))
    }

    /// Whoever moved it meanwhile is right.
    async fn moved(&self, to: State, why: Option<&str>) -> Result<(), StoreError> {
        let moved = self
            .models
            .change(self.model.id, [self.model.state, to], why, self.at)
            .await?;
        if !moved {
            tracing::debug!(model_id = %self.model.id, "a model was moved on by somebody else");
        }
        Ok(())
    }
}

impl After {
    fn never() -> Self {
        Self::default()
    }

    fn at_once() -> Self {
        Self {
            again: Some(Duration::ZERO),
            ..Self::default()
        }
    }

    fn waiting(why: String, pause: Duration) -> Self {
        Self {
            again: Some(pause),
            waits: Some(why),
            ..Self::default()
        }
    }

    fn tried(self, tries: i32) -> Self {
        Self { tries, ..self }
    }
}

async fn placed<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap_or_default()
}
