//! Webhooks against scripted receivers on loopback, and a coordinator that leases whatever is due.

use super::Webhooks;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use bus::worker::Coordinator;
use contracts::coordinator::notice_service_server::{NoticeService, NoticeServiceServer};
use contracts::coordinator::{
    EndNoticesRequest, EndNoticesResponse, EndedNotice, Notice, TakeNoticesRequest, TakeNoticesResponse,
};
use serde_json::json;
use service::config::WebhookConfig;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

const PATIENCE: Duration = Duration::from_secs(20);
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD: &str = "whsec_bm90IHRoZSBzYW1lIGF0IGFsbCwgb2xk";
const STREAM: &str = "01920000-0000-7abc-8def-0123456789ab";

/// Leases what waits for a webhook, and keeps what it was told. Whatever failed is due again at once.
#[derive(Clone)]
struct Book(Arc<watch::Sender<Pages>>);

#[derive(Default)]
struct Pages {
    waiting: BTreeMap<String, VecDeque<Notice>>,
    leased: Vec<Notice>,
    ended: Vec<(String, EndedNotice)>,
    /// Answers this many calls with `unavailable`.
    away: usize,
}

impl Pages {
    fn ends(&self, webhook: &str) -> Vec<(u64, &str)> {
        let own = self.ended.iter().filter(|(name, _)| name == webhook);
        own.map(|(_, ended)| (ended.sequence, ended.outcome.as_str())).collect()
    }

    fn is_away(&mut self) -> bool {
        let away = self.away > 0;
        self.away = self.away.saturating_sub(1);
        away
    }
}

#[tonic::async_trait]
impl NoticeService for Book {
    async fn take_notices(
        &self,
        request: Request<TakeNoticesRequest>,
    ) -> Result<tonic::Response<TakeNoticesResponse>, Status> {
        let ask = request.into_inner();
        let mut notices = Vec::new();
        let mut away = false;
        self.0.send_modify(|pages| {
            away = pages.is_away();
            if !away {
                notices.extend(pages.waiting.entry(ask.webhook).or_default().drain(..));
                pages.leased.extend(notices.iter().cloned());
            }
        });
        match away {
            true => Err(Status::unavailable("away")),
            false => Ok(tonic::Response::new(TakeNoticesResponse { notices })),
        }
    }

    async fn end_notices(
        &self,
        request: Request<EndNoticesRequest>,
    ) -> Result<tonic::Response<EndNoticesResponse>, Status> {
        let told = request.into_inner();
        let mut away = false;
        self.0.send_modify(|pages| {
            away = pages.is_away();
            for ended in told.ended.iter().filter(|_| !away) {
                pages.ended.push((told.webhook.clone(), ended.clone()));
                let again = pages.leased.iter().find(|n| n.sequence == ended.sequence).cloned();
                let again = again.filter(|_| ended.outcome == "failed");
                pages.waiting.entry(told.webhook.clone()).or_default().extend(again);
            }
        });
        match away {
            true => Err(Status::unavailable("away")),
            false => Ok(tonic::Response::new(EndNoticesResponse {})),
        }
    }
}

impl Book {
    /// Begins to post.
    async fn open(webhooks: &[WebhookConfig], due: &[(&str, u64)]) -> (Self, CancellationToken, JoinHandle<()>) {
        let book = Self(Arc::new(watch::Sender::default()));
        book.add(due);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = NoticeServiceServer::new(book.clone());
        let serving = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        let coordinator = Coordinator::connect(&[url]).unwrap();
        let stop = CancellationToken::new();
        let webhooks = Webhooks::new(webhooks).unwrap();
        let running = tokio::spawn(webhooks.run(coordinator.notices(), stop.clone()));
        (book, stop, running)
    }

    fn add(&self, due: &[(&str, u64)]) {
        self.0.send_modify(|pages| {
            for (webhook, sequence) in due {
                pages
                    .waiting
                    .entry((*webhook).to_owned())
                    .or_default()
                    .push_back(Notice {
                        stream_id: STREAM.to_owned(),
                        sequence: *sequence,
                        event_id: format!("event-{sequence}"),
                        event_json: format!("{{\"n\":{sequence}, \"as\":\"it is\"}}"),
                        lease_id: format!("lease-{sequence}"),
                    });
            }
        });
    }

    async fn until(&self, enough: impl Fn(&Pages) -> bool) {
        let mut pages = self.0.subscribe();
        let waited = tokio::time::timeout(PATIENCE, pages.wait_for(|pages| enough(pages))).await;
        assert!(waited.is_ok(), "{:?}", self.0.borrow().ended);
    }
}

/// What a receiver does with a post.
#[derive(Clone, Copy)]
enum Says {
    Status(u16),
    Wait,
    Nothing,
    Elsewhere,
}

