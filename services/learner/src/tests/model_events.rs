//! Whoever changes a model or an experiment tells it, with the change or not at all.

use super::store;
use crate::models::version::{Source, State};
use crate::rollout::{Action, Course, Decision, Facts, Hold, Look, Override, Settings, look};
use crate::store::models::{Models, NewModel};
use crate::store::rollouts::{Begun, Experiment, NewExperiment, NewLook, Rollouts, TakenBack};
use crate::store::{Rules, Store};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;
use workflow::rollout::Model;
use workflow::time::Timestamp;

const MODEL: Uuid = Uuid::from_u128(7);
const EXPERIMENT: Uuid = Uuid::from_u128(1);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000 + seconds, 0).unwrap()
}

struct World {
    store: Store,
    models: Models,
    rollouts: Rollouts,
}

impl World {
    /// A registered model.
    async fn new() -> Self {
        let store = store().await.by(Rules {
            trial_after: 2,
            fragment_support: 3,
            names: Some(bus::Names::new("test").unwrap()),
        });
        let (models, rollouts) = (Models::of(&store, "acme"), Rollouts::of(&store, "acme"));
        models.register(&model()).await.unwrap();
        Self {
            store,
            models,
            rollouts,
        }
    }

    async fn begin(&self) {
        let settings = Settings::default();
        let new = NewExperiment {
            id: EXPERIMENT,
            salt: Uuid::from_u128(42),
            role: "writer".to_owned(),
            challenger: Model::Version(MODEL),
            began_at: at(1),
            course: Course::begin(&settings, Timestamp(0)),
            settings,
        };
        assert_eq!(self.rollouts.begin(&new).await.unwrap(), Begun::New);
    }

    async fn experiment(&self) -> Experiment {
        self.rollouts.get(EXPERIMENT).await.unwrap().unwrap()
    }

    /// Looks, and decides so.
    async fn decide(&self, decision: Decision) -> bool {
        let experiment = self.experiment().await;
        let look = seen(&experiment, decision);
        let course = experiment.course.after(&decision, Timestamp(9));
        self.record(&experiment, &look, None, course).await
    }

    async fn say(&self, action: Action) -> bool {
        let experiment = self.experiment().await;
        let look = seen(&experiment, Decision::Continue);
        let word = Override {
            by: "ada".to_owned(),
            action,
            note: None,
            evidence: look.clone(),
        };
        let course = experiment.course.overridden(action, Timestamp(9)).unwrap();
        self.record(&experiment, &look, Some(&word), course).await
    }

    async fn record(&self, experiment: &Experiment, look: &Look, word: Option<&Override>, course: Course) -> bool {
        let new = NewLook {
            look,
            word,
            course,
            at: at(9),
        };
        self.rollouts.record(experiment, new).await.unwrap()
    }

    /// Kinds of what was told, numbered without gap.
    async fn kinds(&self, entity: Uuid) -> Vec<String> {
        let told = self.store.told(entity).await;
        let numbers: Vec<u64> = told.iter().filter_map(|event| event["sequence"].as_u64()).collect();
        assert!(numbers.iter().copied().eq(1..=told.len() as u64), "{numbers:?}");
        let kind = |event: &Value| {
            assert_eq!((&event["subject"], &event["tenant"]), (&json!(entity), &json!("acme")));
            let kind = event["type"]
                .as_str()?
                .strip_prefix("io.orchestrator.")?
                .strip_suffix(".v1")?;
            Some(kind.to_owned())
        };
        told.iter().filter_map(kind).collect()
    }
}

fn model() -> NewModel {
    NewModel {
        id: MODEL,
        name: "own".to_owned(),
        state: State::Loaded,
        source: Source::Remote {
            provider: "mine".to_owned(),
            model: "own-q4".to_owned(),
            answers_as: None,
        },
        trained_on: None,
        at: at(0),
    }
}

fn seen(experiment: &Experiment, decision: Decision) -> Look {
    let (settings, course) = (&experiment.settings, &experiment.course);
    Look {
        decision,
        ..look(settings, course, &Facts::default(), Timestamp(5))
    }
}

