//! Files are brought to servers, asked a first question, and tried; whoever does it may end at any time.

use super::file_servers::FileServer;
use super::uploads::{Files, adapter};
use super::{eventually, store};
use crate::models::file::tests::made::{small_gguf, small_safetensors};
use crate::models::serving::{Configured, Smoke, Turns, open};
use crate::models::version::State;
use crate::rollout::{Course, Settings};
use crate::store::Store;
use crate::store::models::{Model, Models};
use crate::store::rollouts::{Begun, NewExperiment, Rollouts};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service::config::{LlmConfig, ProviderConfig, ProviderKind, Serves};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;
use workflow::rollout::Model as Tried;
use workflow::time::Timestamp;

struct World {
    store: Store,
    server: FileServer,
    files: Files,
    turns: Turns,
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000, 0).unwrap()
}

impl World {
    async fn new(serves: Serves) -> Self {
        let (store, server) = (store().await, FileServer::default());
        let provider = ProviderConfig {
            base_url: Some(server.serve().await),
            serves: Some(serves),
            ..ProviderConfig::new(ProviderKind::Openai)
        };
        let files = Files::new(&store, &[("mine", serves)]);
        let configured = Configured {
            server: open("mine", &provider).unwrap().unwrap(),
            storage: PathBuf::from("/seen/there"),
        };
        let mut llm = LlmConfig::default();
        llm.providers.insert("mine".to_owned(), provider);
        let turns = Turns::new(
            store.clone(),
            files.blobs.clone(),
            [("mine".to_owned(), configured)].into(),
            Smoke(worker::chosen(&llm).unwrap()),
            files.intake.woken.clone(),
        );
        Self {
            store,
            server,
            files,
            turns,
        }
    }

    async fn upload(&self, fields: Value, bytes: &[u8]) -> Uuid {
        let (model, _) = self.files.upload(7, fields, bytes).await.unwrap();
        model.id
    }

    async fn model(&self, id: Uuid) -> Model {
        Models::of(&self.store, "default").get(id).await.unwrap().unwrap()
    }

    /// Takes turns until it stands there.
    async fn comes_to(&self, id: Uuid, state: State) -> Model {
        eventually(&format!("it is {state:?}"), || async {
            self.turns.turn(at()).await.unwrap();
            self.model(id).await.state == state
        })
        .await;
        self.model(id).await
    }
}

fn whole() -> Value {
    json!({"model_name": "own"})
}

#[tokio::test]
async fn each_kind_of_server_is_told_once_and_what_answers_is_served() {
    let (fields, matrices) = adapter("acme/small");
    for (serves, fields, bytes, told) in [
        (Serves::LlamaCpp, whole(), small_gguf(), "POST /models/load"),
        (Serves::Ollama, whole(), small_gguf(), "POST /api/create"),
        (Serves::Vllm, fields, matrices, "POST /v1/load_lora_adapter"),
    ] {
        let world = World::new(serves).await;
        world.server.with(|orders| orders.seen.push("own-v1".to_owned()));
        world.server.with(|orders| orders.answers_as = Some("echo".to_owned()));
        let id = world.upload(fields, &bytes).await;
        assert_eq!(world.model(id).await.served(), None);
        let model = world.comes_to(id, State::SmokePassed).await;
        assert_eq!(world.server.told(told), 1);
        let served = model.served().unwrap();
        assert_eq!(
            (
                served.provider.as_str(),
                served.model.as_str(),
                served.answers_as.as_deref()
            ),
            ("mine", "own-v1", Some("echo"))
        );
        let documents = world.server.with(|orders| orders.told.clone());
        let document = |what: &str| documents.iter().find(|(told, _)| told == what).unwrap().1.clone();
        match serves {
            Serves::Vllm => {
                assert_eq!(document(told)["lora_path"], "/seen/there/served/own-v1");
                let folder = world.files.dir.join("files/served/own-v1");
                assert!(
                    std::fs::read_to_string(folder.join("adapter_config.json"))
                        .unwrap()
                        .contains("LORA")
                );
                assert_eq!(std::fs::read(folder.join("adapter_model.safetensors")).unwrap(), bytes);
            }
            Serves::Ollama => {
                let (what, blob) = documents
                    .iter()
                    .find(|(told, _)| told.starts_with("POST /api/blobs/"))
                    .unwrap();
                let sha256 = blob["sha256"].as_str().unwrap();
                assert_eq!(what, &format!("POST /api/blobs/sha256:{sha256}"), "all bytes arrived");
                assert_eq!(
                    document(told)["files"],
                    json!({"own-v1.gguf": format!("sha256:{sha256}")})
                );
            }
            _ => assert_eq!(
                std::fs::read(world.files.dir.join("files/served/own-v1.gguf")).unwrap(),
                bytes
            ),
        }
        let asked = document("POST /v1/chat/completions");
        assert!(asked["response_format"].to_string().contains("ready"), "{asked}");
    }
}

