//! The hands: does one step, and notes in the job what came of it.

use super::providers::Provider;
use super::step::{self, Step};
use super::tune::{FineTune, Sent, State};
use super::{Came, FineTunes, Trouble, lines};
use crate::models::version::{Source, State as ModelState};
use crate::record::Split;
use crate::store::ExportState;
use crate::store::models::{Models, NewModel};
use llm::fine_tuning::{Job, JobEnd, NewFile, NewJob, TrainingFault};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Answers in a row that cannot be so, before one is believed.
const DOUBTS: u32 = 3;

impl FineTunes {
    /// Does what is next.
    pub(super) async fn step(&self, tune: &mut FineTune) -> Result<Came, Trouble> {
        let now = service::clock::now();
        let provider = self.providers.get(&tune.provider);
        let keeps_files = provider.is_some_and(|provider| provider.rules.keep_files);
        let step = step::next(tune, keeps_files, now);
        // What asks nobody can be done in any case.
        match step {
            Step::Register => return self.register(tune).await,
            Step::Close => return Ok(Came::ToItsEnd),
            Step::End(state, reason) => {
                tracing::info!(fine_tune_id = %tune.id, state = state.as_str(), reason, "a fine-tuning job ended");
                tune.end(state, Some(reason), now);
                return Ok(Came::Further);
            }
            _ => {}
        }
        let Some(provider) = provider else {
            let detail = format!(
                "llm.providers.{} does not let models be trained any more",
                tune.provider
            );
            let fault = TrainingFault::Away {
                perhaps_done: false,
                detail,
                retry_after: None,
            };
            return Err(fault.into());
        };
        match step {
            Step::Upload(split) => self.upload(tune, provider, split).await,
            Step::Begin => self.begin(tune, provider).await,
            Step::Find => find(tune, provider).await.map(|_| Came::Further),
            Step::Cancel => cancel(tune, provider).await,
            Step::Clean => clean(tune, provider).await,
            _ => follow(tune, provider).await,
        }
    }

