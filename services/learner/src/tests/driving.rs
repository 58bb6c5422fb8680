//! Rollouts run: by tasks that are given by the table that the coordinator holds, and by records as they are ingested.

use super::fake_coordinator::FakeCoordinator;
use super::store;
use crate::coordinator::Coordinator;
use crate::driver::Driver;
use crate::ingest::{CatchUp, Fetcher};
use crate::models::version::{Source, State};
use crate::rollout::{Course, Decision, Limit, Reason, Settings, Side, Stage, Step};
use crate::rpc::ModelRegistry;
use crate::store::Store;
use crate::store::models::{Models, NewModel};
use crate::store::rollouts::{Begun, Experiment, NewExperiment, Rollouts};
use chrono::{DateTime, Utc};
use contracts::coordinator::Assigned;
use contracts::learner::model_service_server::ModelService;
use contracts::learner::{DecideRolloutRequest, ListModelsRequest, RegisterModelRequest, StartRolloutRequest};
use serde_json::{Value, json};
use service::metrics::{Registry, names};
use std::collections::BTreeSet;
use tonic::{Code, Request, Status};
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::rollout::{Arm, Assignment, Model, Phase, RolloutTable, Share, Subject, Unit};
use workflow::time::{Millis, Timestamp};

const CHALLENGER: Model = Model::Version(Uuid::from_u128(7));
const EXPERIMENT: Uuid = Uuid::from_u128(1);
const TENANT: &str = "default";

/// A tenant whose writer is tried; time passes as told.
struct World {
    store: Store,
    fake: FakeCoordinator,
    url: String,
    rollouts: Rollouts,
    catch_up: CatchUp,
    now: i64,
    tasks: u128,
    user: &'static str,
}

/// What came of a task.
#[derive(Clone, Copy)]
enum Comes {
    Scored(f64),
    PassedOver,
}

