//! Against a scripted provider.

use super::*;
use bytes::Bytes;
use serde_json::json;
use std::convert::Infallible;
use testkit::{TrainingServer, Wrong};

fn trainer(server: &TrainingServer) -> Trainer {
    Trainer::new(TrainerSettings {
        provider: "mine".to_owned(),
        base_url: Some(server.url()),
        api_key: Some("sk-secret".to_owned()),
        timeout: Duration::from_secs(2),
        upload_timeout: Duration::from_secs(2),
        unix_ms: || 0,
    })
    .unwrap()
}

async fn uploaded(trainer: &Trainer, name: &str, content: &'static str) -> Result<String, TrainingFault> {
    let file = NewFile {
        name,
        key: "0192e4a0-train",
        length: content.len() as u64,
    };
    let halves = content.split_at(content.len() / 2);
    let pieces = [halves.0, halves.1].map(|half| Ok::<_, Infallible>(Bytes::from_static(half.as_bytes())));
    trainer.upload(file, futures::stream::iter(pieces)).await
}

fn job(training_file: &str) -> NewJob<'_> {
    NewJob {
        mark: "0192e4a0",
        base_model: "small",
        training_file,
        validation_file: None,
        method: Method::Supervised,
        hyperparameters: Hyperparameters {
            n_epochs: Some(3),
            ..Hyperparameters::default()
        },
        suffix: None,
        seed: Some(7),
    }
}

#[tokio::test]
async fn a_file_arrives_unchanged_and_a_job_is_asked_for_as_documented() {
    let server = TrainingServer::start().await.unwrap();
    let trainer = trainer(&server);
    let content = "{\"messages\":[\"--orchestrator-0192e4a0-train--\"]}\n{}\n";
    let file = uploaded(&trainer, "a-train.jsonl", content).await.unwrap();
    let kept = &server.files()[&file];
    assert_eq!(
        (&kept.content[..], kept.purpose.as_str()),
        (content.as_bytes(), "fine-tune")
    );
    assert_eq!(trainer.files("a-").await.unwrap()[0].length, Some(content.len() as u64));
    assert!(trainer.files("b-").await.unwrap().is_empty());

    let begun = trainer.start(&job(&file)).await.unwrap();
    let asked = &server.jobs()[0];
    assert_eq!(
        asked["method"],
        json!({"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}})
    );
    assert_eq!(asked["metadata"], json!({"orchestrator_fine_tune": "0192e4a0"}));
    assert_eq!((&asked["model"], &asked["seed"]), (&json!("small"), &json!(7)));
    assert_eq!(server.keys(), ["0192e4a0-train", "0192e4a0"]);
    assert_eq!(begun.end(), None);
    // By its mark, and by its file where a provider keeps no marks.
    assert_eq!(trainer.jobs("0192e4a0", "other").await.unwrap()[0].id, begun.id);
    assert_eq!(trainer.jobs("other", &file).await.unwrap()[0].id, begun.id);
    assert!(trainer.jobs("other", "other").await.unwrap().is_empty());

    server.jobs_become(json!({"status": "succeeded", "fine_tuned_model": "ft:x", "trained_tokens": 12}));
    let ended = trainer.job(&begun.id).await.unwrap();
    assert_eq!(
        (ended.end(), ended.model.as_deref(), ended.trained_tokens),
        (Some(JobEnd::Succeeded), Some("ft:x"), Some(12))
    );
    assert!(matches!(
        trainer.cancel(&begun.id).await,
        Err(TrainingFault::Refused(_))
    ));
    trainer.delete_file(&file).await.unwrap();
    trainer.delete_file(&file).await.unwrap();
    assert!(server.files().is_empty());
}

#[tokio::test]
async fn what_may_have_been_done_is_told_from_what_was_not_and_no_key_is_told() {
    let server = TrainingServer::start().await.unwrap();
    let trainer = trainer(&server);
    let fault = async |wrong: Wrong| {
        server.next("GET /fine_tuning/jobs/x", wrong);
        trainer.job("x").await.unwrap_err()
    };
    let away = |pause: Option<u64>, status: u16| TrainingFault::Away {
        perhaps_done: status != 429,
        detail: format!("status {status}: not now, ***"),
        retry_after: pause.map(Duration::from_secs),
    };
    assert_eq!(fault(Wrong::Status(429, Some("7"))).await, away(Some(7), 429));
    assert_eq!(fault(Wrong::Status(503, None)).await, away(None, 503));
    assert_eq!(
        fault(Wrong::Status(401, None)).await,
        TrainingFault::Refused("status 401: not now, ***".to_owned())
    );
    assert!(matches!(fault(Wrong::Says("{\"id\":")).await, TrainingFault::Wrong(_)));
    for nonsense in [
        "{}",
        "[]",
        "{\"id\":\"../files\",\"status\":\"running\"}",
        "{\"id\":\"x\",\"status\":7}",
        "{\"id\":\"x\",\"status\":\"a\\nb\"}",
    ] {
        assert!(
            matches!(fault(Wrong::Says(nonsense)).await, TrainingFault::Wrong(_)),
            "{nonsense}"
        );
    }
    assert!(matches!(fault(Wrong::AnswerLost).await, TrainingFault::Away { .. }));
    assert!(matches!(fault(Wrong::Silent).await, TrainingFault::Away { .. }));
    assert!(matches!(trainer.job("x").await, Err(TrainingFault::Unknown(_))));
    // An id stays in its place, whatever it holds.
    assert!(matches!(trainer.job("../../x").await, Err(TrainingFault::Unknown(_))));
    let asked = server.calls().pop().unwrap();
    assert!(asked.starts_with("GET /fine_tuning/jobs/"), "{asked}");
}
