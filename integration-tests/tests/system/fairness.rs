//! Few tasks of one tenant do not wait behind many of another, nor urgent ones behind the rest.

use anyhow::{Context as _, Result, ensure};
use contracts::coordinator::task_service_client::TaskServiceClient;
use contracts::coordinator::{Caller, SubmitRequest, TaskRequest};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use integration_tests::eventually::eventually;
use integration_tests::processes;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

const LIMIT: Duration = Duration::from_secs(120);
const FEW: usize = 10;
/// Submissions under way at a time.
const PARALLEL: usize = 64;

#[test]
fn ten_tasks_of_one_tenant_start_before_most_of_three_thousand_of_another() -> Result<()> {
    run(3_000)
}

#[test]
#[ignore = "takes minutes; part of `make verify`"]
fn ten_tasks_of_one_tenant_start_before_most_of_fifty_thousand_of_another() -> Result<()> {
    run(50_000)
}

fn run(many: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut options = Options::new("fairness", String::new());
        options.executors = 1;
        let system = System::start(options).await?;
        few_pass_many(&system, many).await?;
        system.stop()
    })
}

/// The executor stands still while the many are submitted, so that a backlog there is when the others come.
async fn few_pass_many(system: &System, many: usize) -> Result<()> {
    let tasks = Tasks::of(system).await?;
    let executor = system.pause("executor-1")?;
    tasks.submit("many", many, 0).await?;
    system.proceed(executor)?;
    eventually("work goes on", LIMIT, || async {
        ensure!(tasks.ended("many").await? > 0, "nothing has run");
        Ok(())
    })
    .await?;
    let before = tasks.ended("many").await?;
    let came = Instant::now();
    let urgent = tasks.submit("many", FEW, 5).await?;
    let few = tasks.submit("few", FEW, 0).await?;
    eventually("the few and the urgent have run", LIMIT, || async {
        for (tenant, ids) in [("few", &few), ("many", &urgent)] {
            for id in ids {
                ensure!(tasks.has_run(tenant, id).await?, "{tenant}: {id} waits");
            }
        }
        Ok(())
    })
    .await?;
    let waited = came.elapsed();
    let passed = tasks.passed().await? - before;
    let behind = many - before;
    println!("ten ran within {waited:.1?} of being sent, {passed} of {behind} before them");
    ensure!(passed < behind / 2, "{passed} of {behind} ran before the few");
    Ok(())
}

/// The coordinator, as a gateway of several tenants would ask it.
struct Tasks {
    client: TaskServiceClient<Channel>,
    database: sqlx::PgPool,
}

impl Tasks {
    async fn of(system: &System) -> Result<Self> {
        let url = processes::environment(system.pid("gateway-1")?, "ORCHESTRATOR_GATEWAY__COORDINATOR_URL")?;
        Ok(Self {
            client: TaskServiceClient::connect(url).await?,
            database: sqlx::PgPool::connect(&system.dev()?.database_url).await?,
        })
    }

    async fn submit(&self, tenant: &str, count: usize, priority: i16) -> Result<Vec<String>> {
        let body = json!({
            // Whatever it is worth, so that each step runs once.
            "request": "Say nothing", "quality_threshold": 0.0, "max_refinements": 0,
            "priority": priority, "preferences": {"channels": []},
            "plan": {"steps": [{"key": "a", "tool_id": "null", "arguments": {}}]},
        });
        let body = body.to_string();
        let submitted = stream::iter(0..count).map(|_| {
            let (mut client, body) = (self.client.clone(), body.clone());
            async move {
                let request = SubmitRequest {
                    caller: caller(tenant),
                    submission_json: body,
                    ..SubmitRequest::default()
                };
                anyhow::Ok(client.submit(request).await?.into_inner().task_id)
            }
        });
        submitted.buffer_unordered(PARALLEL).try_collect().await
    }

    /// Its step has ended.
    async fn has_run(&self, tenant: &str, task: &str) -> Result<bool> {
        let request = TaskRequest {
            caller: caller(tenant),
            task_id: task.to_owned(),
        };
        let document = self.client.clone().get_task(request).await?.into_inner();
        let status: Value = serde_json::from_str(&document.json)?;
        Ok(status["progress"]["steps_done"] == 1)
    }

    /// How many steps of a tenant have ended.
    async fn ended(&self, tenant: &str) -> Result<usize> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM coordinator.event WHERE subject LIKE $1")
            .bind(format!("%.step.succeeded.{tenant}"))
            .fetch_one(&self.database)
            .await?;
        usize::try_from(count).context("a count below zero")
    }

    /// How many steps of the many had ended when the last of the few had, in the order of commits.
    async fn passed(&self) -> Result<usize> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM coordinator.event WHERE subject LIKE '%.step.succeeded.many' AND batch <
                 (SELECT max(batch) FROM coordinator.event WHERE subject LIKE '%.step.succeeded.few')",
        )
        .fetch_one(&self.database)
        .await?;
        usize::try_from(count).context("a count below zero")
    }
}

fn caller(tenant: &str) -> Option<Caller> {
    Some(Caller {
        tenant: tenant.to_owned(),
        actor: "somebody".to_owned(),
        traceparent: String::new(),
    })
}
