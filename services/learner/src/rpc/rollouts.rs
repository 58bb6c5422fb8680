//! What is tried: requests read, answers made.

use super::away;
use super::models::{ModelRegistry, document, id, next, page, reused};
use super::preferences::now;
use crate::driver::look_at;
use crate::rollout::{Action, Course, Override, Settings};
use crate::store::StoreError;
use crate::store::rollouts::{BeginError, Begun, Experiment, KeptLook, NewExperiment, NewLook, Rollouts, TakenBack};
use chrono::{DateTime, Utc};
use contracts::learner::{
    DecideRolloutRequest, GetExperimentRequest, LearningDocument, ListModelsRequest, StartRolloutRequest,
};
use contracts::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use workflow::rollout::Model;
use workflow::time::Timestamp;

/// Points of an experiment over time, beside those that decided something.
const POINTS: i64 = 200;
/// Characters.
const MOST_NOTE: usize = 2_000;
/// Somebody else may look between reading and writing, once a second.
const TRIES: usize = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    role: String,
    #[serde(default)]
    settings: Settings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

impl ModelRegistry {
    pub(super) async fn begun(&self, request: StartRolloutRequest) -> Result<LearningDocument, Problem> {
        let start: Start = serde_json::from_str(&request.rollout_json).map_err(|error| unfit(error.to_string()))?;
        let model = self.known(&request.tenant, &request.model_id).await?;
        let rollouts = Rollouts::of(&self.store, &request.tenant);
        let began_at = now();
        let new = NewExperiment {
            id: id(&request.tenant, "experiment", &request.idempotency_key),
            salt: salt()?,
            role: start.role,
            challenger: Model::Version(model.id),
            began_at,
            course: Course::begin(&start.settings, Timestamp(began_at.timestamp_millis())),
            settings: start.settings,
        };
        let earlier = rollouts.get(new.id).await.map_err(|error| away(&error))?;
        let replayed = earlier.is_some();
        let begun = match replayed {
            true => Begun::New,
            false => rollouts.begin(&new).await.map_err(refused)?,
        };
        match begun {
            Begun::New => {}
            Begun::UnderWay => {
                let detail = "another model is being tried in this role; end that first";
                return Err(Problem::new(409, "rollout_under_way", detail));
            }
            Begun::Champion => {
                return Err(Problem::new(
                    409,
                    "already_serving",
                    "the model serves this role already",
                ));
            }
            Begun::NotServed => {
                let detail = "nobody serves this model; register the endpoint that does";
                return Err(Problem::new(409, "model_not_served", detail));
            }
        }
        let kept = self.found(&rollouts, new.id).await?;
        let same = (&kept.role, kept.challenger, &kept.settings) == (&new.role, new.challenger, &new.settings);
        if !same {
            return Err(reused());
        }
        Ok(document(&self.told(&rollouts, &kept).await?, replayed))
    }

    pub(super) async fn decided(&self, request: DecideRolloutRequest) -> Result<LearningDocument, Problem> {
        let action = match request.action.as_str() {
            "promote" => Action::Promote,
            "pause" => Action::Pause,
            "resume" => Action::Resume,
            "rollback" => Action::RollBack,
            _ => return Err(unfit("the action is promote, pause, resume or rollback".to_owned())),
        };
        let word: Word = serde_json::from_str(&request.word_json).map_err(|error| unfit(error.to_string()))?;
        if word.note.as_ref().is_some_and(|note| note.chars().count() > MOST_NOTE) {
            return Err(unfit(format!("note: at most {MOST_NOTE} characters")));
        }
        let model = Model::Version(self.known(&request.tenant, &request.model_id).await?.id);
        let rollouts = Rollouts::of(&self.store, &request.tenant);
        for _ in 0..TRIES {
            let under_way = rollouts.under_way().await.map_err(|error| away(&error))?;
            let of_role = |role: &str| word.role.as_deref().is_none_or(|asked| asked == role);
            let mut its = under_way
                .into_iter()
                .filter(|tried| tried.challenger == model && of_role(&tried.role));
            let Some(experiment) = its.next() else {
                return self.taken_back(&rollouts, model, action, word, request.actor).await;
            };
            if its.next().is_some() {
                return Err(unfit("role: the model is being tried in several; say which".to_owned()));
            }
            if self
                .noted(&rollouts, &experiment, action, &word, &request.actor)
                .await?
            {
                let kept = self.found(&rollouts, experiment.id).await?;
                return Ok(document(&self.told(&rollouts, &kept).await?, false));
            }
        }
        Err(Problem::new(503, "unavailable", "the experiment moves; try again"))
    }

    /// False: somebody else looked meanwhile.
    async fn noted(
        &self,
        rollouts: &Rollouts,
        experiment: &Experiment,
        action: Action,
        word: &Word,
        actor: &str,
    ) -> Result<bool, Problem> {
        let at = now();
        let moment = Timestamp(at.timestamp_millis());
        let seen = look_at(&self.store, rollouts, experiment, moment).await;
        let seen = seen.map_err(|error| away(&error))?;
        let Ok(course) = experiment.course.overridden(action, moment) else {
            return Ok(false);
        };
        let word = Override {
            by: actor.to_owned(),
            action,
            note: word.note.clone(),
            evidence: seen.clone(),
        };
        let new = NewLook {
            look: &seen,
            word: Some(&word),
            course,
            at,
        };
        rollouts.record(experiment, new).await.map_err(|error| away(&error))
    }

