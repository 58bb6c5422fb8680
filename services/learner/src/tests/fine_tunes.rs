//! Training at a scripted provider, from an export to a registered model, whatever goes wrong on the way.

use super::exports::{learner, start, with_raw};
use super::{eventually, store};
use crate::fine_tunes::{FineTunes, Providers};
use crate::record;
use crate::rpc::{FineTuneJobs, ModelRegistry};
use crate::store::Store;
use crate::store::models::Models;
use contracts::learner::fine_tune_service_server::FineTuneService;
use contracts::learner::model_service_server::ModelService;
use contracts::learner::{GetFineTuneRequest, GetModelRequest, ListFineTunesRequest, StartFineTuneRequest};
use contracts::problem::Problem;
use serde_json::{Value, json};
use service::config::{FineTunesConfig, FineTuningConfig, LlmConfig, ProviderConfig, ProviderKind, Secret};
use std::sync::Arc;
use std::time::Duration;
use testkit::{TrainingServer, Wrong};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};
use uuid::Uuid;

/// Of which about eight are to train with.
const RECORDS: u32 = 12;
const LEASE: Duration = Duration::from_millis(400);

struct Scene {
    store: Store,
    server: TrainingServer,
    jobs: FineTuneJobs,
    work: FineTunes,
    export: Value,
}

fn rules() -> FineTunesConfig {
    FineTunesConfig {
        poll_seconds: 0.01,
        most_poll_seconds: 0.02,
        call_timeout_seconds: 2.0,
        upload_timeout_seconds: 2.0,
        max_under_way: 3,
        ..FineTunesConfig::default()
    }
}

fn providers(server: &TrainingServer, trains: FineTuningConfig) -> Arc<Providers> {
    let provider = ProviderConfig {
        base_url: Some(server.url()),
        api_key: Some(Secret::plain("sk-secret")),
        fine_tuning: Some(trains),
        ..ProviderConfig::new(ProviderKind::Openai)
    };
    let other = ProviderConfig {
        fine_tuning: None,
        ..provider.clone()
    };
    let llm = LlmConfig {
        providers: [("mine".to_owned(), provider), ("other".to_owned(), other)].into(),
        ..LlmConfig::default()
    };
    Arc::new(Providers::open(&llm, &rules()).unwrap())
}

impl Scene {
    async fn new() -> Self {
        let trains = FineTuningConfig {
            prices: [("small*".to_owned(), 25.0)].into(),
            ..FineTuningConfig::default()
        };
        Self::at(TrainingServer::start().await.unwrap(), trains).await
    }

    async fn at(server: TrainingServer, trains: FineTuningConfig) -> Self {
        let store = store().await;
        // A user of their own each, so that one may be erased.
        let records = (1..=RECORDS).map(|n| {
            let mut raw = record::tests::completed();
            // Nothing in one is like anything in another, so that each is in a part of its own.
            let words = (0..40).map(|word| format!("{:x}", (n * 1000 + word).wrapping_mul(2_654_435_761) % 65_521));
            raw["submission"]["request"] = json!(words.collect::<Vec<_>>().join(" "));
            let mut record = with_raw(n, "acme", Some(0.9), raw);
            record.author = format!("user-{n}");
            record
        });
        store.keep(records.collect()).await.unwrap();
        let export = exported(&store, "acme", json!({"format": "openai-chat"})).await;
        let providers = providers(&server, trains);
        Self {
            jobs: FineTuneJobs::new(store.clone(), Arc::clone(&providers), rules()),
            work: FineTunes::new(store.clone(), providers, rules()).leasing(LEASE),
            store,
            server,
            export,
        }
    }

    fn wanted(&self) -> Value {
        json!({"export_id": self.export["export_id"], "provider": "mine", "base_model": "small-1", "model_name": "own",
            "hyperparameters": {"n_epochs": 3}})
    }

    async fn ask(&self, tenant: &str, key: &str, wanted: &Value) -> Result<(Value, bool), Problem> {
        let request = StartFineTuneRequest {
            tenant: tenant.to_owned(),
            fine_tune_json: wanted.to_string(),
            idempotency_key: key.to_owned(),
        };
        let answer = self.jobs.start_fine_tune(Request::new(request)).await;
        let answer = answer.map_err(|status| Problem::from_status(&status))?.into_inner();
        Ok((serde_json::from_str(&answer.json).unwrap(), answer.replayed))
    }

