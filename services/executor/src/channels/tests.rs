//! Channels against a temporary folder and a real receiver on loopback.

use super::directory::Directory;
use super::webhook::Webhook;
use super::{Channel, Publication};
use crate::deliverable::Deliverable;
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service::config::ChannelConfig;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use workflow::ids::TaskId;

const TASK: &str = "01920000-0000-7abc-8def-0123456789ab";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn deliverable(title: &str, content: &str) -> Deliverable {
    Deliverable::new("blog", title.to_owned(), content.to_owned(), "text/markdown")
}

async fn publish(
    channel: &dyn Channel,
    deliverable: &Deliverable,
    at: i64,
    ledger: &TestLedger,
) -> Result<String, Stop> {
    let publication = Publication {
        task: TASK.parse::<TaskId>().unwrap(),
        deliverable,
        now: DateTime::<Utc>::from_timestamp(at, 0).unwrap(),
    };
    channel.publish(publication, ledger).await
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("executor-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join("published/blog")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn directory(folder: &Folder) -> Directory {
    let config: ChannelConfig =
        serde_json::from_value(json!({"name": "blog", "kind": "directory", "path": "published/blog"})).unwrap();
    Directory::open(&config, &folder.0).unwrap()
}

#[tokio::test]
async fn a_deliverable_becomes_one_whole_file_however_often_it_is_published() {
    let folder = Folder::new("once");
    let channel = directory(&folder);
    let ledger = TestLedger::new();
    let first = deliverable("AI Trends!", "# AI Trends\n\nText.");
    let location = publish(&channel, &first, 1, &ledger).await.unwrap();
    let again = publish(&channel, &deliverable("Other", "other"), 2, &ledger)
        .await
        .unwrap();
    assert_eq!(location, again, "the ledger answers");
    assert_eq!(folder.files(), [format!("ai-trends-{TASK}.md")]);
    assert_eq!(
        std::fs::read_to_string(Path::new(&location)).unwrap(),
        "# AI Trends\n\nText.\n"
    );
    // Another publication of the same task and title replaces the file.
    publish(&channel, &deliverable("AI trends", "new"), 3, &TestLedger::new())
        .await
        .unwrap();
    assert_eq!(folder.files().len(), 1);
    assert_eq!(std::fs::read_to_string(&location).unwrap(), "new\n");
}

#[tokio::test]
async fn no_title_leads_out_of_the_folder() {
    let folder = Folder::new("traversal");
    let channel = directory(&folder);
    for title in ["../../evil", "/etc/passwd", "..", "a\0b", "C:\\evil"] {
        let location = publish(&channel, &deliverable(title, "x"), 1, &TestLedger::new())
            .await
            .unwrap();
        assert_eq!(
            Path::new(&location).parent(),
            Some(folder.0.join("published/blog").as_path()),
            "{title}"
        );
    }
    assert_eq!(folder.files().len(), 5);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_tried_again() {
    let folder = Folder::new("blocked");
    std::fs::write(folder.0.join("published"), "a file in the way").unwrap();
    let stop = publish(&directory(&folder), &deliverable("t", "x"), 1, &TestLedger::new())
        .await
        .unwrap_err();
    assert!(
        matches!(&stop, Stop::Failed(f) if f.code == "channel_write" && f.retryable),
        "{stop:?}"
    );
}

type Arrivals = Arc<Mutex<Vec<(HeaderMap, String)>>>;

async fn receiver(answers: &[u16]) -> (String, Arrivals) {
    let arrivals = Arrivals::default();
    let answers = Arc::new(Mutex::new(answers.iter().rev().copied().collect::<Vec<u16>>()));
    let kept = Arc::clone(&arrivals);
    let hook = move |headers: HeaderMap, body: Bytes| async move {
        let body = String::from_utf8(body.to_vec()).unwrap();
        kept.lock().unwrap().push((headers, body));
        StatusCode::from_u16(answers.lock().unwrap().pop().unwrap_or(204)).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?token=t", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(hook));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, arrivals)
}

fn webhook(url: &str, more: Value) -> Webhook {
    let mut config = json!({"name": "hook", "kind": "webhook", "url": url});
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let config: ChannelConfig = serde_json::from_value(config).unwrap();
    Webhook::open(&config).unwrap()
}

#[tokio::test]
async fn a_webhook_is_signed_and_every_arrival_of_its_key_is_the_same() {
    let (url, arrivals) = receiver(&[500, 204]).await;
    let channel = webhook(&url, json!({"secret": SECRET}));
    let ledger = TestLedger::new();
    let now = service::clock::now().timestamp();
    let sent = deliverable("Tea", "Green tea.");
    let stop = publish(&channel, &sent, now, &ledger).await.unwrap_err();
    assert!(matches!(stop, Stop::Failed(f) if f.retryable && f.code == "tool_unavailable"));
    let location = publish(&channel, &sent, now + 60, &ledger).await.unwrap();
    assert_eq!(location, url.trim_end_matches("?token=t"), "a token is not told");

    let arrivals = arrivals.lock().unwrap().clone();
    let [(first_headers, first), (second_headers, second)] = arrivals.as_slice() else {
        panic!("{arrivals:?}")
    };
    assert_eq!(first, second);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(first_headers[name], second_headers[name]);
    }
    assert_eq!(first_headers["webhook-id"], "job:0");
    standardwebhooks::Webhook::new(SECRET)
        .unwrap()
        .verify(first.as_bytes(), first_headers)
        .unwrap();
    let body: Value = serde_json::from_str(first).unwrap();
    assert_eq!(body["data"]["content"], "Green tea.");
    assert_eq!(body["data"]["task_id"], TASK);
    assert_eq!(body["type"], "deliverable.published");
}

#[tokio::test]
async fn a_once_webhook_whose_outcome_is_unclear_is_left_to_a_human() {
    let (url, arrivals) = receiver(&[502]).await;
    let channel = webhook(&url, json!({"effects": "once"}));
    let ledger = TestLedger::new();
    for _ in 0..2 {
        let stop = publish(&channel, &deliverable("Tea", "x"), 1, &ledger)
            .await
            .unwrap_err();
        assert!(matches!(stop, Stop::Failed(f) if f.effect_unknown && !f.retryable));
    }
    assert_eq!(arrivals.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_secret_that_is_none_is_refused_at_start() {
    let config = json!({"name": "hook", "kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "whsec_***"});
    let config: ChannelConfig = serde_json::from_value(config).unwrap();
    assert!(Webhook::open(&config).is_err());
}
