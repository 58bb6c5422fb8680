//! Exports, by the learner.

use crate::fake::Gateway;
use crate::fake::learner::{COMPLETE, RUNNING};
use contracts::v1::learning_service_client::LearningServiceClient;
use contracts::v1::{
    ExportChunk, GetExportRequest, GetTrainingSchemaRequest, ImportTrainingDataRequest, StartExportRequest,
};
use futures::TryStreamExt;
use serde_json::json;

#[tokio::test]
async fn an_export_is_made_described_and_downloaded() {
    let gateway = Gateway::start().await;
    let answer = gateway
        .post_json(
            "/training-data/export",
            &json!({"format": "jsonl", "filter_by_quality": 0.8}),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["state"].as_str()),
        (200, Some("complete"))
    );
    let answer = gateway
        .post_json("/training-data/export", &json!({"limit": 20_000}))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["state"].as_str()),
        (202, Some("running"))
    );
    assert_eq!(
        gateway.get(&format!("/training-data/exports/{COMPLETE}")).await.json()["count"],
        2
    );
    let file = gateway.get(&format!("/training-data/exports/{COMPLETE}/file")).await;
    assert_eq!(file.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(&file.bytes[..], b"{\"a\":1}\n{\"a\":2}\n");
    let early = gateway.get(&format!("/training-data/exports/{RUNNING}/file")).await;
    assert_eq!(early.problem(), (409, "export_running".to_owned()));
    let unknown = gateway
        .get("/training-data/exports/01900000-0000-7000-8000-000000000000/file")
        .await;
    assert_eq!(unknown.problem(), (404, "export_not_found".to_owned()));
    assert_eq!(gateway.get("/training-data/schema").await.json()["type"], "object");
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let gateway = Gateway::start().await;
    for (body, pointer) in [
        (json!({"format": "csv"}), "/format"),
        (json!({"filter_by_quality": 1.5}), "/filter_by_quality"),
        (json!({"filter_by_quality": "high"}), "/filter_by_quality"),
        (json!({"limit": 0}), "/limit"),
        (json!({"since": "yesterday"}), "/since"),
        (json!({"seed": -1}), "/seed"),
        (json!({"split": "dev"}), "/split"),
        (json!({"consent": "denied"}), "/consent"),
        (json!({"origin": "everywhere"}), "/origin"),
    ] {
        let answer = gateway.post_json("/training-data/export", &body).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{pointer}");
        assert_eq!(answer.pointers(), [pointer]);
    }
    let answer = gateway
        .post_json("/training-data/export", &json!({"path": "/etc/passwd"}))
        .await;
    assert_eq!(answer.problem(), (422, "unknown_field".to_owned()));
}

#[tokio::test]
async fn records_are_imported_as_they_come_and_only_as_lines() {
    let gateway = Gateway::start().await;
    let lines: String = (0..100_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let answer = gateway
        .post_as(
            "/training-data/import",
            "application/x-ndjson; charset=utf-8",
            lines.clone(),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["imported"]),
        (200, &json!(100_000))
    );
    let imports = gateway.learner.imports.lock().unwrap().clone();
    assert_eq!(
        imports,
        [("default".to_owned(), lines.into_bytes())],
        "a body above the limit of others, whole"
    );
    for media in ["application/json", "text/plain", "application/x-ndjson; charset=latin1"] {
        let answer = gateway.post_as("/training-data/import", media, "{}\n".to_owned()).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()), "{media}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let gateway = Gateway::start().await;
    let pieces = [
        Ok(bytes::Bytes::from("{\"n\":1}\n{\"n\":")),
        Err(std::io::Error::other("gone")),
    ];
    let body = axum::body::Body::from_stream(futures::stream::iter(pieces));
    let answer = gateway
        .post_as("/training-data/import", "application/x-ndjson", body)
        .await;
    assert_eq!(answer.problem(), (400, "body_incomplete".to_owned()));
    assert!(gateway.learner.imports.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_format_has_a_schema() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.get("/training-data/schema?format=dpo").await.json()["title"],
        "dpo"
    );
    let unknown = gateway.get("/training-data/schema?format=csv").await;
    assert_eq!(unknown.problem(), (422, "validation".to_owned()));
}

#[tokio::test]
async fn the_same_verbs_over_grpc() {
    let gateway = Gateway::start().await;
    let mut client = LearningServiceClient::connect(gateway.listen_grpc().await)
        .await
        .unwrap();
    let options_json = json!({"format": "jsonl", "limit": 20_000}).to_string();
    let export = client
        .start_export(StartExportRequest { options_json })
        .await
        .unwrap()
        .into_inner();
    assert_eq!((export.export_id.as_str(), export.state.as_str()), (RUNNING, "running"));
    let wrong = StartExportRequest {
        options_json: json!({"split": "dev"}).to_string(),
    };
    assert!(client.start_export(wrong).await.is_err());
    let named = || GetExportRequest {
        export_id: COMPLETE.to_owned(),
    };
    let export = client.get_export(named()).await.unwrap().into_inner();
    assert_eq!((export.format.as_str(), export.count), ("jsonl", Some(2)));
    let file = client.download_export(named()).await.unwrap().into_inner();
    let chunks: Vec<ExportChunk> = file.try_collect().await.unwrap();
    let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.chunk).collect();
    assert_eq!(bytes, b"{\"a\":1}\n{\"a\":2}\n");
    let format = "sharegpt".to_owned();
    let schema = client
        .get_training_schema(GetTrainingSchemaRequest { format })
        .await
        .unwrap()
        .into_inner();
    assert!(schema.document_json.contains("sharegpt"));
    let chunks = ["{\"n\":1}\n{\"n\"", ":2}\n"].map(|chunk| ImportTrainingDataRequest {
        chunk: chunk.as_bytes().to_vec(),
    });
    let report = client
        .import_training_data(futures::stream::iter(chunks))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((report.imported, report.rejected), (2, 0));
}