#[tokio::test]
async fn a_model_tells_where_it_comes_to_and_an_experiment_how_it_goes_on() {
    let world = World::new().await;
    world.models.register(&model()).await.unwrap();
    assert_eq!(
        world.kinds(MODEL).await,
        ["model.registered"],
        "registered again it is nothing new"
    );
    let registered = &world.store.told(MODEL).await[0];
    let mut data = json!({"model_id": MODEL, "model_name": "own", "version": 1, "served_as": "own-v1", "state": "loaded",
        "reason": null});
    assert_eq!(registered["data"], data);
    assert_eq!(registered["time"], service::clock::rfc3339(at(0).timestamp_millis()));

    world.begin().await;
    (data["state"], data["reason"]) = (json!("canary"), Value::Null);
    assert_eq!(world.store.told(MODEL).await[1]["data"], data);
    for decision in [
        Decision::Continue,
        Decision::Advance { step: 2 },
        Decision::Hold { why: Hold::SampleRatio },
        Decision::Hold { why: Hold::SampleRatio },
    ] {
        assert!(world.decide(decision).await);
    }
    for action in [Action::Pause, Action::Pause, Action::Resume] {
        assert!(world.say(action).await);
    }
    assert!(world.decide(Decision::Promote).await);
    let kinds = ["started", "advanced", "held", "held", "resumed", "promoted"];
    let kinds = kinds.map(|kind| format!("experiment.{kind}"));
    assert_eq!(world.kinds(EXPERIMENT).await, kinds);
    let taken = world
        .rollouts
        .take_back(Model::Version(MODEL), None, None, "ada", at(20));
    assert_eq!(taken.await.unwrap(), TakenBack::Done(EXPERIMENT));
    let told = world.store.told(EXPERIMENT).await;
    let expected = json!({
        "experiment_id": EXPERIMENT, "role": "writer", "champion": "configured", "challenger": MODEL,
        "stage": "rolled_back", "paused": false, "exposed": null, "by": "person", "decision": {"kind": "promote"},
        "n": {"control": 0, "challenger": 0}, "effect": {"value": null, "interval": null}, "e_value": 1.0,
    });
    assert_eq!(told.last().unwrap()["data"], expected);
    assert!(
        !told.iter().any(|event| event.to_string().contains("ada")),
        "nobody is named"
    );
    let kinds = ["registered", "canary", "promoted", "rolled_back"].map(|kind| format!("model.{kind}"));
    assert_eq!(world.kinds(MODEL).await, kinds);
}

#[tokio::test]
async fn what_did_not_happen_is_not_told() {
    let world = World::new().await;
    assert!(
        !world
            .models
            .change(MODEL, [State::Uploaded, State::Failed], None, at(2))
            .await
            .unwrap()
    );
    world.begin().await;
    let before = world.experiment().await;
    assert!(world.decide(Decision::Advance { step: 2 }).await);
    // Somebody looked at what moved meanwhile.
    let late = seen(&before, Decision::Promote);
    let course = before.course.after(&late.decision, Timestamp(9));
    assert!(!world.record(&before, &late, None, course).await);
    let kinds = ["experiment.started", "experiment.advanced"];
    assert_eq!(world.kinds(EXPERIMENT).await, kinds);
    assert!(world.decide(Decision::Inconclusive).await);
    assert_eq!(world.kinds(EXPERIMENT).await.last().unwrap(), "experiment.ended");
    let kinds = ["model.registered", "model.canary", "model.inconclusive"];
    assert_eq!(world.kinds(MODEL).await, kinds);
    let other = Models::of(&world.store, "other");
    assert!(
        !other
            .change(MODEL, [State::Inconclusive, State::Validated], None, at(3))
            .await
            .unwrap()
    );
    let why = Some("out of memory");
    for states in [
        [State::Inconclusive, State::Validated],
        [State::Validated, State::Failed],
    ] {
        assert!(world.models.change(MODEL, states, why, at(4)).await.unwrap());
    }
    let told = world.store.told(MODEL).await;
    assert_eq!(told.last().unwrap()["type"], "io.orchestrator.model.failed.v1");
    assert_eq!(told.last().unwrap()["data"]["reason"], "out of memory");
}