    /// Who serves already is not tried any more, but can be taken back.
    async fn taken_back(
        &self,
        rollouts: &Rollouts,
        model: Model,
        action: Action,
        word: Word,
        by: String,
    ) -> Result<LearningDocument, Problem> {
        let idle = || Problem::new(409, "no_rollout", "the model is not being tried in this role");
        if action != Action::RollBack {
            return Err(idle());
        }
        let back = rollouts
            .take_back(model, word.role.as_deref(), word.note, &by, now())
            .await;
        match back.map_err(|error| away(&error))? {
            TakenBack::Done(id) => {
                let kept = self.found(rollouts, id).await?;
                Ok(document(&self.told(rollouts, &kept).await?, false))
            }
            TakenBack::NotServing => Err(idle()),
            TakenBack::Several => Err(unfit("role: the model serves several; say which".to_owned())),
            TakenBack::UnderWay => {
                let detail = "another model is being tried beside it; end that first";
                Err(Problem::new(409, "rollout_under_way", detail))
            }
        }
    }

    pub(super) async fn experiments(&self, request: ListModelsRequest) -> Result<LearningDocument, Problem> {
        let (before, limit) = page(&request)?;
        let rollouts = Rollouts::of(&self.store, &request.tenant);
        let found = rollouts
            .list(before, limit.into())
            .await
            .map_err(|error| away(&error))?;
        let next = next(found.last().map(|last| (last.began_at, last.id)), found.len(), limit);
        let mut experiments = Vec::with_capacity(found.len());
        for experiment in &found {
            experiments.push(self.told(&rollouts, experiment).await?);
        }
        Ok(document(&json!({ "items": experiments, "next_cursor": next }), false))
    }

    pub(super) async fn experiment(&self, request: GetExperimentRequest) -> Result<LearningDocument, Problem> {
        let invalid = |_| Problem::new(400, "invalid_id", "an experiment's id is a UUID");
        let id = Uuid::parse_str(&request.experiment_id).map_err(invalid)?;
        let rollouts = Rollouts::of(&self.store, &request.tenant);
        let kept = self.found(&rollouts, id).await?;
        let points = rollouts.points(&kept, POINTS).await.map_err(|error| away(&error))?;
        let mut told = self.told(&rollouts, &kept).await?;
        if let Some(members) = told.as_object_mut() {
            members.insert("points".to_owned(), points.iter().map(of_look).collect());
        }
        Ok(document(&told, false))
    }

    async fn found(&self, rollouts: &Rollouts, id: Uuid) -> Result<Experiment, Problem> {
        let found = rollouts.get(id).await.map_err(|error: StoreError| away(&error))?;
        found.ok_or_else(|| Problem::new(404, "experiment_not_found", "there is no such experiment"))
    }

    async fn told(&self, rollouts: &Rollouts, experiment: &Experiment) -> Result<Value, Problem> {
        let last = rollouts.last_look(experiment.id).await.map_err(|error| away(&error))?;
        Ok(of_experiment(experiment, last.as_ref()))
    }
}

fn of_experiment(experiment: &Experiment, last: Option<&KeptLook>) -> Value {
    let time = |at: DateTime<Utc>| service::clock::rfc3339(at.timestamp_millis());
    let exposed = experiment.course.exposed(&experiment.settings);
    json!({
        "experiment_id": experiment.id,
        "role": experiment.role,
        "champion": experiment.champion,
        "challenger": experiment.challenger,
        "stage": experiment.course.stage,
        "paused": experiment.course.paused,
        "exposed": exposed.map(|(_, share)| share.fraction()),
        "settings": experiment.settings,
        "looks": experiment.looks,
        "began_at": time(experiment.began_at),
        "ended_at": experiment.ended_at.map(time),
        "last": last.map(of_look),
    })
}

fn of_look(kept: &KeptLook) -> Value {
    let word = kept.word.as_ref();
    json!({
        "number": kept.number,
        "look": kept.look,
        // The evidence of that moment is the look.
        "word": word.map(|word| json!({ "by": word.by, "action": word.action, "note": word.note })),
    })
}

/// Whoever knew it could choose an arm.
#[expect(clippy::result_large_err, reason = "the answer itself, once a request")]
fn salt() -> Result<Uuid, Problem> {
    let bytes = service::ids::random_bytes().map_err(|error| Problem::new(500, "internal", error.to_string()))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

fn unfit(detail: String) -> Problem {
    Problem::new(422, "validation", detail)
}

fn refused(error: BeginError) -> Problem {
    match error {
        BeginError::Untriable(why) => unfit(why.to_string()),
        BeginError::Store(error) => away(&error),
    }
}