    async fn begun(&self) -> String {
        let (job, _) = self.ask("acme", "k", &self.wanted()).await.unwrap();
        job["fine_tune_id"].as_str().unwrap().to_owned()
    }

    async fn told(&self, id: &str) -> Value {
        let answer = self.jobs.get_fine_tune(named("acme", id)).await.unwrap();
        serde_json::from_str(&answer.into_inner().json).unwrap()
    }

    /// Does what is due until that is told, 30 s at most.
    async fn work_until(&self, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually("the job stands where it should", async || {
            self.work.turn().await.unwrap();
            holds(&self.told(id).await)
        })
        .await;
        self.told(id).await
    }

    async fn worked_to(&self, id: &str, state: &str) -> Value {
        self.work_until(id, |job| job["state"] == state).await
    }

    async fn closed(&self, id: &str) -> Value {
        self.work_until(id, |job| {
            !job["ended_at"].is_null() && job["files_at_provider"] == json!([])
        })
        .await
    }

    fn succeeds(&self) {
        let job = json!({"status": "succeeded", "fine_tuned_model": "ft:small-1:own", "trained_tokens": 3000});
        self.server.jobs_become(job);
    }

    fn calls_of(&self, call: &str) -> usize {
        self.server.calls().iter().filter(|one| one.starts_with(call)).count()
    }
}

fn named(tenant: &str, id: &str) -> Request<GetFineTuneRequest> {
    Request::new(GetFineTuneRequest {
        tenant: tenant.to_owned(),
        fine_tune_id: id.to_owned(),
    })
}

async fn exported(store: &Store, tenant: &str, options: Value) -> Value {
    let export = start(&learner(store), tenant, options).await.unwrap();
    serde_json::from_str(&export.json).unwrap()
}

/// Whose problem it is.
fn code<T: std::fmt::Debug>(answer: Result<T, Problem>) -> (u16, String) {
    let problem = answer.unwrap_err();
    (problem.status, problem.code)
}

