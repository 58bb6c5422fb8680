//! Servers that do what servers should not (reference: hostile inputs 53 to 57 and 64 to 70). Each call gets its own
//! error, and another tool still works.

use super::{call, failed, receiver, tool_of};
use crate::test_ledger::TestLedger;
use axum::http::HeaderMap;
use axum::routing::get;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// What a server sends: pieces, and what comes after them.
#[derive(Clone)]
struct Script {
    head: Vec<u8>,
    then: Then,
}

#[derive(Clone)]
enum Then {
    Close,
    Silence,
    /// The same bytes again and again, with a pause between.
    Repeat(Vec<u8>, Duration),
}

fn script(head: impl Into<Vec<u8>>, then: Then) -> Script {
    Script {
        head: head.into(),
        then,
    }
}

fn answer(headers: &str, body: &[u8]) -> Script {
    let mut head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes();
    head.extend_from_slice(body);
    script(head, Then::Close)
}

async fn server(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(play(socket, script.clone()));
        }
    });
    base_url
}

/// Ends by itself when the client goes.
async fn play(mut socket: TcpStream, script: Script) {
    let mut request = [0; 4096];
    if socket.read(&mut request).await.is_err() || socket.write_all(&script.head).await.is_err() {
        return;
    }
    match script.then {
        Then::Close => drop(socket.shutdown().await),
        Then::Silence => drop(socket.read(&mut request).await),
        Then::Repeat(bytes, pause) => {
            while socket.write_all(&bytes).await.is_ok() {
                sleep(pause).await;
            }
        }
    }
}

fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let megabyte = vec![b' '; 1 << 20];
    (0..64).for_each(|_| encoder.write_all(&megabyte).unwrap());
    encoder.finish().unwrap()
}

async fn read(base_url: &str, ledger: &TestLedger) -> Result<Value, (String, bool, bool)> {
    let endpoint = json!({"path": "/a", "output_schema": {"type": "object", "required": ["n"]}});
    call(&tool_of(base_url, json!({}), endpoint), json!({}), ledger).await
}

