//! The whole service, from configuration to drain.

use super::fake_coordinator::FakeCoordinator;
use super::{eventually, task};
use contracts::learner::learner_service_client::LearnerServiceClient;
use contracts::learner::{GetRecordSchemaRequest, StartExportRequest};
use service::config::{Config, Secret};

#[tokio::test]
async fn the_learner_starts_before_its_database_keeps_what_ended_answers_and_drains() {
    let postgres = testkit::PostgresServer::start().await.unwrap();
    let database = postgres.database().await.unwrap();
    postgres.stop_immediate().await.unwrap();
    let nats = testkit::Nats::shared().await.unwrap();
    let coordinator = FakeCoordinator::default();
    coordinator.with(|state| state.finished.push(task(1)));

    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut config = Config::default();
    config.database.url = Secret::plain(&database.url);
    config.nats.url = nats.url().to_owned();
    config.nats.prefix = nats.prefix();
    config.learner.grpc_addr = free;
    config.learner.coordinator_url = coordinator.serve().await;
    let ctx = service::Context::new("learner", config);
    let script = async {
        eventually("it says what it waits for", || async {
            ctx.ready.reasons().contains_key("database")
        })
        .await;

        postgres.restart().await.unwrap();
        eventually("it is ready", || async { ctx.ready.is_ready() }).await;
        let mut client = LearnerServiceClient::connect(format!("http://{free}")).await.unwrap();
        let schema = client
            .get_record_schema(GetRecordSchemaRequest::default())
            .await
            .unwrap()
            .into_inner();
        assert!(schema.json.contains("record_id"));
        eventually("the finished task is exported", || {
            let mut client = client.clone();
            async move {
                let request = StartExportRequest {
                    tenant: "default".into(),
                    options_json: "{}".into(),
                };
                client
                    .start_export(request)
                    .await
                    .unwrap()
                    .into_inner()
                    .json
                    .contains("\"count\":1")
            }
        })
        .await;

        ctx.shutdown.cancel();
    };
    let (outcome, ()) = tokio::join!(crate::run(ctx.clone()), script);
    outcome.unwrap();
}