#[tokio::test]
async fn an_export_becomes_the_next_version_of_a_model_and_its_cost_is_told() {
    let scene = Scene::new().await;
    let file: Value = exported(&scene.store, "acme", json!({"format": "openai-chat", "split": "train"})).await;
    let (begun, _) = scene.ask("acme", "k", &scene.wanted()).await.unwrap();
    let id = begun["fine_tune_id"].as_str().unwrap();
    assert_eq!(
        (&begun["state"], &begun["cost"]["usd"]),
        (&json!("queued"), &Value::Null)
    );
    assert_eq!(begun["examples"]["train"], file["count"]);
    let tokens = begun["cost"]["estimated_tokens_per_epoch"].as_u64().unwrap();
    assert_eq!(tokens, file["size"].as_u64().unwrap().div_ceil(4));
    assert_eq!(
        begun["cost"]["estimated_usd"].as_f64().unwrap(),
        (3 * tokens) as f64 / 1e6 * 25.0
    );

    let running = scene.worked_to(id, "running").await;
    // Exactly the lines to train with are sent, and none of the test part.
    let sent = scene.server.files();
    let training = &sent[running["files_at_provider"][0].as_str().unwrap()];
    assert_eq!(training.name, format!("orchestrator-{id}-train.jsonl"));
    assert_eq!(training.content.len() as u64, file["size"].as_u64().unwrap());
    let lines = sent
        .values()
        .map(|file| file.content.split(|byte| *byte == b'\n').count() - 1);
    let counted = ["train", "validation"].map(|part| running["examples"][part].as_u64().unwrap());
    assert_eq!(lines.sum::<usize>() as u64, counted.iter().sum::<u64>());
    let asked = &scene.server.jobs()[0];
    assert_eq!(asked["method"]["supervised"]["hyperparameters"], json!({"n_epochs": 3}));
    assert_eq!(asked["metadata"]["orchestrator_fine_tune"], id);

    scene.succeeds();
    let done = scene.closed(id).await;
    assert_eq!((&done["state"], &done["reason"]), (&json!("succeeded"), &Value::Null));
    assert_eq!(done["cost"]["usd"].as_f64().unwrap(), 0.075);
    assert!(scene.server.files().is_empty(), "the provider keeps no examples");
    assert_eq!(
        (scene.server.jobs().len(), scene.calls_of("POST /files")),
        (1, sent.len())
    );

    let model: Uuid = done["model_id"].as_str().unwrap().parse().unwrap();
    let kept = Models::of(&scene.store, "acme").get(model).await.unwrap().unwrap();
    let served = kept.served().unwrap();
    assert_eq!((kept.name.as_str(), kept.version), ("own", 1));
    assert_eq!(
        (served.provider.as_str(), served.model.as_str()),
        ("mine", "ft:small-1:own")
    );
    assert_eq!(
        kept.trained_on.unwrap().to_string(),
        scene.export["export_id"].as_str().unwrap()
    );
    let registry = ModelRegistry::new(scene.store.clone(), Default::default());
    let request = GetModelRequest {
        tenant: "acme".to_owned(),
        model_id: model.to_string(),
    };
    let shown = registry
        .get_model(Request::new(request))
        .await
        .map(Response::into_inner)
        .unwrap();
    let shown: Value = serde_json::from_str(&shown.json).unwrap();
    assert_eq!(
        (&shown["trained_by"], &shown["base_model"]),
        (&json!(id), &json!("small-1"))
    );
    eventually("nothing is left to do", async || !scene.work.turn().await.unwrap()).await;
    assert!(!scene.store.fine_tune_rows().await.contains("sk-secret"));
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_file_and_no_second_paid_job() {
    let scene = Scene::new().await;
    scene.server.next("POST /files", Wrong::AnswerLost);
    scene
        .server
        .next("POST /fine_tuning/jobs", Wrong::Says("{\"id\":\"ftjob-"));
    let id = scene.begun().await;
    let running = scene.worked_to(&id, "running").await;
    let parts = running["files_at_provider"].as_array().unwrap().len();
    assert_eq!((scene.server.jobs().len(), scene.server.files().len()), (1, parts));
    scene.succeeds();
    assert_eq!(scene.closed(&id).await["state"], "succeeded");
    assert!(scene.server.files().is_empty());
    let mut keys = scene.server.keys();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), parts + 1, "the same key for the same thing: {keys:?}");
}

#[tokio::test]
async fn whoever_is_killed_between_asking_and_writing_down_is_followed_by_one_who_finds_the_job() {
    let scene = Scene::new().await;
    let id = scene.begun().await;
    // The provider makes the job and never answers; whoever asked is killed while it waits.
    scene.server.next("POST /fine_tuning/jobs", Wrong::Silent);
    let killed = {
        let work = scene.work.clone();
        tokio::spawn(work.run(CancellationToken::new()))
    };
    eventually("the provider has the job", async || scene.server.jobs().len() == 1).await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    assert_eq!(scene.told(&id).await["job"], Value::Null);
    let running = scene.worked_to(&id, "running").await;
    assert_eq!(running["job"]["id"], scene.server.jobs()[0]["id"]);
    assert_eq!(scene.server.jobs().len(), 1);
}

#[tokio::test]
async fn many_learners_do_each_thing_once() {
    let scene = Scene::new().await;
    let id = scene.begun().await;
    let stop = CancellationToken::new();
    let learners: Vec<_> = (0..4)
        .map(|_| tokio::spawn(scene.work.clone().run(stop.clone())))
        .collect();
    eventually("it runs", async || scene.told(&id).await["state"] == "running").await;
    scene.succeeds();
    eventually("it is registered", async || {
        let job = scene.told(&id).await;
        job["state"] == "succeeded" && job["files_at_provider"] == json!([])
    })
    .await;
    stop.cancel();
    futures::future::join_all(learners).await;
    let models = Models::of(&scene.store, "acme").list(None, 10).await.unwrap();
    let parts = scene.calls_of("POST /files");
    assert_eq!((models.len(), scene.calls_of("POST /fine_tuning/jobs")), (1, 1));
    assert_eq!(scene.calls_of("DELETE /files"), parts);
}