#[tokio::test]
async fn what_an_operator_loads_is_waited_for_by_name() {
    let world = World::new(Serves::Listed).await;
    let id = world.upload(whole(), &small_safetensors()).await;
    eventually("it waits", || async {
        world.turns.turn(at()).await.unwrap();
        let waits = world.model(id).await.serving.unwrap().waits.unwrap_or_default();
        waits.contains("/seen/there/served/own-v1.safetensors")
    })
    .await;
    assert_eq!(world.model(id).await.state, State::Validated);
    world.server.with(|orders| orders.served.push("own-v1".to_owned()));
    world.comes_to(id, State::SmokePassed).await;
}

#[tokio::test]
async fn a_learner_that_ends_while_it_loads_is_followed_by_one_other_and_nobody_loads_beside_another() {
    let world = World::new(Serves::LlamaCpp).await;
    world.server.with(|orders| {
        orders.seen.push("own-v1".to_owned());
        orders.slow = Duration::from_secs(600);
    });
    let lease = Duration::from_millis(600);
    let turns = world.turns.clone().leasing(lease);
    let id = world.upload(whole(), &small_gguf()).await;
    turns.turn(at()).await.unwrap();
    // Ended in the middle of loading.
    let loading = turns.turn(at());
    tokio::select! {
        _ = loading => panic!("it takes ten minutes"),
        () = eventually("it is told", || async { world.server.told("POST /models/load") == 1 }) => {}
    }
    assert!(!turns.turn(at()).await.unwrap(), "its turn holds");
    world.server.with(|orders| orders.slow = lease * 3);
    eventually("somebody else loads it", || async {
        let (one, two) = tokio::join!(turns.turn(at()), turns.turn(at()));
        one.unwrap();
        two.unwrap();
        world.model(id).await.state == State::SmokePassed
    })
    .await;
    assert_eq!(world.server.told("POST /models/load"), 2);
}

#[tokio::test]
async fn what_cannot_be_served_or_does_not_answer_has_failed_and_says_why() {
    let (of_other, matrices) = adapter("acme/small");
    let mut wrong = of_other.clone();
    wrong["base_model"] = json!("acme/medium");
    wrong["adapter_config"]["base_model_name_or_path"] = json!("acme/medium");
    for (serves, fields, bytes, why) in [
        (Serves::LlamaCpp, whole(), small_safetensors(), "GGUF alone"),
        (Serves::Vllm, whole(), small_safetensors(), "started with"),
        (Serves::Vllm, wrong, matrices, "serves base, acme/small"),
        (Serves::Ollama, whole(), small_gguf(), "cannot be used"),
        (Serves::Listed, whole(), small_gguf(), "lets base answer"),
    ] {
        let world = World::new(serves).await;
        world.server.with(|orders| match serves {
            Serves::Ollama => orders.says = Some("I am no JSON".to_owned()),
            Serves::Listed => {
                orders.served.push("own-v1".to_owned());
                orders.answers_as = Some("base".to_owned());
            }
            _ => {}
        });
        let id = world.upload(fields, &bytes).await;
        let failed = world.comes_to(id, State::Failed).await;
        let reason = failed.reason.clone().unwrap();
        assert!(reason.contains(why), "{serves:?}: {reason}");
        assert_eq!(failed.served(), None);
        assert!(!world.turns.turn(at()).await.unwrap(), "nothing more is done");
    }
}

#[tokio::test]
async fn to_enable_is_to_be_tried_as_planner_unless_another_one_is() {
    for busy in [false, true] {
        let world = World::new(Serves::Listed).await;
        world.server.with(|orders| orders.served.push("own-v1".to_owned()));
        let rollouts = Rollouts::of(&world.store, "default");
        if busy {
            let settings = Settings::default();
            let other = NewExperiment {
                id: Uuid::from_u128(1),
                salt: Uuid::from_u128(2),
                role: "planner".to_owned(),
                challenger: Tried::Configured,
                began_at: at(),
                course: Course::begin(&settings, Timestamp(0)),
                settings,
            };
            // The configured one is the champion: a version has to be.
            let (first, _) = world
                .files
                .upload(3, json!({"model_name": "first"}), &small_gguf())
                .await
                .unwrap();
            world.server.with(|orders| orders.served.push("first-v1".to_owned()));
            world.comes_to(first.id, State::SmokePassed).await;
            let other = NewExperiment {
                challenger: Tried::Version(first.id),
                ..other
            };
            assert_eq!(rollouts.begin(&other).await.unwrap(), Begun::New);
        }
        let id = world
            .upload(json!({"model_name": "own", "enable_immediately": true}), &small_gguf())
            .await;
        let state = if busy { State::SmokePassed } else { State::Canary };
        world.comes_to(id, state).await;
        eventually("it is settled", || async { !world.turns.turn(at()).await.unwrap() }).await;
        let model = world.model(id).await;
        assert_eq!(model.state, state);
        let under_way = rollouts.under_way().await.unwrap();
        let tried: Vec<_> = under_way
            .iter()
            .map(|one| (one.role.as_str(), one.challenger))
            .collect();
        match busy {
            false => assert_eq!(tried, [("planner", Tried::Version(id))]),
            true => {
                assert_eq!((tried.len(), tried[0].1 == Tried::Version(id)), (1, false));
                assert!(
                    model
                        .serving
                        .unwrap()
                        .waits
                        .unwrap()
                        .contains("another model is being tried")
                );
            }
        }
    }
}
