//! Exports from planted records, by way of the gRPC service.

use super::{eventually, store, task};
use crate::export::{Exports, Rules, expiry};
use crate::imports::Imports;
use crate::lesson::Facts;
use crate::patterns::Patterns;
use crate::preferences::Preferences;
use crate::record;
use crate::rpc::Learner;
use crate::scrub::Scrubber;
use crate::store::{NewRecord, Store};
use contracts::learner::learner_service_server::LearnerService;
use contracts::learner::{
    ExportDocument, GetExportRequest, GetRecordSchemaRequest, RecordFeedbackRequest, StartExportRequest,
};
use contracts::problem::Problem;
use futures::TryStreamExt;
use serde_json::{Value, json};
use service::config::{LearningConfig, TrainingConsent};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tonic::Request;

/// Ended at second `n` after a fixed time.
pub fn planted(n: u32, tenant: &str, quality: Option<f64>) -> NewRecord {
    let mut raw = record::tests::completed();
    raw["submission"]["request"] = json!(format!("request {n}"));
    with_raw(n, tenant, quality, raw)
}

pub fn with_raw(n: u32, tenant: &str, quality: Option<f64>, mut raw: Value) -> NewRecord {
    let ended = chrono::DateTime::from_timestamp(1_900_000_000 + i64::from(n), 0).unwrap();
    raw["task"]["finished_at"] = json!(service::clock::rfc3339(ended.timestamp_millis()));
    NewRecord {
        task: task(n),
        tenant: tenant.to_owned(),
        status: "completed".to_owned(),
        quality,
        passed: quality.map(|quality| quality >= 0.7),
        finished_at: ended,
        facts: Facts::default(),
        lesson: None,
        planless: false,
        author: String::new(),
        asked_at: None,
        taught: None,
        requested: None,
        said: Default::default(),
        json: raw.to_string(),
    }
}

pub fn rules() -> Rules {
    Rules {
        scrubber: Scrubber::new(&[]).unwrap(),
        consent: TrainingConsent::Unknown,
    }
}

pub fn learner(store: &Store) -> Learner {
    ruled_by(store, rules())
}

pub fn ruled_by(store: &Store, rules: Rules) -> Learner {
    let exports = Exports::new(store.clone(), rules.clone(), CancellationToken::new());
    over(store, exports, rules)
}

fn over(store: &Store, exports: Exports, rules: Rules) -> Learner {
    let patterns = Patterns::new(store.clone(), LearningConfig::default());
    Learner::new(
        exports,
        Imports::new(store.clone(), rules.scrubber).unwrap(),
        patterns,
        Preferences::new(store.clone(), Default::default()),
        store.clone(),
        30,
    )
}

pub async fn start(learner: &Learner, tenant: &str, options: Value) -> Result<ExportDocument, Problem> {
    let request = StartExportRequest {
        tenant: tenant.to_owned(),
        options_json: options.to_string(),
    };
    let started = learner.start_export(Request::new(request)).await;
    started
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status))
}

pub fn named(tenant: &str, document: &Value) -> Request<GetExportRequest> {
    Request::new(GetExportRequest {
        tenant: tenant.to_owned(),
        export_id: document["export_id"].as_str().unwrap().to_owned(),
    })
}

pub async fn download(learner: &Learner, tenant: &str, document: &Value) -> Result<Vec<u8>, Problem> {
    let stream = learner
        .download_export(named(tenant, document))
        .await
        .map_err(|status| Problem::from_status(&status))?;
    let chunks: Vec<_> = stream
        .into_inner()
        .try_collect()
        .await
        .map_err(|status| Problem::from_status(&status))?;
    Ok(chunks.into_iter().flat_map(|chunk| chunk.chunk).collect())
}

/// An export that has ended, however busy the machine is, and its bytes.
pub async fn completed(learner: &Learner, options: Value) -> (Value, Vec<u8>) {
    let started = start(learner, "acme", options).await.unwrap();
    let document = ended(learner, serde_json::from_str(&started.json).unwrap()).await;
    assert_eq!(document["state"], "completed", "{document}");
    let bytes = download(learner, "acme", &document).await.unwrap();
    (document, bytes)
}

/// The document of an export once it has ended.
pub async fn ended(learner: &Learner, mut document: Value) -> Value {
    while document["state"] == "running" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let answer = learner.get_export(named("acme", &document)).await.unwrap().into_inner();
        document = serde_json::from_str(&answer.json).unwrap();
    }
    document
}