#[tokio::test]
async fn a_provider_that_is_away_or_busy_is_waited_for_and_what_it_says_is_shown_without_the_key() {
    let scene = Scene::new().await;
    let id = scene.begun().await;
    scene.server.next("POST /files", Wrong::Status(503, None));
    scene
        .server
        .next("POST /fine_tuning/jobs", Wrong::Status(429, Some("1")));
    let waiting = scene.work_until(&id, |job| job["waiting"].is_string()).await;
    assert_eq!(waiting["waiting"], "status 503: not now, ***");
    let waiting = scene
        .work_until(&id, |job| {
            job["waiting"].as_str().is_some_and(|words| words.contains("429"))
        })
        .await;
    assert_eq!(waiting["state"], "uploading");
    let asked = std::time::Instant::now();
    scene.worked_to(&id, "running").await;
    assert!(
        asked.elapsed() > Duration::from_millis(700),
        "it was to be asked a second later"
    );
    assert_eq!(
        scene.calls_of("GET /fine_tuning/jobs"),
        0,
        "nothing was begun, so nothing is looked for"
    );
    scene.server.next("GET /fine_tuning/jobs/", Wrong::Says("<html>"));
    scene.server.next("GET /fine_tuning/jobs/", Wrong::Status(401, None));
    scene
        .work_until(&id, |job| {
            job["waiting"].as_str().is_some_and(|words| words.contains("no JSON"))
        })
        .await;
    scene
        .work_until(&id, |job| {
            job["waiting"].as_str().is_some_and(|words| words.contains("401"))
        })
        .await;
    scene.succeeds();
    scene.worked_to(&id, "succeeded").await;
    assert!(!scene.store.fine_tune_rows().await.contains("sk-secret"));
}

