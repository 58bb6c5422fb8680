//! What is asked of the coordinator for whom, and what is remembered of its answers.

use crate::catalog::{KnownTools, Tools};
use bus::worker::Coordinator;
use contracts::coordinator::worker_service_server::{WorkerService, WorkerServiceServer};
use contracts::coordinator::*;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;

/// Has a tool for everybody, and one of its own for each tenant whose name is `rich…`.
#[derive(Clone, Default)]
struct Catalog {
    asked: Arc<Mutex<Vec<ListToolsRequest>>>,
}

#[tonic::async_trait]
impl WorkerService for Catalog {
    type GetPayloadStream = tokio_stream::Empty<Result<PayloadChunk, Status>>;

    async fn list_tools(&self, request: Request<ListToolsRequest>) -> Answer<ListToolsResponse> {
        let ask = request.into_inner();
        let mut ids = vec!["null".to_owned()];
        let mut version = 7;
        if let Some(number) = ask.tenant.strip_prefix("rich") {
            ids.push(format!("{}.own", ask.tenant));
            version = 100 + number.parse::<u64>().unwrap();
        }
        let unchanged = ask.known_version == version;
        self.asked.lock().unwrap().push(ask);
        let document = |id: &String| {
            let card = llm::ToolCard {
                tool_id: id.clone(),
                ..llm::null_tool()
            };
            json!(card).to_string()
        };
        Ok(Response::new(ListToolsResponse {
            version,
            unchanged,
            tools_json: if unchanged {
                Vec::new()
            } else {
                ids.iter().map(document).collect()
            },
        }))
    }

    async fn beat(&self, _: Request<BeatRequest>) -> Answer<BeatResponse> {
        Err(not_here())
    }

    async fn heartbeat(&self, _: Request<HeartbeatRequest>) -> Answer<HeartbeatResponse> {
        Err(not_here())
    }

    async fn begin_effect(&self, _: Request<BeginEffectRequest>) -> Answer<BeginEffectResponse> {
        Err(not_here())
    }

    async fn end_effect(&self, _: Request<EndEffectRequest>) -> Answer<EndEffectResponse> {
        Err(not_here())
    }

    async fn put_payload(&self, _: Request<Streaming<PutPayloadRequest>>) -> Answer<PutPayloadResponse> {
        Err(not_here())
    }

    async fn get_payload(&self, _: Request<GetPayloadRequest>) -> Answer<Self::GetPayloadStream> {
        Err(not_here())
    }

    async fn announce_tools(&self, _: Request<AnnounceToolsRequest>) -> Answer<AnnounceToolsResponse> {
        Err(not_here())
    }

    async fn list_definitions(&self, _: Request<ListDefinitionsRequest>) -> Answer<ListDefinitionsResponse> {
        Err(not_here())
    }
}

fn not_here() -> Status {
    Status::unimplemented("not a part of these tests")
}

impl Catalog {
    async fn serve(&self) -> KnownTools {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tonic::transport::Server::builder().add_service(WorkerServiceServer::new(self.clone()));
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        KnownTools::new(Coordinator::connect(&[address]).unwrap())
    }

    /// Of each question about the tenant, the version that was known.
    fn asked_for(&self, tenant: &str) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let about = asked.iter().filter(|ask| ask.tenant == tenant);
        about.map(|ask| ask.known_version).collect()
    }
}

async fn known(tools: &KnownTools, tenant: &str) -> Arc<Tools> {
    let deadline = Instant::now() + Duration::from_secs(20);
    tools.current(tenant, deadline).await.unwrap()
}

fn ids(tools: &Tools) -> Vec<&str> {
    tools.cards.iter().map(|card| card.tool_id.as_str()).collect()
}

#[tokio::test]
async fn each_tenant_is_asked_about_by_itself_and_once_however_many_plan() {
    let catalog = Catalog::default();
    let tools = catalog.serve().await;
    let (one, two, poor) = tokio::join!(known(&tools, "rich1"), known(&tools, "rich2"), known(&tools, "poor"));
    assert_eq!(ids(&one), ["null", "rich1.own"]);
    assert_eq!(ids(&two), ["null", "rich2.own"]);
    assert_eq!(ids(&poor), ["null"]);
    assert!(
        two.catalog.of("").get("rich1.own").is_none(),
        "no plan of theirs is valid with it"
    );
    let began = Instant::now();
    futures::future::join_all((0..500).map(|_| known(&tools, "rich1"))).await;
    let asked = catalog.asked_for("rich1").len();
    assert!(
        asked <= 2 + usize::try_from(began.elapsed().as_secs()).unwrap(),
        "{asked}"
    );
    let also_poor = known(&tools, "also poor").await;
    assert!(Arc::ptr_eq(&poor, &also_poor), "who has none of its own shares");
}

#[tokio::test]
async fn of_many_tenants_who_planned_longest_ago_is_forgotten() {
    let catalog = Catalog::default();
    let tools = catalog.serve().await;
    let first = known(&tools, "rich1").await;
    known(&tools, "rich2").await;
    for n in 3..=256 {
        known(&tools, &format!("rich{n}")).await;
    }
    assert!(
        Arc::ptr_eq(&first, &known(&tools, "rich1").await),
        "there was room for it"
    );
    known(&tools, "rich257").await;
    let deadline = Instant::now() + Duration::from_secs(20);
    for tenant in ["rich1", "rich2"] {
        tools.renewed(tenant, deadline).await.unwrap();
    }
    let anew = |tenant| catalog.asked_for(tenant).iter().filter(|known| **known == 0).count();
    assert_eq!((anew("rich1"), anew("rich2")), (1, 2));
}