#[derive(Clone, Default)]
struct Script {
    says: Arc<Mutex<VecDeque<Says>>>,
    arrived: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Script {
    async fn open(says: &[Says]) -> (Self, String) {
        let script = Self::default();
        script.says.lock().unwrap().extend(says);
        let app = Router::new().route("/hook", post(receive)).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (script, url)
    }
}

async fn receive(State(script): State<Script>, headers: HeaderMap, body: String) -> Response {
    script.arrived.lock().unwrap().push((headers, body));
    let says = script.says.lock().unwrap().pop_front().unwrap_or(Says::Status(204));
    match says {
        Says::Status(429) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        Says::Status(code) => StatusCode::from_u16(code).unwrap().into_response(),
        Says::Elsewhere => Redirect::temporary("/hook").into_response(),
        Says::Wait => {
            tokio::time::sleep(PATIENCE).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Says::Nothing => std::future::pending().await,
    }
}

fn webhook(name: &str, url: &str, secrets: &[&str]) -> WebhookConfig {
    serde_json::from_value(json!({ "name": name, "url": url, "secrets": secrets, "timeout_seconds": 1.0 })).unwrap()
}

#[tokio::test]
async fn an_event_arrives_unchanged_and_signed_by_each_secret() {
    let (script, url) = Script::open(&[]).await;
    let (book, ..) = Book::open(&[webhook("a", &url, &[NEW, OLD])], &[("a", 4)]).await;
    book.until(|pages| pages.ends("a") == [(4, "delivered")]).await;
    let (headers, body) = script.arrived.lock().unwrap()[0].clone();
    assert_eq!(body, "{\"n\":4, \"as\":\"it is\"}");
    assert_eq!(headers["webhook-id"], "event-4");
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    let mut standard = outbound::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        standard.insert(name, headers[name].to_str().unwrap().parse().unwrap());
    }
    for secret in [NEW, OLD] {
        let verifier = standardwebhooks::Webhook::new(secret).unwrap();
        verifier.verify(body.as_bytes(), &standard).unwrap();
        assert!(verifier.verify(b"{\"n\":4}", &standard).is_err(), "another body");
    }
}

#[tokio::test]
async fn every_answer_but_2xx_is_a_failure_and_410_is_the_end() {
    let says = [
        Says::Status(500),
        Says::Status(429),
        Says::Elsewhere,
        Says::Nothing,
        Says::Status(404),
    ];
    let (script, url) = Script::open(&says).await;
    let (book, ..) = Book::open(&[webhook("a", &url, &[NEW])], &[("a", 1)]).await;
    book.until(|pages| pages.ends("a").last() == Some(&(1, "delivered")))
        .await;
    let pages = book.0.borrow();
    let outcomes: Vec<&str> = pages.ends("a").into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(
        outcomes,
        ["failed", "failed", "failed", "failed", "failed", "delivered"]
    );
    let asked: Vec<f64> = pages.ended.iter().map(|(_, ended)| ended.retry_after_seconds).collect();
    assert_eq!(asked, [0.0, 7.0, 0.0, 0.0, 0.0, 0.0]);
    assert!(pages.ended[3].1.error.contains("1s"), "{}", pages.ended[3].1.error);
    drop(pages);
    let arrived = script.arrived.lock().unwrap().len();
    assert_eq!(arrived, 6, "a redirect is not followed");
    script.says.lock().unwrap().push_back(Says::Status(410));
    book.add(&[("a", 2)]);
    book.until(|pages| pages.ends("a").last() == Some(&(2, "gone"))).await;
}

#[tokio::test]
async fn one_that_hangs_delays_no_other_nor_its_own_next_event() {
    let (_slow, slow) = Script::open(&[Says::Wait]).await;
    let (_quick, quick) = Script::open(&[]).await;
    // Nobody listens there.
    let dead = "http://127.0.0.1:9/hook";
    let webhooks = [
        webhook("slow", &slow, &[NEW]),
        webhook("quick", &quick, &[NEW]),
        webhook("dead", dead, &[NEW]),
    ];
    let due = [("slow", 1), ("slow", 2), ("quick", 3), ("dead", 4)];
    let (book, ..) = Book::open(&webhooks, &due).await;
    book.until(|pages| {
        !pages.ends("quick").is_empty() && !pages.ends("dead").is_empty() && !pages.ends("slow").is_empty()
    })
    .await;
    let pages = book.0.borrow();
    assert_eq!(pages.ends("quick"), [(3, "delivered")]);
    assert_eq!(pages.ends("slow")[0].1, "delivered", "the other one hangs still");
    assert_eq!(pages.ends("dead")[0], (4, "failed"));
}

#[tokio::test]
async fn what_was_delivered_is_told_however_long_the_coordinator_is_away_and_at_the_end() {
    let (script, url) = Script::open(&[]).await;
    let (book, stop, running) = Book::open(&[webhook("a", &url, &[NEW])], &[("a", 1)]).await;
    book.until(|pages| pages.leased.len() == 1).await;
    book.0.send_modify(|pages| pages.away = 2);
    book.until(|pages| pages.ends("a") == [(1, "delivered")]).await;
    script.says.lock().unwrap().push_back(Says::Status(503));
    book.add(&[("a", 2)]);
    book.until(|pages| pages.leased.len() >= 2).await;
    stop.cancel();
    running.await.unwrap();
    let ends: Vec<u64> = book.0.borrow().ends("a").iter().map(|(n, _)| *n).collect();
    assert!(ends.contains(&2), "what was under way is told before the end");
}

#[test]
fn a_webhook_that_could_never_be_verified_is_refused() {
    for secret in ["whsec_***", "whsec_", ""] {
        assert!(
            Webhooks::new(&[webhook("a", "http://127.0.0.1:1/", &[secret])]).is_err(),
            "{secret}"
        );
    }
}
