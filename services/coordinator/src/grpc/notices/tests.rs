//! Notices against a real Postgres. Time is moved in the rows: their clock is the database's.

use super::Notices;
use crate::grpc::tasks::tests::world::{World, planned};
use crate::store;
use contracts::coordinator::notice_service_server::NoticeService;
use contracts::coordinator::{EndNoticesRequest, EndedNotice, Notice, TakeNoticesRequest};
use contracts::webhooks::url_hash;
use serde_json::{Value, json};
use std::sync::Arc;
use tonic::Request;

const URL: &str = "http://127.0.0.1:1/hook";

struct Book {
    world: World,
    notices: Notices,
}

impl Book {
    async fn new() -> Self {
        let webhooks = json!([
            { "name": "gates", "url": URL, "secrets": ["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"], "events": ["gate.*"] },
            { "name": "tools", "url": URL, "secrets": ["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"], "events": ["tool.*"] },
        ]);
        let world = World::with_webhooks(webhooks).await;
        let notices = Notices(Arc::clone(&world.tasks.shared));
        Self { world, notices }
    }

    /// A task whose publication waits for a human; its id.
    async fn waits(&self) -> String {
        let task = self.world.submit(planned("publish it")).await;
        self.world.work(&task).await;
        task
    }

    async fn take(&self, webhook: &str, url: &str) -> Vec<Notice> {
        let ask = TakeNoticesRequest {
            webhook: webhook.to_owned(),
            url_hash: url_hash(url),
            timeout_seconds: 5.0,
        };
        let answer = self.notices.take_notices(Request::new(ask)).await.unwrap();
        answer.into_inner().notices
    }

    async fn end(&self, notice: &Notice, outcome: &str) {
        let ended = EndedNotice {
            stream_id: notice.stream_id.clone(),
            sequence: notice.sequence,
            lease_id: notice.lease_id.clone(),
            outcome: outcome.to_owned(),
            error: "the receiver answered 500".to_owned(),
            retry_after_seconds: 0.0,
        };
        let ends = EndNoticesRequest {
            webhook: "gates".to_owned(),
            url_hash: url_hash(URL),
            ended: vec![ended],
        };
        self.notices.end_notices(Request::new(ends)).await.unwrap();
    }

    async fn waiting(&self) -> i64 {
        let waiting = store::notices::waiting(&self.world.tasks.shared.pool).await.unwrap();
        waiting.iter().map(|(_, n)| n).sum()
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::query(statement)
            .execute(&self.world.tasks.shared.pool)
            .await
            .unwrap();
    }

    /// The pauses of failures are over, and so are leases.
    async fn later(&self) {
        self.sql("UPDATE webhook SET resume_at = now()").await;
        self.sql(
            "UPDATE notice SET next_at = now(), leased_until = now() - interval '1 second' WHERE lease IS NOT NULL",
        )
        .await;
        self.sql("UPDATE notice SET next_at = now()").await;
    }
}

#[tokio::test]
async fn an_event_is_due_as_it_was_written_and_once_it_is_delivered_no_more() {
    let book = Book::new().await;
    let task = book.waits().await;
    let due = book.take("gates", URL).await;
    let event: Value = serde_json::from_str(&due[0].event_json).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(event["type"], "io.orchestrator.gate.opened.v1");
    assert_eq!(
        (&event["id"], &event["subject"]),
        (&json!(due[0].event_id), &json!(task))
    );
    assert_eq!(event["sequence"], due[0].sequence);
    assert!(book.take("gates", URL).await.is_empty(), "somebody has it");
    assert!(book.take("tools", URL).await.is_empty(), "it asked for others");
    book.end(&due[0], "delivered").await;
    book.later().await;
    assert!(book.take("gates", URL).await.is_empty());
    assert_eq!(book.waiting().await, 0);
}

#[tokio::test]
async fn while_a_webhook_fails_one_event_at_a_time_finds_out_whether_it_is_back() {
    let book = Book::new().await;
    for _ in 0..3 {
        book.waits().await;
    }
    let due = book.take("gates", URL).await;
    assert_eq!(due.len(), 3);
    for notice in &due {
        book.end(notice, "failed").await;
    }
    assert!(book.take("gates", URL).await.is_empty(), "it is left alone");
    let failures: i32 = sqlx::query_scalar("SELECT failures FROM webhook WHERE name = 'gates'")
        .fetch_one(&book.world.tasks.shared.pool)
        .await
        .unwrap();
    assert_eq!(failures, 1, "they failed together");
    book.later().await;
    let probe = book.take("gates", URL).await;
    assert_eq!(probe.len(), 1);
    assert!(book.take("gates", URL).await.is_empty());
    book.end(&probe[0], "delivered").await;
    assert_eq!(book.take("gates", URL).await.len(), 2, "it is back");
}

#[tokio::test]
async fn what_a_lost_executor_took_is_due_again_and_its_late_word_only_counts_if_it_is_good() {
    let book = Book::new().await;
    book.waits().await;
    let lost = book.take("gates", URL).await;
    book.later().await;
    let again = book.take("gates", URL).await;
    assert_eq!(again[0].event_id, lost[0].event_id);
    assert_ne!(again[0].lease_id, lost[0].lease_id);
    book.end(&lost[0], "failed").await;
    let leased: bool = sqlx::query_scalar("SELECT leased_until > now() FROM notice")
        .fetch_one(&book.world.tasks.shared.pool)
        .await
        .unwrap();
    assert!(leased, "the failure was another's");
    book.end(&lost[0], "delivered").await;
    book.end(&again[0], "failed").await;
    assert_eq!(book.waiting().await, 0, "it has it");
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_told_nothing_until_its_url_is_another() {
    let book = Book::new().await;
    book.waits().await;
    let due = book.take("gates", URL).await;
    book.end(&due[0], "gone").await;
    book.later().await;
    assert!(book.take("gates", URL).await.is_empty());
    book.world
        .tasks
        .shared
        .subscriptions
        .refresh(&book.world.tasks.shared.pool)
        .await
        .unwrap();
    book.waits().await;
    assert_eq!(book.waiting().await, 1, "what happens now is not kept for it");
    let moved = book.take("gates", "http://127.0.0.1:1/moved").await;
    assert_eq!(
        moved[0].event_id, due[0].event_id,
        "what it did not take waits for its time"
    );
}

#[tokio::test]
async fn what_is_too_old_is_given_up_unless_it_is_being_posted() {
    let book = Book::new().await;
    book.waits().await;
    let pool = &book.world.tasks.shared.pool;
    book.take("gates", URL).await;
    book.sql("UPDATE notice SET give_up_at = now()").await;
    assert!(store::notices::give_up(pool, 10).await.unwrap().is_empty());
    book.later().await;
    let given_up = store::notices::give_up(pool, 10).await.unwrap();
    assert_eq!((given_up.len(), given_up[0].attempts), (1, 1));
    assert_eq!(book.waiting().await, 0);
}