fn moment(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

fn quick() -> Settings {
    let step = |exposed| Step {
        exposed: Share(exposed),
        units: 10,
        lasts: Millis(0),
    };
    Settings {
        steps: vec![step(4000), step(10_000)],
        least_each: 30,
        // Arms of tests are small.
        sample_ratio_p: 1e-9,
        ..Settings::default()
    }
}

impl World {
    async fn new(settings: Settings) -> Self {
        let store = store().await;
        let fake = FakeCoordinator::default();
        let url = fake.serve().await;
        let coordinator = Coordinator::at(&url).unwrap();
        let counter = Registry::default().counter(names::TASKS_INGESTED, &[]);
        let catch_up = CatchUp {
            coordinator: coordinator.clone(),
            store: store.clone(),
            fetcher: Fetcher::new(coordinator, store.clone(), counter, 0.0),
        };
        let now = service::clock::now_ms();
        let model = NewModel {
            id: Uuid::from_u128(7),
            name: "own".to_owned(),
            state: State::SmokePassed,
            source: Source::Remote {
                provider: "mine".to_owned(),
                model: "own-q4".to_owned(),
                answers_as: Some("own".to_owned()),
            },
            trained_on: None,
            at: moment(now),
        };
        Models::of(&store, TENANT).register(&model).await.unwrap();
        let rollouts = Rollouts::of(&store, TENANT);
        let new = NewExperiment {
            id: EXPERIMENT,
            salt: Uuid::from_u128(42),
            role: "writer".to_owned(),
            challenger: CHALLENGER,
            began_at: moment(now),
            course: Course::begin(&settings, Timestamp(now)),
            settings,
        };
        assert_eq!(rollouts.begin(&new).await.unwrap(), Begun::New);
        Self {
            store,
            fake,
            url,
            rollouts,
            catch_up,
            now,
            tasks: 0,
            user: "ann",
        }
    }

    fn driver(&self) -> Driver {
        Driver::new(self.store.clone(), Coordinator::at(&self.url).unwrap())
    }

    async fn round(&mut self, driver: &mut Driver) {
        self.now += 60_000;
        driver.round(Timestamp(self.now)).await.unwrap();
    }

    fn table(&self) -> RolloutTable {
        self.fake.with(|state| state.tables[TENANT].0.clone())
    }

    fn assignment(&self, task: TaskId) -> Assignment {
        let user = Some(self.user);
        self.table().assign("writer", &Subject { task, user })
    }

    /// A task whose writer was asked just now.
    fn task(&mut self) -> (TaskId, Assignment) {
        self.tasks += 1;
        let made = u128::try_from(self.now).unwrap() << 80;
        let task = TaskId(Uuid::from_u128(made | 0x7000_8000_0000_0000_0000 | self.tasks));
        let assignment = self.assignment(task);
        (task, assignment)
    }

    /// The list of the experiment tells of it.
    fn list(&self, task: TaskId, given: &Assignment) {
        let arm = serde_json::to_value(given.arm).unwrap();
        let assigned = Assigned {
            place: String::new(),
            task_id: task.to_string(),
            user: self.user.to_owned(),
            arm: arm.as_str().unwrap().to_owned(),
            step: given.step,
            propensity: given.propensity,
            at_unix_ms: self.now,
        };
        if given.experiment.is_some() {
            self.fake.with(|state| state.assigned.push(assigned));
        }
    }

    /// It ends, a second after it began.
    fn end(&self, task: TaskId, comes: Comes) {
        let (score, passed_over) = match comes {
            Comes::Scored(score) => (score, false),
            Comes::PassedOver => (0.99, true),
        };
        let time = |ms| service::clock::rfc3339(ms);
        let record = json!({
            "task": {"task_id": task, "status": "completed", "quality": {"overall": score, "passed": true},
                     "created_at": time(self.now), "finished_at": time(self.now + 1000)},
            "submission": {"request": "write", "actor": self.user},
            "assignments": [{"role": "writer", "experiment_id": EXPERIMENT, "passed_over": passed_over}],
        });
        self.fake.with(|state| {
            state.finished.push(task);
            state.records.insert(task, record.to_string());
        });
    }

    /// Tasks that begin and end, by what comes of each arm.
    async fn tasks(&mut self, count: usize, comes: impl Fn(Arm) -> Comes) {
        for _ in 0..count {
            let (task, given) = self.task();
            self.list(task, &given);
            self.end(task, comes(given.arm));
        }
        self.catch_up.run().await.unwrap();
    }

    async fn experiment(&self) -> Experiment {
        self.rollouts.get(EXPERIMENT).await.unwrap().unwrap()
    }

    async fn stage(&self) -> Stage {
        self.experiment().await.course.stage
    }

    /// Until the experiment is over, 40 rounds at most.
    async fn until_its_end(&mut self, driver: &mut Driver, comes: impl Fn(Arm) -> Comes) -> Decision {
        for _ in 0..40 {
            if self.experiment().await.course.is_over() {
                break;
            }
            self.tasks(20, &comes).await;
            self.round(driver).await;
        }
        let last = self.rollouts.last_look(EXPERIMENT).await.unwrap();
        last.unwrap().look.decision
    }
}

fn worth(control: f64, challenger: f64) -> impl Fn(Arm) -> Comes {
    move |arm| Comes::Scored(if arm == Arm::Challenger { challenger } else { control })
}

#[tokio::test]
async fn a_better_challenger_serves_whoever_comes_next_and_leaves_others_whom_they_have() {
    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    let early: Vec<_> = (0..20).map(|_| world.task()).collect();
    assert_eq!(
        world.until_its_end(&mut driver, worth(0.6, 0.9)).await,
        Decision::Promote
    );
    let held = world.table();
    let writer = &held.roles["writer"];
    assert_eq!((writer.champion, &writer.experiment), (CHALLENGER, &None));
    let models = world.fake.with(|state| state.tables[TENANT].1.clone());
    let shown: Vec<_> = models
        .iter()
        .map(|model| {
            (
                model.name.as_str(),
                model.provider.as_str(),
                model.model.as_str(),
                model.answers_as.as_str(),
            )
        })
        .collect();
    assert_eq!(shown, [("own-v1", "mine", "own-q4", "own")]);
    world.now += 1;
    let (_, next) = world.task();
    assert_eq!((next.model, next.experiment), (CHALLENGER, None));
    // The whole is exposed by now, so that each is drawn for; nobody changes arms.
    let (mut challenged, mut others) = (0, 0);
    for (task, given) in early {
        let now = world.assignment(task);
        match given.arm {
            Arm::ChampionOutside => others += 1,
            arm => assert_eq!((now.arm, now.model), (arm, given.model)),
        }
        challenged += usize::from(given.arm == Arm::Challenger);
    }
    assert!(challenged > 0 && others > 0);
    let model = Models::of(&world.store, TENANT).get(Uuid::from_u128(7)).await.unwrap();
    assert_eq!(model.unwrap().state, State::Promoted);
    // Nothing more is looked at.
    let looks = world.experiment().await.looks;
    world.round(&mut driver).await;
    assert_eq!(world.experiment().await.looks, looks);
}

#[tokio::test]
async fn a_worse_challenger_and_one_that_is_passed_over_are_rolled_back() {
    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    let decision = world.until_its_end(&mut driver, worth(0.9, 0.5)).await;
    assert!(matches!(decision, Decision::RollBack { .. }), "{decision:?}");
    let writer = &world.table().roles.get("writer").cloned();
    assert!(writer.is_none(), "as configured: {writer:?}");

    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    let passed_over = |arm| match arm {
        Arm::Challenger => Comes::PassedOver,
        _ => Comes::Scored(0.5),
    };
    let decision = world.until_its_end(&mut driver, passed_over).await;
    // Whatever whoever stepped in was worth.
    assert!(matches!(decision, Decision::RollBack { .. }), "{decision:?}");
    let last = world.rollouts.last_look(EXPERIMENT).await.unwrap().unwrap().look;
    assert_eq!(last.challenger.failed, last.challenger.ended);
}

#[tokio::test]
async fn whoever_comes_after_a_crash_goes_on_at_the_same_step_with_the_same_arms() {
    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    while world.stage().await != Stage::Step(2) {
        world.tasks(20, worth(0.7, 0.7)).await;
        world.round(&mut driver).await;
    }
    let (experiment, table) = (world.experiment().await, world.table());
    let arms: Vec<_> = (0..50).map(|_| world.task()).collect();
    drop(driver);
    let mut driver = world.driver();
    driver.round(Timestamp(world.now)).await.unwrap();
    assert_eq!(world.table(), table);
    assert_eq!(world.experiment().await.course, experiment.course);
    assert!(arms.iter().all(|(task, given)| world.assignment(*task) == *given));

    // The coordinator is away, for longer than an answer is waited for.
    for (task, given) in &arms {
        world.list(*task, given);
        world.end(*task, worth(0.6, 0.9)(given.arm));
    }
    driver.round(Timestamp(world.now + 1)).await.unwrap();
    world.fake.with(|state| state.away = true);
    world.now += 7_200_000;
    driver.round(Timestamp(world.now)).await.unwrap_err();
    assert_eq!(world.stage().await, Stage::Step(2));
    // It is back, and so is a table of before: this one goes above it.
    let mut other = table.clone();
    other.version += 50;
    world.fake.with(|state| {
        state.away = false;
        state.tables.insert(TENANT.to_owned(), (other, Vec::new()));
    });
    drop(driver);
    let mut driver = world.driver();
    world.round(&mut driver).await;
    assert_eq!(world.stage().await, Stage::Step(2), "what is not told yet is not late");
    world.round(&mut driver).await;
    assert_eq!(world.table().version, table.version + 51);
    assert_eq!(world.fake.with(|state| state.tables[TENANT].1.len()), 1);
    assert_eq!(
        world.until_its_end(&mut driver, worth(0.6, 0.9)).await,
        Decision::Promote
    );
}

#[tokio::test]
async fn tasks_that_never_end_are_failures_once_records_are_complete() {
    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    world.tasks(1, worth(0.7, 0.7)).await;
    for _ in 0..200 {
        let (task, given) = world.task();
        world.list(task, &given);
    }
    world.now += 7_200_000;
    world.round(&mut driver).await;
    assert_eq!(world.stage().await, Stage::Step(1));
    let progress = world.store.progress().await.unwrap();
    world.store.note_progress(&progress, moment(world.now)).await.unwrap();
    world.round(&mut driver).await;
    let last = world.rollouts.last_look(EXPERIMENT).await.unwrap().unwrap().look;
    let reason = Reason::Limit(Limit::Failures);
    assert_eq!(last.decision, Decision::RollBack { reason });
}

#[tokio::test]
async fn two_at_once_look_once_each_time() {
    let mut world = World::new(quick()).await;
    let (mut one, mut two) = (world.driver(), world.driver());
    world.round(&mut one).await;
    for _ in 0..40 {
        world.tasks(20, worth(0.6, 0.9)).await;
        world.now += 60_000;
        let now = Timestamp(world.now);
        let (first, second) = tokio::join!(one.round(now), two.round(now));
        first.and(second).unwrap();
        if world.experiment().await.course.is_over() {
            break;
        }
    }
    let experiment = world.experiment().await;
    assert_eq!(experiment.course.stage, Stage::Promoted);
    let looks = world.rollouts.points(&experiment, 1000).await.unwrap();
    assert_eq!(i64::try_from(looks.len()).unwrap(), experiment.looks);
    let decided: Vec<_> = looks
        .iter()
        .map(|kept| kept.look.decision)
        .filter(|decision| *decision != Decision::Continue)
        .collect();
    assert_eq!(decided, [Decision::Advance { step: 2 }, Decision::Promote]);
    let tasks = world.fake.with(|state| {
        let part = |assigned: &&Assigned| Side::parse(&assigned.arm).is_some();
        state.assigned.iter().filter(part).count()
    });
    assert_eq!(world.rollouts.observations(&experiment).await.unwrap().len(), tasks);
}

#[tokio::test]
async fn a_record_counts_once_however_often_and_early_it_comes() {
    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    let begun: Vec<_> = (0..60).map(|_| world.task()).collect();
    for (task, given) in &begun {
        world.end(*task, worth(0.6, 0.9)(given.arm));
    }
    world.catch_up.run().await.unwrap();
    world.round(&mut driver).await;
    assert!(
        world
            .rollouts
            .observations(&world.experiment().await)
            .await
            .unwrap()
            .is_empty()
    );
    for (task, given) in begun.iter().chain(&begun) {
        world.list(*task, given);
    }
    world.round(&mut driver).await;
    let tasks: Vec<TaskId> = begun.iter().map(|(task, _)| *task).collect();
    world.catch_up.fetcher.fetch_all(&tasks).await.unwrap();
    world.round(&mut driver).await;
    let known = world.rollouts.observations(&world.experiment().await).await.unwrap();
    let part = begun
        .iter()
        .filter(|(_, given)| given.arm != Arm::ChampionOutside)
        .count();
    assert_eq!(known.len(), part);
    for seen in known {
        let score = if seen.side == Side::Challenger { 0.9 } else { 0.6 };
        assert_eq!(seen.ended.unwrap().score, Some(score));
    }
}

#[tokio::test]
async fn an_erased_user_is_named_by_no_unit_and_their_figures_stay() {
    let mut settings = quick();
    settings.patience.unit = Unit::User;
    settings.steps = vec![Step {
        exposed: Share::ALL,
        units: 10,
        lasts: Millis(0),
    }];
    let mut world = World::new(settings).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    assert_eq!(
        world.table().roles["writer"].experiment.as_ref().unwrap().phase,
        Phase::Running
    );
    world.tasks(3, worth(0.6, 0.6)).await;
    world.round(&mut driver).await;
    // These are not told of yet.
    world.tasks(2, worth(0.6, 0.6)).await;
    world.now += 1000;
    world.store.erase(TENANT, "ann", moment(world.now)).await.unwrap();
    world.round(&mut driver).await;
    world.user = "bob";
    world.tasks(1, worth(0.6, 0.6)).await;
    world.round(&mut driver).await;
    let known = world.rollouts.observations(&world.experiment().await).await.unwrap();
    assert_eq!(known.len(), 6);
    assert_eq!(known.iter().filter(|task| task.unit == "user:bob").count(), 1);
    let erased: Vec<_> = known.iter().filter(|task| task.unit.starts_with("erased:")).collect();
    assert_eq!(erased.len(), 5);
    let counted = erased.iter().filter(|task| task.ended.is_some());
    let units: std::collections::BTreeSet<_> = counted.map(|task| &task.unit).collect();
    assert_eq!(units.len(), 1, "they stay one unit");
}

#[tokio::test]
async fn a_persons_word_is_kept_with_the_evidence_and_reaches_the_coordinator() {
    let mut world = World::new(quick()).await;
    let mut driver = world.driver();
    world.round(&mut driver).await;
    // How many of them take part is a matter of their ids.
    world.tasks(60, worth(0.6, 0.6)).await;
    world.round(&mut driver).await;
    let stage = world.stage().await;
    let registry = ModelRegistry::new(world.store.clone(), BTreeSet::from(["mine".to_owned()]));
    let decide = async |action: &str, word: serde_json::Value| {
        let request = DecideRolloutRequest {
            tenant: TENANT.to_owned(),
            actor: "ada".to_owned(),
            model_id: Uuid::from_u128(7).to_string(),
            action: action.to_owned(),
            word_json: word.to_string(),
        };
        let answer = registry.decide_rollout(Request::new(request)).await?;
        Ok::<Value, Status>(serde_json::from_str(&answer.into_inner().json).unwrap())
    };
    let paused = decide("pause", json!({"note": "over the holidays"})).await.unwrap();
    assert_eq!((&paused["stage"], &paused["paused"]), (&json!(stage), &json!(true)));
    let word = json!({"by": "ada", "action": "pause", "note": "over the holidays"});
    assert_eq!(paused["last"]["word"], word);
    assert!(paused["last"]["look"]["assigned"]["control"].as_u64().unwrap() > 0);
    assert_eq!(
        paused.to_string().matches(&Uuid::from_u128(42).to_string()).count(),
        0,
        "the salt is told to nobody"
    );
    world.round(&mut driver).await;
    let (_, given) = world.task();
    assert_eq!((given.model, given.experiment), (Model::Configured, None));
    decide("resume", json!({})).await.unwrap();
    let promoted = decide("promote", json!({"role": "writer"})).await.unwrap();
    assert_eq!(promoted["stage"], "promoted");
    world.round(&mut driver).await;
    assert_eq!(world.table().roles["writer"].champion, CHALLENGER);

    // Whoever serves can be taken back, at once and from all.
    let back = decide("rollback", json!({"note": "complaints"})).await.unwrap();
    assert_eq!(
        (&back["stage"], &back["last"]["word"]["note"]),
        (&json!("rolled_back"), &json!("complaints"))
    );
    world.round(&mut driver).await;
    let writer = world.table().roles["writer"].clone();
    assert_eq!((writer.champion, writer.before), (Model::Configured, None));
    for (action, word, code) in [
        ("rollback", json!({}), Code::FailedPrecondition),
        ("explode", json!({}), Code::InvalidArgument),
        ("pause", json!({"reason": "x"}), Code::InvalidArgument),
    ] {
        let refused = decide(action, word).await.unwrap_err();
        assert_eq!(refused.code(), code, "{}", refused.message());
    }
    // An erased person is not named.
    world.store.erase(TENANT, "ada", moment(world.now)).await.unwrap();
    let points = world.rollouts.points(&world.experiment().await, 100).await.unwrap();
    let words: Vec<_> = points.iter().filter_map(|point| point.word.as_ref()).collect();
    assert_eq!(words.len(), 4);
    assert!(words.iter().all(|word| word.by.is_empty()));
}

#[tokio::test]
async fn a_request_that_is_repeated_under_its_key_makes_one_model_and_one_experiment() {
    let store = store().await;
    let registry = ModelRegistry::new(store.clone(), BTreeSet::from(["mine".to_owned()]));
    let register = async |tenant: &str, model: &str, key: &str| {
        let request = RegisterModelRequest {
            tenant: tenant.to_owned(),
            model_json: json!({"name": "own", "provider": "mine", "model": model}).to_string(),
            idempotency_key: key.to_owned(),
        };
        let answer = registry.register_model(Request::new(request)).await?.into_inner();
        Ok::<(Value, bool), Status>((serde_json::from_str(&answer.json).unwrap(), answer.replayed))
    };
    let (first, replayed) = register("a", "q4", "k1").await.unwrap();
    assert_eq!(
        (first["version"].as_i64(), &first["served_as"], replayed),
        (Some(1), &json!("own-v1"), false)
    );
    assert_eq!(register("a", "q4", "k1").await.unwrap(), (first.clone(), true));
    register("a", "q5", "k1").await.unwrap_err();
    assert_eq!(
        register("b", "q4", "k1").await.unwrap().0["version"],
        1,
        "another tenant's"
    );
    assert_eq!(register("a", "q5", "k2").await.unwrap().0["version"], 2);

    let id = first["model_id"].as_str().unwrap();
    let start = async |tenant: &str, role: &str, key: &str| {
        let request = StartRolloutRequest {
            tenant: tenant.to_owned(),
            model_id: id.to_owned(),
            rollout_json: json!({"role": role}).to_string(),
            idempotency_key: key.to_owned(),
        };
        let answer = registry.start_rollout(Request::new(request)).await?.into_inner();
        Ok::<(Value, bool), Status>((serde_json::from_str(&answer.json).unwrap(), answer.replayed))
    };
    let (begun, replayed) = start("a", "writer", "e1").await.unwrap();
    assert!(!replayed);
    assert_eq!(start("a", "writer", "e1").await.unwrap(), (begun, true));
    for (tenant, role, key, code) in [
        ("a", "writer", "", Code::FailedPrecondition),
        ("a", "planner", "e1", Code::InvalidArgument),
        ("a", "judge", "", Code::InvalidArgument),
        ("b", "writer", "", Code::NotFound),
    ] {
        let refused = start(tenant, role, key).await.unwrap_err();
        assert_eq!(refused.code(), code, "{role}: {}", refused.message());
    }
    let page = |cursor: &str| ListModelsRequest {
        tenant: "a".to_owned(),
        limit: 1,
        cursor: cursor.to_owned(),
    };
    let list = async |cursor: &str| {
        let answer = registry
            .list_models(Request::new(page(cursor)))
            .await
            .unwrap()
            .into_inner();
        serde_json::from_str::<Value>(&answer.json).unwrap()
    };
    let newest = list("").await;
    let older = list(newest["next_cursor"].as_str().unwrap()).await;
    assert_ne!(newest["items"][0]["model_id"], older["items"][0]["model_id"]);
    assert_eq!(older["items"].as_array().unwrap().len(), 1);
}
