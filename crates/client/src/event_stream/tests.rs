use crate::Client;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(20);

/// Answers one connection with events and then cuts it, as a gateway does that is being replaced; returns what was
/// asked.
async fn serve(listener: &TcpListener, events: &str) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let length = connection.read(&mut piece).await.unwrap();
        asked.extend_from_slice(&piece[..length]);
    }
    // Promised more than comes.
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n";
    connection
        .write_all(format!("{head}{events}").as_bytes())
        .await
        .unwrap();
    connection.shutdown().await.unwrap();
    String::from_utf8(asked).unwrap().to_lowercase()
}

fn event(sequence: u64, name: &str) -> String {
    format!("id: {sequence}\nevent: io.orchestrator.{name}.v1\ndata: {{\"sequence\":{sequence}}}\n\n")
}

#[tokio::test]
async fn after_a_cut_it_asks_for_what_it_has_not_seen_and_tells_nothing_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = async {
        let half = &event(3, "step.queued")[..20];
        let first = serve(
            &listener,
            &(event(1, "task.submitted") + &event(2, "task.planned") + half),
        )
        .await;
        // A gateway that begins too early is no reason to tell an event again.
        let rest = event(2, "task.planned") + &event(3, "step.queued") + &event(4, "task.completed");
        (first, serve(&listener, &rest).await)
    };
    let watcher = async {
        let mut stream = client.watch("t", 0);
        let mut seen = Vec::new();
        while let Some(event) = stream.next().await.unwrap() {
            seen.push((event.sequence, event.name().to_owned()));
        }
        seen
    };
    let both = async { tokio::join!(server, watcher) };
    let ((first, second), seen) = tokio::time::timeout(LIMIT, both).await.unwrap();
    assert!(first.contains("last-event-id: 0\r\n"), "{first}");
    assert!(second.contains("last-event-id: 2\r\n"), "{second}");
    let names = ["task.submitted", "task.planned", "step.queued", "task.completed"];
    let expected: Vec<(u64, String)> = (1..).zip(names.map(str::to_owned)).collect();
    assert_eq!(seen, expected);
}