    /// Sends the lines of a part, unless they are there.
    async fn upload(&self, tune: &mut FineTune, provider: &Provider, split: Split) -> Result<Came, Trouble> {
        let (part, what) = match split {
            Split::Train => (tune.examples.train, "train"),
            _ => (tune.examples.validation, "validation"),
        };
        let (name, key) = (format!("{}-{what}.jsonl", tune.mark()), format!("{}-{what}", tune.id));
        let export = self.store.export(tune.export, &tune.tenant).await?;
        let is_there = export.is_some_and(|export| matches!(export.state, ExportState::Completed(_)));
        if !is_there {
            let reason = "the export is not there any more: it expired before it was sent";
            return Ok(failed(tune, reason.to_owned()));
        }
        if *sent(tune, split) == Sent::Perhaps {
            let is_it = |length: Option<u64>| length.is_none_or(|length| length == part.bytes);
            match provider.trainer.files(&name).await {
                Ok(found) => {
                    if let Some(file) = found.into_iter().find(|file| is_it(file.length)) {
                        *sent(tune, split) = Sent::There(file.id);
                        return Ok(Came::Further);
                    }
                }
                // A second copy costs nothing.
                Err(TrainingFault::Unknown(_)) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        *sent(tune, split) = Sent::Perhaps;
        tune.state = State::Uploading;
        self.note(tune).await?;
        let file = NewFile {
            name: &name,
            key: &key,
            length: part.bytes,
        };
        let lines = lines::read(self.store.clone(), tune.export, split);
        match provider.trainer.upload(file, lines).await {
            Ok(id) => {
                *sent(tune, split) = Sent::There(id);
                Ok(Came::Further)
            }
            Err(TrainingFault::Refused(words) | TrainingFault::Unknown(words)) => Ok(failed(
                tune,
                format!("the provider does not take the examples: {words}"),
            )),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Begins the job, once.
    async fn begin(&self, tune: &mut FineTune, provider: &Provider) -> Result<Came, Trouble> {
        if tune.course.job == Sent::Perhaps && find(tune, provider).await? == Came::Further {
            return Ok(Came::Further);
        }
        let Some(training_file) = tune.course.training_file.id().map(str::to_owned) else {
            return Ok(Came::Further);
        };
        let validation_file = tune.course.validation_file.id().map(str::to_owned);
        tune.course.job = Sent::Perhaps;
        self.note(tune).await?;
        let mark = tune.id.to_string();
        let wanted = &tune.wanted;
        let job = NewJob {
            mark: &mark,
            base_model: &wanted.base_model,
            training_file: &training_file,
            validation_file: validation_file.as_deref(),
            method: wanted.method,
            hyperparameters: wanted.hyperparameters,
            suffix: wanted.suffix.as_deref(),
            seed: wanted.seed,
        };
        match provider.trainer.start(&job).await {
            Ok(job) => {
                tune.state = State::Running;
                took(tune, job);
                Ok(Came::Further)
            }
            Err(TrainingFault::Refused(words) | TrainingFault::Unknown(words)) => {
                tune.course.job = Sent::No;
                Ok(failed(tune, format!("the provider does not begin the job: {words}")))
            }
            Err(fault) => {
                if matches!(
                    fault,
                    TrainingFault::Away {
                        perhaps_done: false,
                        ..
                    }
                ) {
                    tune.course.job = Sent::No;
                }
                Err(fault.into())
            }
        }
    }

    /// Registers the model, once however often.
    async fn register(&self, tune: &mut FineTune) -> Result<Came, Trouble> {
        let now = service::clock::now();
        let Some(model) = tune.course.model.clone() else {
            return Ok(Came::Further);
        };
        let new = NewModel {
            id: model_id(tune.id),
            name: tune.model_name.clone(),
            state: ModelState::Loaded,
            source: Source::Remote {
                provider: tune.provider.clone(),
                model,
                answers_as: None,
            },
            trained_on: Some(tune.export),
            at: now,
        };
        let version = Models::of(&self.store, &tune.tenant).register(&new).await?;
        tracing::info!(fine_tune_id = %tune.id, model_id = %new.id, version, "a trained model is registered");
        tune.model = Some(new.id);
        let late = if tune.cancel_asked_at.is_some() {
            Some("it had succeeded before it could be cancelled")
        } else if now >= tune.deadline_at {
            Some("it succeeded after its deadline")
        } else {
            None
        };
        tune.end(State::Succeeded, late.map(str::to_owned), now);
        Ok(Came::Further)
    }

    async fn note(&self, tune: &FineTune) -> Result<(), Trouble> {
        match self.store.note_fine_tune(tune, self.lease).await? {
            true => Ok(()),
            false => Err(Trouble::Lost),
        }
    }
}

/// The id of what comes of a job: the same however often it is registered.
fn model_id(job: Uuid) -> Uuid {
    let digest = Sha256::digest(format!("fine_tuned_model\n{job}"));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn sent(tune: &mut FineTune, split: Split) -> &mut Sent {
    match split {
        Split::Train => &mut tune.course.training_file,
        _ => &mut tune.course.validation_file,
    }
}

fn failed(tune: &mut FineTune, reason: String) -> Came {
    tracing::info!(fine_tune_id = %tune.id, reason, "a fine-tuning job failed");
    tune.end(State::Failed, Some(reason), service::clock::now());
    Came::Further
}

/// Looks for a job that was perhaps begun. Nowhere: there is none.
async fn find(tune: &mut FineTune, provider: &Provider) -> Result<Came, Trouble> {
    let file = tune.course.training_file.id().unwrap_or_default().to_owned();
    let found = match provider.trainer.jobs(&tune.id.to_string(), &file).await {
        Ok(found) => found,
        Err(TrainingFault::Unknown(words)) => {
            let reason = format!("whether the provider began the job cannot be looked up there: {words}");
            return Ok(failed(tune, reason));
        }
        Err(fault) => return Err(fault.into()),
    };
    let mut found = found.into_iter();
    let Some(first) = found.next() else {
        tune.course.job = Sent::No;
        return Ok(Came::Nowhere);
    };
    // There is no way to this that is known, and it would cost twice.
    for other in found.filter(|other| other.end().is_none()) {
        tracing::warn!(fine_tune_id = %tune.id, job = other.id, "a second job is cancelled");
        provider.trainer.cancel(&other.id).await?;
    }
    tune.state = State::Running;
    took(tune, first);
    Ok(Came::Further)
}

async fn follow(tune: &mut FineTune, provider: &Provider) -> Result<Came, Trouble> {
    let Some(id) = tune.course.job.id().map(str::to_owned) else {
        return Ok(Came::Further);
    };
    match provider.trainer.job(&id).await {
        Ok(job) => Ok(took(tune, job)),
        Err(TrainingFault::Unknown(words)) => {
            Ok(doubted(tune, &format!("the provider knows job {id} no more: {words}")))
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn cancel(tune: &mut FineTune, provider: &Provider) -> Result<Came, Trouble> {
    let Some(id) = tune.course.job.id().map(str::to_owned) else {
        return Ok(Came::Further);
    };
    match provider.trainer.cancel(&id).await {
        Ok(job) => {
            tune.course.is_cancelled = true;
            Ok(took(tune, job))
        }
        // It has ended, or the provider does not want to: how it stands says which.
        Err(refused @ (TrainingFault::Refused(_) | TrainingFault::Unknown(_))) => {
            let came = follow(tune, provider).await?;
            let is_over = tune.state.is_end() || tune.course.model.is_some();
            if is_over || matches!(refused, TrainingFault::Unknown(_)) {
                Ok(came)
            } else {
                Err(refused.into())
            }
        }
        Err(fault) => Err(fault.into()),
    }
}

/// Notes how a job stands.
fn took(tune: &mut FineTune, job: Job) -> Came {
    let is_new =
        tune.course.job.id() != Some(job.id.as_str()) || tune.course.status.as_deref() != Some(job.status.as_str());
    let end = job.end();
    let course = &mut tune.course;
    course.job = Sent::There(job.id);
    course.status = Some(job.status);
    course.estimated_finish = job.estimated_finish.or(course.estimated_finish);
    course.trained_tokens = job.trained_tokens.or(course.trained_tokens);
    match end {
        None => course.doubts = 0,
        Some(JobEnd::Succeeded) => match job.model {
            Some(model) => course.model = Some(model),
            None => return doubted(tune, "the provider's job succeeded and names no model"),
        },
        Some(JobEnd::Failed) => {
            let words = job.error.unwrap_or_else(|| "it does not say why".to_owned());
            return failed(tune, format!("the provider's job failed: {words}"));
        }
        Some(JobEnd::Cancelled) => {
            let (state, reason) = if step::is_unwanted(tune) || tune.course.is_cancelled {
                (step::unwanted_state(tune), step::why_unwanted(tune))
            } else {
                (State::Cancelled, "it was cancelled at the provider".to_owned())
            };
            tune.end(state, Some(reason), service::clock::now());
        }
    }
    if is_new || end.is_some() {
        Came::Further
    } else {
        Came::Nowhere
    }
}

/// An answer that cannot be so is believed when it comes again and again.
fn doubted(tune: &mut FineTune, what: &str) -> Came {
    tune.course.doubts = tune.course.doubts.saturating_add(1);
    if tune.course.doubts >= DOUBTS {
        failed(tune, what.to_owned())
    } else {
        Came::Nowhere
    }
}

/// Takes away the files, and the model that nobody may use.
async fn clean(tune: &mut FineTune, provider: &Provider) -> Result<Came, Trouble> {
    let trainer = &provider.trainer;
    let own = [tune.course.training_file.id(), tune.course.validation_file.id()];
    let mut files: Vec<String> = own.into_iter().flatten().map(str::to_owned).collect();
    match trainer.files(&tune.mark()).await {
        Ok(found) => files.extend(found.into_iter().map(|file| file.id)),
        Err(TrainingFault::Unknown(_) | TrainingFault::Refused(_)) => {}
        Err(fault) => return Err(fault.into()),
    }
    files.sort_unstable();
    files.dedup();
    let mut left = Vec::new();
    for file in files {
        match trainer.delete_file(&file).await {
            Ok(()) => {}
            Err(TrainingFault::Refused(words)) => left.push(format!("file {file}: {words}")),
            Err(fault) => return Err(fault.into()),
        }
    }
    if let (Some(model), Some(_), None) = (&tune.course.model, tune.withdrawn_at, tune.model) {
        match trainer.delete_model(model).await {
            Ok(()) => {}
            Err(TrainingFault::Refused(words)) => left.push(format!("model {model}: {words}")),
            Err(fault) => return Err(fault.into()),
        }
    }
    tune.course.left_behind = (!left.is_empty()).then(|| left.join("; "));
    tune.course.is_clean = true;
    Ok(Came::Further)
}