#[tokio::test]
async fn what_the_provider_says_of_a_failure_is_the_reason() {
    let scene = Scene::new().await;
    let id = scene.begun().await;
    scene.worked_to(&id, "running").await;
    let failed = json!({"status": "failed", "error": {"message": "the file has 8 examples, sk-secret, of 10"}, "trained_tokens": 0});
    scene.server.jobs_become(failed);
    let failed = scene.closed(&id).await;
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (
            &json!("failed"),
            &json!("the provider's job failed: the file has 8 examples, ***, of 10")
        )
    );
    assert_eq!(failed["cost"]["usd"], json!(0.0), "it says that nothing was trained");
    assert!(
        Models::of(&scene.store, "acme")
            .list(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(scene.server.files().is_empty());

    let (refused, _) = scene.ask("acme", "refused", &scene.wanted()).await.unwrap();
    scene.server.next("POST /fine_tuning/jobs", Wrong::Status(400, None));
    let refused = scene.closed(refused["fine_tune_id"].as_str().unwrap()).await;
    assert_eq!(
        refused["reason"],
        "the provider does not begin the job: status 400: not now, ***"
    );
    assert_eq!(scene.calls_of("POST /fine_tuning/jobs"), 2);

    scene.server.jobs_become(Value::Null);
    let (forgotten, _) = scene.ask("acme", "forgotten", &scene.wanted()).await.unwrap();
    let forgotten = forgotten["fine_tune_id"].as_str().unwrap();
    scene.worked_to(forgotten, "running").await;
    scene.server.forget_jobs();
    let forgotten = scene.closed(forgotten).await;
    assert!(forgotten["reason"].as_str().unwrap().contains("no more"), "{forgotten}");
    assert_eq!(forgotten["cost"]["usd"], Value::Null, "what it cost is not known");
}

#[tokio::test]
async fn who_cancels_ends_it_at_the_provider_unless_it_had_succeeded() {
    let scene = Scene::new().await;
    let cancel = async |id: &str| scene.jobs.cancel_fine_tune(named("acme", id)).await;
    // Before anything was sent.
    let queued = scene.begun().await;
    cancel(&queued).await.unwrap();
    assert_eq!(scene.told(&queued).await["state"], "cancelling");
    assert_eq!(scene.closed(&queued).await["reason"], "it was cancelled");
    assert!(scene.server.jobs().is_empty() && scene.calls_of("POST /files") == 0);

    let (running, _) = scene.ask("acme", "2", &scene.wanted()).await.unwrap();
    let running = running["fine_tune_id"].as_str().unwrap();
    scene.worked_to(running, "running").await;
    scene.server.next("POST /fine_tuning/jobs/", Wrong::Status(503, None));
    cancel(running).await.unwrap();
    assert_eq!(scene.closed(running).await["state"], "cancelled");
    assert_eq!(scene.server.jobs()[0]["status"], "cancelled");
    // Whoever says so again is told the same, and nobody revives it.
    cancel(running).await.unwrap();
    assert_eq!(scene.told(running).await["state"], "cancelled");

    let (won, _) = scene.ask("acme", "3", &scene.wanted()).await.unwrap();
    let won = won["fine_tune_id"].as_str().unwrap();
    scene.worked_to(won, "running").await;
    scene.succeeds();
    cancel(won).await.unwrap();
    let won = scene.closed(won).await;
    assert_eq!(
        (&won["state"], &won["reason"]),
        (
            &json!("succeeded"),
            &json!("it had succeeded before it could be cancelled")
        )
    );
    assert_eq!(Models::of(&scene.store, "acme").list(None, 10).await.unwrap().len(), 1);
    // That of another job, which nobody wanted to end.
    let (ended, _) = scene.ask("acme", "4", &scene.wanted()).await.unwrap();
    let ended = ended["fine_tune_id"].as_str().unwrap();
    scene.closed(ended).await;
    let late = cancel(ended).await.map_err(|status| Problem::from_status(&status));
    assert_eq!(code(late), (409, "already_terminal".to_owned()));
}

#[tokio::test]
async fn what_takes_too_long_is_ended_and_a_provider_that_does_not_end_it_is_given_up() {
    let scene = Scene::new().await;
    let id = scene.begun().await;
    scene.worked_to(&id, "running").await;
    scene.store.age_fine_tunes(0).await;
    let late = scene.closed(&id).await;
    assert_eq!(late["state"], "failed");
    assert!(late["reason"].as_str().unwrap().contains("deadline_hours"), "{late}");
    assert_eq!(scene.server.jobs()[0]["status"], "cancelled");

    let (stuck, _) = scene.ask("acme", "2", &scene.wanted()).await.unwrap();
    let stuck = stuck["fine_tune_id"].as_str().unwrap();
    let running = scene.worked_to(stuck, "running").await;
    scene.store.age_fine_tunes(25).await;
    let stuck = scene.closed(stuck).await;
    let reason = stuck["reason"].as_str().unwrap();
    assert!(
        reason.contains(running["job"]["id"].as_str().unwrap()) && reason.contains("may go on"),
        "{reason}"
    );
}

#[tokio::test]
async fn the_erasure_of_a_user_ends_what_trains_with_their_words_and_takes_them_away_there() {
    let keeps = FineTuningConfig {
        keep_files: true,
        ..FineTuningConfig::default()
    };
    let scene = Scene::at(TrainingServer::start().await.unwrap(), keeps).await;
    let running = scene.begun().await;
    scene.worked_to(&running, "running").await;
    let (done, _) = scene.ask("acme", "done", &scene.wanted()).await.unwrap();
    let done = done["fine_tune_id"].as_str().unwrap();
    scene.worked_to(done, "running").await;
    scene.succeeds();
    scene.worked_to(done, "succeeded").await;
    // It has a model there that nobody registered yet, when its export is withdrawn.
    let kept = scene.server.files().len();
    assert!(kept > 0, "the operator keeps files there");
    scene
        .store
        .erase("acme", "user-1", service::clock::now())
        .await
        .unwrap();
    let withdrawn = scene.closed(&running).await;
    assert!(
        ["cancelled", "succeeded"].contains(&withdrawn["state"].as_str().unwrap()),
        "{withdrawn}"
    );
    scene.closed(done).await;
    assert!(
        scene.server.files().is_empty(),
        "of an erased user no words are left there"
    );
    assert_eq!(
        code(scene.ask("acme", "again", &scene.wanted()).await),
        (404, "export_not_found".to_owned())
    );
}

#[tokio::test]
async fn a_model_made_of_withdrawn_records_is_not_registered_and_is_deleted_there() {
    let scene = Scene::new().await;
    let id = scene.begun().await;
    scene.worked_to(&id, "running").await;
    scene
        .store
        .erase("acme", "user-2", service::clock::now())
        .await
        .unwrap();
    scene.succeeds();
    let withdrawn = scene.closed(&id).await;
    assert_eq!(
        (&withdrawn["state"], &withdrawn["model_id"]),
        (&json!("cancelled"), &Value::Null)
    );
    assert!(
        withdrawn["reason"].as_str().unwrap().contains("withdrawn"),
        "{withdrawn}"
    );
    assert_eq!(scene.server.models_deleted(), ["ft:small-1:own"]);
    assert!(
        Models::of(&scene.store, "acme")
            .list(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn only_what_may_be_trained_with_is_taken_once_and_for_its_own_tenant() {
    let scene = Scene::new().await;
    let ask = async |change: Value| {
        let mut wanted = scene.wanted();
        for (name, value) in change.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        code(scene.ask("acme", "", &wanted).await)
    };
    let export = async |options: Value| exported(&scene.store, "acme", options).await["export_id"].clone();
    let jsonl = export(json!({"format": "jsonl"})).await;
    let untrained = export(json!({"format": "openai-chat", "split": "test"})).await;
    for (change, refused) in [
        (json!({"provider": "other"}), (422, "fine_tuning_not_allowed")),
        (
            json!({"provider": "http://127.0.0.1:1"}),
            (422, "fine_tuning_not_allowed"),
        ),
        (json!({"base_url": "http://127.0.0.1:1"}), (422, "unknown_field")),
        (json!({"export_id": jsonl}), (422, "unsupported_format")),
        (json!({"export_id": untrained}), (422, "export_empty")),
        (json!({"export_id": Uuid::nil()}), (404, "export_not_found")),
        (json!({"method": "dpo"}), (422, "unsupported_format")),
        (json!({"max_usd": 0.0000001}), (422, "too_expensive")),
        (json!({"max_usd": 5, "base_model": "large"}), (422, "too_expensive")),
        (json!({"max_usd": 5, "hyperparameters": {}}), (422, "too_expensive")),
    ] {
        assert_eq!(ask(change.clone()).await, (refused.0, refused.1.to_owned()), "{change}");
    }
    assert_eq!(
        code(scene.ask("rival", "k", &scene.wanted()).await),
        (404, "export_not_found".to_owned())
    );

    let id = scene.begun().await;
    let (again, replayed) = scene.ask("acme", "k", &scene.wanted()).await.unwrap();
    assert_eq!((again["fine_tune_id"].as_str(), replayed), (Some(id.as_str()), true));
    let mut other = scene.wanted();
    other["seed"] = json!(1);
    assert_eq!(
        code(scene.ask("acme", "k", &other).await),
        (422, "idempotency_key_reused".to_owned())
    );
    for service in [FineTuneService::get_fine_tune, FineTuneService::cancel_fine_tune] {
        let answer = service(&scene.jobs, named("rival", &id)).await;
        let answer = answer.map_err(|status| Problem::from_status(&status));
        assert_eq!(code(answer), (404, "fine_tune_not_found".to_owned()));
    }
    for n in 2..=rules().max_under_way {
        scene.ask("acme", &format!("k{n}"), &scene.wanted()).await.unwrap();
    }
    assert_eq!(
        code(scene.ask("acme", "one more", &scene.wanted()).await),
        (429, "too_many_fine_tunes".to_owned())
    );
    let list = async |tenant: &str, cursor: &str| -> Value {
        let request = ListFineTunesRequest {
            tenant: tenant.to_owned(),
            limit: 2,
            cursor: cursor.to_owned(),
        };
        let page = scene.jobs.list_fine_tunes(Request::new(request)).await.unwrap();
        serde_json::from_str(&page.into_inner().json).unwrap()
    };
    let page = list("acme", "").await;
    let rest = list("acme", page["next_cursor"].as_str().unwrap()).await;
    assert_eq!(
        (
            page["items"].as_array().unwrap().len(),
            &rest["items"][0]["fine_tune_id"]
        ),
        (2, &json!(id))
    );
    assert_eq!(list("rival", "").await["items"], json!([]));

    scene.store.age_exports(400).await;
    crate::export::expiry::sweep(&scene.store, 300).await.unwrap();
    assert_eq!(ask(json!({})).await, (410, "export_expired".to_owned()));
    let expired = scene.closed(&id).await;
    assert_eq!(expired["state"], "failed");
    assert!(expired["reason"].as_str().unwrap().contains("expired"), "{expired}");
}
