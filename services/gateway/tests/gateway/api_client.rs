//! The typed client against a listening gateway.

use crate::fake::Gateway;
use crate::fake::learner::COMPLETE;
use client::{
    ApproveRequest, Client, ClientError, ExportRequest, ProcessRequest, RetryRequest, TaskFilter, ToolFilter,
};
use futures::{StreamExt, TryStreamExt};

fn write() -> ProcessRequest {
    ProcessRequest {
        request: "write".to_owned(),
        ..ProcessRequest::default()
    }
}

#[tokio::test]
async fn the_client_speaks_every_verb() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway.listen().await).unwrap();
    let task = client.submit(&write(), Some("key")).await.unwrap();
    assert_eq!(client.submit(&write(), Some("key")).await.unwrap(), task);
    let id = task.task_id.as_str();
    assert_eq!(client.status(id).await.unwrap()["status"], "executing");
    let page = client
        .tasks(&TaskFilter {
            limit: Some(1),
            q: Some("a&b".to_owned()),
            ..TaskFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(page.cursor().as_deref(), Some("page-2"));
    assert_eq!(gateway.coordinator.lists.lock().unwrap()[0].q, "a&b");
    client.pause(id).await.unwrap();
    client.resume(id).await.unwrap();
    client
        .retry(
            id,
            &RetryRequest {
                from_step: Some("a".to_owned()),
                ..RetryRequest::default()
            },
        )
        .await
        .unwrap();
    client.cancel(id).await.unwrap();
    assert_eq!(gateway.coordinator.controls.lock().unwrap().len(), 4);
    assert_eq!(client.tool("shop.stock").await.unwrap()["category"], "api");
    assert_eq!(client.tools(&ToolFilter::default()).await.unwrap().items.len(), 1);
    assert!(client.plan_schema().await.unwrap().is_object());
    assert_eq!(client.approvals(Some(5), None, None).await.unwrap().items.len(), 0);
    assert_eq!(
        client.approval(id, None).await.unwrap_err().code(),
        Some("gate_ambiguous")
    );
    let decision = ApproveRequest {
        approved: true,
        ..ApproveRequest::default()
    };
    client.decide(id, &decision).await.unwrap();
    let late = client.decide(id, &decision).await.unwrap_err();
    assert_eq!(late.problem().unwrap().extra["decided_by"], "local");
    let export = client.start_export(&ExportRequest::default()).await.unwrap();
    assert_eq!(export.export_id, COMPLETE);
    let pieces: Vec<_> = client
        .download_export(&export.export_id)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pieces.concat(), b"{\"a\":1}\n{\"a\":2}\n");
    assert!(client.record_schema().await.unwrap().is_object());
}

#[tokio::test]
async fn problems_arrive_whole_and_absence_is_told_apart() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway.listen().await).unwrap();
    let error = client.submit(&ProcessRequest::default(), None).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (422, "/request"));
    assert!(!error.is_retryable());
    let nobody = Client::new("http://127.0.0.1:1").unwrap();
    let error = nobody.status("x").await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)) && error.is_retryable());
}

#[tokio::test]
async fn a_watch_goes_through_a_cut_without_loss_or_repetition() {
    let gateway = Gateway::start().await;
    let url = gateway.listen().await;
    let proxy = testkit::FaultProxy::start(url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let client = Client::new(&format!("http://{}", proxy.address())).unwrap();
    let task = gateway.task().await;
    gateway.coordinator.happen(&task, "task.submitted");
    let mut watch = client.watch(&task, 0);
    assert_eq!(watch.next().await.unwrap().unwrap().name(), "task.submitted");
    proxy.cut();
    gateway.coordinator.happen(&task, "task.planned");
    gateway.coordinator.happen(&task, "task.completed");
    proxy.heal();
    let rest: Vec<_> = watch.into_stream().map(|event| event.unwrap().sequence).collect().await;
    assert_eq!(rest, [2, 3]);
    // Watching an ended task from its end on ends at once.
    assert!(client.watch(&task, 3).next().await.unwrap().is_none());
    assert_eq!(client.events(&task, 1, 1).await.unwrap().items[0]["sequence"], 2);
}