#[tokio::test]
async fn every_hostile_answer_gets_its_code_and_another_tool_still_works() {
    let good = receiver(&[]).await;
    let chunked = "transfer-encoding: chunked\r\n";
    let flood: String = (0..1000).map(|n| format!("x-{n}: y\r\n")).collect();
    let none = Duration::ZERO;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes();
    let slow = Duration::from_millis(100);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Script, &str, bool)> = vec![
        (
            "not JSON",
            answer("content-length: 5\r\n", b"hello"),
            "tool_bad_response",
            true,
        ),
        (
            "login page",
            answer(
                "content-type: text/html\r\ncontent-length: 26\r\n",
                b"<html><h1>Log in</h1></htm",
            ),
            "tool_bad_response",
            true,
        ),
        ("empty", answer("content-length: 0\r\n", b""), "tool_bad_response", true),
        (
            "surrogate",
            answer("content-length: 15\r\n", br#"{"n": "\ud800"}"#),
            "tool_bad_response",
            true,
        ),
        ("deep", answer("", deep.as_bytes()), "tool_bad_response", true),
        (
            "wrong schema",
            answer("content-length: 8\r\n", br#"{"m": 1}"#),
            "tool_bad_response",
            true,
        ),
        ("never answers", script("", Then::Silence), "tool_timeout", true),
        (
            "head only",
            script("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", Then::Silence),
            "tool_timeout",
            true,
        ),
        (
            "drip",
            script(
                "HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n",
                Then::Repeat(b" ".to_vec(), slow),
            ),
            "tool_timeout",
            true,
        ),
        (
            "endless events",
            script(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
                Then::Repeat(b"data: {}\n\n".to_vec(), slow),
            ),
            "tool_timeout",
            true,
        ),
        (
            "a gigabyte",
            answer("content-length: 1073741824\r\n", b"{"),
            "tool_response_too_large",
            false,
        ),
        (
            "endless chunks",
            script(format!("HTTP/1.1 200 OK\r\n{chunked}\r\n"), Then::Repeat(chunk, none)),
            "tool_response_too_large",
            false,
        ),
        (
            "gzip bomb",
            answer("content-encoding: gzip\r\n", &gzip_bomb()),
            "tool_response_too_large",
            false,
        ),
        (
            "brotli",
            answer("content-encoding: br\r\ncontent-length: 2\r\n", b"{}"),
            "tool_protocol",
            true,
        ),
        (
            "no gzip",
            answer("content-encoding: gzip\r\ncontent-length: 2\r\n", b"{}"),
            "tool_protocol",
            true,
        ),
        (
            "not HTTP",
            script("SSH-2.0-OpenSSH_9.2\r\n", Then::Close),
            "tool_protocol",
            true,
        ),
        ("cut off", answer("content-length: 9\r\n", b"{"), "tool_protocol", true),
        ("many headers", answer(&flood, b"{}"), "tool_protocol", true),
        (
            "a long header",
            answer(&format!("x: {}\r\ncontent-length: 2\r\n", "y".repeat(40 << 10)), b"{}"),
            "tool_protocol",
            true,
        ),
        (
            "two lengths",
            answer("content-length: 2\r\ncontent-length: 3\r\n", b"{}}"),
            "tool_protocol",
            true,
        ),
        (
            "a split header",
            answer("x: y\r\n bad\rheader: z\r\ncontent-length: 2\r\n", b"{}"),
            "tool_protocol",
            true,
        ),
    ];
    let met = cases.into_iter().map(|(name, script, code, retryable)| {
        let good = good.tool(json!({"path": "/b"}));
        async move {
            let base_url = server(script).await;
            let began = Instant::now();
            let outcome = read(&base_url, &TestLedger::with_deadline(Duration::from_secs(3))).await;
            assert_eq!(outcome, failed(code, retryable, false), "{name}");
            assert!(began.elapsed() < Duration::from_secs(10), "{name}");
            let other = call(&good, json!({}), &TestLedger::new()).await;
            assert_eq!(other, Ok(json!({})), "after {name}");
        }
    });
    // Few at a time: what is quick must not wait until its time is over.
    stream::iter(met).buffer_unordered(4).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn no_redirect_leads_to_an_address_nobody_listed_in_any_spelling() {
    for (host, code) in [
        ("127.0.0.1", "address_blocked"),
        ("0", "address_blocked"),
        ("2130706433", "address_blocked"),
        ("0x7f.1", "address_blocked"),
        ("0177.0.0.1", "address_blocked"),
        ("[::1]", "address_blocked"),
        ("[::ffff:10.0.0.1]", "address_blocked"),
        ("169.254.169.254", "address_blocked"),
        ("[fd00::1]", "address_blocked"),
        ("100.64.0.1", "address_blocked"),
        ("localhost.", "address_blocked"),
        ("db.prod.svc.cluster.local", "address_blocked"),
        ("public.example", "host_not_allowed"),
        ("user:password@127.0.0.1", "host_not_allowed"),
    ] {
        let head = format!("HTTP/1.1 302 Found\r\nlocation: http://{host}/latest\r\ncontent-length: 0\r\n\r\n");
        let base_url = server(script(head, Then::Close)).await;
        assert_eq!(
            read(&base_url, &TestLedger::new()).await,
            failed(code, false, false),
            "{host}"
        );
    }
    let odd = "HTTP/1.1 302 Found\r\nlocation: gopher://127.0.0.1/\r\ncontent-length: 0\r\n\r\n";
    let base_url = server(script(odd, Then::Close)).await;
    assert_eq!(
        read(&base_url, &TestLedger::new()).await,
        failed("host_not_allowed", false, false)
    );
}

#[tokio::test]
async fn a_cookie_is_not_kept() {
    let seen: Arc<Mutex<Vec<bool>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let answer = move |headers: HeaderMap| async move {
        kept.lock().unwrap().push(headers.contains_key("cookie"));
        ([("set-cookie", "session=1; Path=/")], r#"{"n": 1}"#)
    };
    let base_url = super::serve(axum::Router::new().route("/a", get(answer))).await;
    for _ in 0..2 {
        assert_eq!(read(&base_url, &TestLedger::new()).await, Ok(json!({"n": 1})));
    }
    assert_eq!(*seen.lock().unwrap(), [false, false]);
}

#[tokio::test]
async fn a_conflict_under_a_key_is_no_new_call_and_a_refusal_of_its_content_is_final() {
    for (status, expected, state) in [
        (409, failed("tool_unavailable", true, false), "sent"),
        (422, failed("tool_rejected", false, false), "rejected"),
    ] {
        let receiver = receiver(&[(status, "")]).await;
        let tool = receiver.tool(json!({"method": "POST", "path": "/orders", "effects": "keyed"}));
        let ledger = TestLedger::new();
        assert_eq!(call(&tool, json!({}), &ledger).await, expected);
        assert_eq!(ledger.states(), [state]);
        assert_eq!(receiver.arrived()[0].key.as_deref(), Some("job:0"));
    }
}