pub fn requests(bytes: &[u8]) -> Vec<String> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    lines
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["request"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_small_export_is_complete_in_the_answer_and_the_same_bytes_each_time() {
    let store = store().await;
    let records = (0..70).rev().map(|n| planted(n, "acme", Some(0.9))).collect();
    store.keep(records).await.unwrap();
    store.keep(vec![planted(1000, "other", Some(0.9))]).await.unwrap();
    let learner = learner(&store);
    let (document, bytes) = completed(&learner, json!({"format": "jsonl"})).await;
    assert_eq!(
        (&document["state"], &document["count"]),
        (&json!("completed"), &json!(70))
    );
    assert_eq!(document["size"], json!(bytes.len()));
    let hash: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(document["sha256"], json!(hash));
    assert_eq!(document["manifest"]["considered"], 70);
    let url = format!(
        "/api/orchestrator/training-data/exports/{}/file",
        document["export_id"].as_str().unwrap()
    );
    assert_eq!(document["download_url"], json!(url));

    // In the order of their end, although they were kept the other way round.
    assert_eq!(
        requests(&bytes),
        (0..70).map(|n| format!("request {n}")).collect::<Vec<_>>()
    );
    let schema = learner
        .get_record_schema(Request::new(GetRecordSchemaRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema.json).unwrap()).unwrap();
    for line in std::str::from_utf8(&bytes).unwrap().lines() {
        assert!(schema.is_valid(&serde_json::from_str(line).unwrap()), "{line}");
    }
    let (again, same) = completed(&learner, json!({})).await;
    assert_eq!((&again["sha256"], same == bytes), (&document["sha256"], true));
    assert_ne!(again["export_id"], document["export_id"]);
}

#[tokio::test]
async fn filters_take_what_they_say_and_the_manifest_counts_what_they_leave() {
    let store = store().await;
    let quality = [Some(0.9), Some(0.75), Some(0.5), None, Some(0.8), Some(0.95)];
    let records = (0_u32..)
        .zip(quality)
        .map(|(n, quality)| planted(n, "acme", quality))
        .collect();
    store.keep(records).await.unwrap();
    let learner = learner(&store);
    let case = async |options: Value| {
        let (document, bytes) = completed(&learner, options).await;
        let removed = document["manifest"]["removed_by"].clone();
        let removed = ["period", "quality_unknown", "quality", "limit"].map(|why| removed[why].as_u64().unwrap());
        let taken: Vec<_> = requests(&bytes)
            .iter()
            .map(|request| request.replace("request ", ""))
            .collect();
        (taken.join(" "), removed)
    };
    assert_eq!(
        case(json!({"filter_by_quality": 0.8})).await,
        ("0 4 5".to_owned(), [0, 1, 2, 0])
    );
    assert_eq!(
        case(json!({"filter_by_quality": true})).await,
        ("0 1 4 5".to_owned(), [0, 1, 1, 0])
    );
    assert_eq!(
        case(json!({"filter_by_quality": false})).await,
        ("0 1 2 3 4 5".to_owned(), [0, 0, 0, 0])
    );
    let (drawn, removed) = case(json!({"limit": 2})).await;
    assert_eq!((drawn.split(' ').count(), removed), (2, [0, 0, 0, 4]));
    let at = |n: i64| service::clock::rfc3339((1_900_000_000 + n) * 1000);
    let period = json!({"since": at(1), "until": at(4), "filter_by_quality": 0.7, "limit": 5});
    assert_eq!(case(period).await, ("1".to_owned(), [3, 1, 1, 0]));
    let (empty, bytes) = completed(&learner, json!({"since": at(100)})).await;
    assert_eq!((empty["count"].as_u64(), bytes.len()), (Some(0), 0));
}

#[tokio::test]
async fn a_large_export_runs_in_the_background() {
    let store = store().await;
    let small = |n| {
        NewRecord {
        json: json!({"task": {"status": "completed", "finished_at": "2030-01-01T00:00:00Z"}, "submission": {"request": format!("request {n}")}}).to_string(),
        ..planted(n, "acme", None)
    }
    };
    store.keep((0..201).map(small).collect()).await.unwrap();
    let exports = Exports::new(store.clone(), rules(), CancellationToken::new()).at_once(200);
    let learner = over(&store, exports, rules());
    let document = start(&learner, "acme", json!({})).await.unwrap();
    assert!(document.running);
    let document: Value = serde_json::from_str(&document.json).unwrap();
    assert_eq!(document["state"], "running");
    let early = download(&learner, "acme", &document).await;
    assert!(early.is_ok() || early.unwrap_err().code == "export_running");
    let document = ended(&learner, document).await;
    let bytes = download(&learner, "acme", &document).await.unwrap();
    assert_eq!(requests(&bytes).len(), 201);
}

#[tokio::test]
async fn an_export_that_its_process_left_is_taken_up_by_the_next_and_by_whoever_is_asked_for_it() {
    let store = store().await;
    store
        .keep((0..3).map(|n| planted(n, "acme", Some(0.9))).collect())
        .await
        .unwrap();
    let options = serde_json::to_string(&crate::export::parse("{}").unwrap()).unwrap();
    let left = [service::ids::v7(), service::ids::v7()];
    store.create_export(left[0], "acme", &options).await.unwrap();
    let exports = Exports::new(store.clone(), rules(), CancellationToken::new());
    exports.resume().await.unwrap();
    exports.ended().await;
    let learner = learner(&store);
    let first = json!({"export_id": left[0]});
    assert_eq!(requests(&download(&learner, "acme", &first).await.unwrap()).len(), 3);

    store.create_export(left[1], "acme", &options).await.unwrap();
    let second = json!({"export_id": left[1]});
    eventually("the export is complete", || async {
        !learner
            .get_export(named("acme", &second))
            .await
            .unwrap()
            .into_inner()
            .running
    })
    .await;
}

#[tokio::test]
async fn a_damaged_export_fails_and_says_so() {
    let store = store().await;
    let id = service::ids::v7();
    store.create_export(id, "acme", "no JSON").await.unwrap();
    let exports = Exports::new(store.clone(), rules(), CancellationToken::new());
    exports.resume().await.unwrap();
    exports.ended().await;
    let learner = learner(&store);
    let document = json!({"export_id": id});
    let export = learner.get_export(named("acme", &document)).await.unwrap().into_inner();
    assert_eq!(serde_json::from_str::<Value>(&export.json).unwrap()["state"], "failed");
    assert_eq!(
        download(&learner, "acme", &document).await.unwrap_err().code,
        "export_failed"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_its_code() {
    let store = store().await;
    store.keep(vec![planted(1, "acme", Some(0.9))]).await.unwrap();
    let learner = learner(&store);
    let (document, _) = completed(&learner, json!({})).await;
    let foreign = learner.get_export(named("other", &document)).await.unwrap_err();
    assert_eq!(Problem::from_status(&foreign).code, "export_not_found");
    assert_eq!(download(&learner, "other", &document).await.unwrap_err().status, 404);
    let nothing = learner
        .get_export(named("acme", &json!({"export_id": "x"})))
        .await
        .unwrap_err();
    assert_eq!(Problem::from_status(&nothing).code, "invalid_id");
    for (options, code) in [
        (json!({"format": "csv"}), "unsupported_format"),
        (json!({"min_quality": 1}), "unknown_field"),
        (json!({"limit": 0}), "validation"),
    ] {
        let problem = start(&learner, "acme", options).await.unwrap_err();
        assert_eq!((problem.status, problem.code.as_str()), (422, code));
    }
}

#[tokio::test]
async fn what_people_said_after_the_end_stands_in_the_record() {
    let store = store().await;
    store.keep(vec![planted(1, "acme", Some(0.9))]).await.unwrap();
    let learner = learner(&store);
    let rate = |tenant: &str, said: Value| RecordFeedbackRequest {
        tenant: tenant.to_owned(),
        actor: "bob@example.com".to_owned(),
        task_id: task(1).to_string(),
        feedback_json: said.to_string(),
        idempotency_key: String::new(),
    };
    let said = json!({"rating": 2, "comment": "too long", "dimension": "clarity", "step_id": null});
    for request in [rate("acme", said.clone()), rate("other", json!({"rating": 5}))] {
        learner.record_feedback(Request::new(request)).await.unwrap();
    }
    let (_, bytes) = completed(&learner, json!({})).await;
    let record: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(record["labels"]["ratings"], json!([said]));
    assert!(!record.to_string().contains("bob@"));
}

#[tokio::test]
async fn a_file_is_kept_for_a_time_and_then_told_to_have_gone() {
    let store = store().await;
    store.keep(vec![planted(1, "acme", None)]).await.unwrap();
    let learner = learner(&store);
    let (old, _) = completed(&learner, json!({})).await;
    store.age_exports(29).await;
    expiry::sweep(&store, 30).await.unwrap();
    download(&learner, "acme", &old).await.unwrap();
    store.age_exports(2).await;
    let (young, _) = completed(&learner, json!({})).await;
    expiry::sweep(&store, 30).await.unwrap();
    let gone = download(&learner, "acme", &old).await.unwrap_err();
    assert_eq!((gone.status, gone.code.as_str()), (410, "export_expired"));
    let told = learner.get_export(named("acme", &old)).await.unwrap().into_inner();
    let told: Value = serde_json::from_str(&told.json).unwrap();
    assert_eq!((&told["state"], told.get("download_url")), (&json!("expired"), None));
    download(&learner, "acme", &young).await.unwrap();
    assert_eq!(store.export_pieces().await, 1, "its bytes are gone");
    store.age_exports(31).await;
    expiry::sweep(&store, 30).await.unwrap();
    assert!(
        learner.get_export(named("acme", &old)).await.is_err(),
        "nothing is told of it for ever"
    );
}

#[tokio::test]
async fn a_full_disk_is_no_outage() {
    let store = store().await;
    let full = store.fails_with("53100").await;
    assert!(full.is_full() && !full.is_retryable(), "{full}");
    let away = store.fails_with("57P03").await;
    assert!(!away.is_full() && away.is_retryable(), "{away}");
}
