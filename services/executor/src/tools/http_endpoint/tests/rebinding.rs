//! A name whose addresses are others the second time (reference: hostile inputs, DNS rebinding), called as a step does.

use super::super::offers_through;
use super::{call, failed};
use crate::test_ledger::TestLedger;
use crate::tools::Offer;
use futures::future::BoxFuture;
use outbound::{AllowList, Client, Limits, Names, Unlisted};
use serde_json::{Value, json};
use service::config::ApiConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers in turn; the last answer stays.
struct Rebinding(Mutex<Vec<SocketAddr>>);

impl Names for Rebinding {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let mut left = self.0.lock().unwrap();
        let address = if left.len() > 1 { left.remove(0) } else { left[0] };
        Box::pin(async move { Ok(vec![address]) })
    }
}

fn tool(base_url: &str, unlisted: Unlisted, listed: &[&str], addresses: &[&str]) -> Offer {
    let mut allow = AllowList::new(unlisted);
    listed.iter().for_each(|entry| allow.allow(entry).unwrap());
    let names = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let limits = Limits {
        connect_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let client = Client::resolving(allow, limits, Arc::new(Rebinding(Mutex::new(names)))).unwrap();
    let api: ApiConfig = serde_json::from_value(json!({
        "name": "custom", "base_url": base_url, "endpoints": [{"name": "t", "path": "/t"}],
    }))
    .unwrap();
    offers_through(&client, &api, "default").unwrap().remove(0)
}

/// Counts who comes, and answers each on a connection of its own.
async fn server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            drop(socket.read(&mut request).await);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            drop(socket.write_all(answer).await);
        }
    });
    (port, came)
}

#[tokio::test]
async fn a_public_name_that_becomes_one_of_this_machine_is_not_connected() {
    let (port, came) = server().await;
    let url = format!("https://rebind.example:{port}");
    // Nobody is there at the public address, or nobody may be reached from here.
    let tool = tool(&url, Unlisted::PublicHttps, &[], &["8.8.8.8:0", "127.0.0.1:0"]);
    let (code, ..) = call(&tool, json!({}), &TestLedger::new()).await.unwrap_err();
    assert!(
        ["tool_connect", "tool_timeout", "tool_protocol"].contains(&code.as_str()),
        "{code}"
    );
    for _ in 0..2 {
        let second = call(&tool, json!({}), &TestLedger::new()).await;
        assert_eq!(second, failed("address_blocked", false, false));
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_listed_name_that_served_and_becomes_the_metadata_server_is_not_connected() {
    let (port, came) = server().await;
    let url = format!("http://inside.example:{port}");
    let tool = tool(&url, Unlisted::Refused, &[&url], &["127.0.0.1:0", "169.254.169.254:0"]);
    let first = call(&tool, json!({}), &TestLedger::new()).await;
    assert_eq!(first.unwrap(), Value::Object(Default::default()));
    let second = call(&tool, json!({}), &TestLedger::new()).await;
    assert_eq!(second, failed("address_blocked", false, false));
    assert_eq!(came.load(Ordering::SeqCst), 1);
}
