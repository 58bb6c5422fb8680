//! Names whose addresses change or mix, as an attacker's server of names would have it.

use crate::resolver::{GuardedResolver, Names};
use crate::{AllowList, Client, Limits, Method, Redirects, Request, RequestSent, Unlisted, Url};
use axum::Router;
use axum::response::Redirect;
use futures::future::BoxFuture;
use reqwest::dns::Resolve;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers in turn; the last answer stays.
struct Answers(Mutex<Vec<Vec<SocketAddr>>>);

impl Answers {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |one: &&[&str]| one.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().rev().map(parse).collect())))
    }
}

impl Names for Answers {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop()
        } else {
            answers.last().cloned()
        };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

fn client(unlisted: Unlisted, entries: &[&str], names: Arc<Answers>) -> Client {
    let mut allow = AllowList::new(unlisted);
    entries.iter().for_each(|entry| allow.allow(entry).unwrap());
    Client::resolving(allow, Limits::default(), names).unwrap()
}

async fn fault(client: &Client, url: &str) -> (&'static str, RequestSent) {
    let mut request = Request::new(Method::GET, Url::parse(url).unwrap(), Duration::from_secs(5));
    request.redirects = Redirects::Followed;
    let error = client.send(request).await.unwrap_err();
    (error.code(), error.request_sent)
}

#[tokio::test]
async fn a_public_name_with_an_internal_address_is_never_connected() {
    for answer in [
        &["10.0.0.1:0"][..],
        // A record among good ones, and what an alias within a cluster leads to.
        &["8.8.8.8:0", "127.0.0.1:0"],
        &["[2606:4700::1111]:0", "[::ffff:192.168.0.1]:0"],
        &["169.254.169.254:0"],
        &["[fd00:ec2::254]:0"],
    ] {
        let open = client(Unlisted::PublicHttps, &[], Answers::new(&[answer]));
        let expected = ("address_blocked", RequestSent::No);
        assert_eq!(fault(&open, "https://rebind.example/").await, expected, "{answer:?}");
    }
    // A listed name may be of this network, and never of the link.
    let listed = client(
        Unlisted::Refused,
        &["inside.example"],
        Answers::new(&[&["169.254.169.254:0"]]),
    );
    assert_eq!(
        fault(&listed, "http://inside.example/").await,
        ("address_blocked", RequestSent::No)
    );
}

#[tokio::test]
async fn a_name_is_judged_each_time_it_is_resolved() {
    let resolver = GuardedResolver {
        allow: Arc::new(AllowList::new(Unlisted::PublicHttps)),
        names: Answers::new(&[&["8.8.8.8:0"], &["127.0.0.1:0"]]),
    };
    let resolved = async || resolver.resolve("rebind.example".parse().unwrap()).await;
    let first: Vec<SocketAddr> = resolved().await.unwrap_or_else(|error| panic!("{error}")).collect();
    assert_eq!(first, ["8.8.8.8:0".parse().unwrap()]);
    assert!(resolved().await.is_err());
}

#[tokio::test]
async fn a_redirect_to_a_listed_name_that_moved_to_the_metadata_server_is_not_followed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(|| async { Redirect::temporary("http://cdn.example/latest/meta-data") });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = client(
        Unlisted::Refused,
        &[&base, "cdn.example"],
        Answers::new(&[&["169.254.169.254:0"]]),
    );
    assert_eq!(fault(&client, &base).await.0, "address_blocked");
}
