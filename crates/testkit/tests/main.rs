//! The test servers themselves.

use sqlx::{Connection, Executor, PgConnection, Row};
use std::time::Duration;
use testkit::{FaultProxy, Nats, NatsServer, Postgres, PostgresServer};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn each_test_gets_an_empty_database_of_its_own() {
    let postgres = Postgres::shared().await.unwrap();
    let (one, two) = (postgres.database().await.unwrap(), postgres.database().await.unwrap());
    assert_ne!(one.url, two.url);
    let mut connection = PgConnection::connect(&one.url).await.unwrap();
    connection.execute("CREATE TABLE here (n int)").await.unwrap();
    let mut other = PgConnection::connect(&two.url).await.unwrap();
    assert!(other.execute("SELECT * FROM here").await.is_err());
}

#[tokio::test]
async fn a_stopped_postgres_keeps_what_was_committed() {
    let server = PostgresServer::start().await.unwrap();
    let database = server.database().await.unwrap();
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    connection.execute("CREATE TABLE kept AS SELECT 7 AS n").await.unwrap();
    server.stop_immediate().await.unwrap();
    assert!(PgConnection::connect(&database.url).await.is_err());
    server.restart().await.unwrap();
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let row = connection.fetch_one("SELECT n FROM kept").await.unwrap();
    assert_eq!(row.get::<i32, _>(0), 7);
}

#[tokio::test]
async fn a_wiped_nats_comes_back_empty() {
    let server = NatsServer::start().await.unwrap();
    let stream = async_nats::jetstream::stream::Config {
        name: "KEPT".to_owned(),
        ..Default::default()
    };
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.create_stream(stream).await.unwrap();
    server.kill().await.unwrap();
    assert!(server.store_dir().is_dir());
    server.restart().await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    assert!(context.get_stream("KEPT").await.is_ok());
    server.kill().await.unwrap();
    server.wipe().await.unwrap();
    server.restart().await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    assert!(async_nats::jetstream::new(client).get_stream("KEPT").await.is_err());
}

#[tokio::test]
async fn a_connection_cut_at_commit_has_committed() {
    let postgres = Postgres::shared().await.unwrap();
    let database = postgres.database().await.unwrap();
    let mut direct = PgConnection::connect(&database.url).await.unwrap();
    direct.execute("CREATE TABLE written (n int)").await.unwrap();
    let (server, path) = database.url.split_once('@').unwrap().1.split_once('/').unwrap();
    let proxy = FaultProxy::listen().await.unwrap();
    proxy.set_target(server);
    let through = format!("postgres://orchestrator@{}/{path}", proxy.address());
    let mut connection = PgConnection::connect(&through).await.unwrap();
    connection
        .execute("BEGIN; INSERT INTO written VALUES (1)")
        .await
        .unwrap();
    proxy.cut_after_pattern(b"COMMIT");
    assert!(connection.execute("COMMIT").await.is_err());
    assert!(!proxy.is_armed());
    assert_eq!(proxy.pattern_cuts(), 1);
    let committed = async {
        while direct.fetch_all("SELECT * FROM written").await.unwrap().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), committed).await.unwrap();
}

#[tokio::test]
async fn a_half_open_connection_goes_on_when_healed_and_a_cut_one_does_not() {
    let nats = Nats::shared().await.unwrap();
    let target = nats.url().trim_start_matches("nats://").to_owned();
    let proxy = FaultProxy::start(target).await.unwrap();
    let client = async_nats::connect(proxy.address().to_string()).await.unwrap();
    proxy.half_open();
    let mut asked = std::pin::pin!(client.request("$JS.API.INFO", "".into()));
    assert!(timeout(Duration::from_millis(100), &mut asked).await.is_err());
    proxy.heal();
    timeout(Duration::from_secs(5), asked).await.unwrap().unwrap();
    proxy.cut();
    let reconnected = async {
        while client.statistics().connects.load(std::sync::atomic::Ordering::Relaxed) < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), reconnected).await.unwrap();
}
