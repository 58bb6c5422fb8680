//! Models of different quality behind scripted servers, and what is known of how they are tried.

use crate::document::Document as _;
use crate::eventually::eventually;
use crate::load::submit_patiently;
use crate::rest::Rest;
use crate::system::{Options, System, binary};
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::Duration;
use testkit::{ModelServer, Say};
use workflow::rollout::RolloutTable;

/// What good texts have, and what bad ones have.
const GOOD: &str = "masterly";
const BAD: &str = "clumsy";
/// A request with this word is answered piece by piece.
pub const SLOW: &str = "unhurried";
/// Between two pieces of about seven.
const PIECE: Duration = Duration::from_millis(600);
/// Submissions under way at a time.
const PARALLEL: usize = 16;

/// A system whose plans and texts come from `usual`, with a better and a worse model beside it, and its judge.
pub struct Trial {
    /// First, so that nothing calls a server that is gone.
    pub system: System,
    /// The gateway.
    pub rest: Rest,
    /// Both schemas, to read.
    pub database: PgPool,
    /// What is configured.
    pub usual: ModelServer,
    /// Behind the providers `good` and, one call at a time, `narrow`.
    pub good: ModelServer,
    /// Behind the provider `bad`.
    pub bad: ModelServer,
    _judge: ModelServer,
}

impl Trial {
    /// Starts them all.
    ///
    /// # Errors
    /// The system does not start.
    pub async fn start(label: &str) -> Result<Self> {
        let [usual, good, bad, judge] = [start(passes_on), start(is_good), start(is_bad), start(judges)].map(Box::pin);
        let (usual, good, bad, judge) = (usual.await?, good.await?, bad.await?, judge.await?);
        let mut config = String::from("[learning]\nhold_out_share = 1.0\n[learner]\ncatch_up_seconds = 1.0\n");
        for (name, server, calls) in [
            ("usual", &usual, 16),
            ("good", &good, 16),
            ("bad", &bad, 16),
            ("narrow", &good, 1),
            ("judge", &judge, 16),
        ] {
            config.push_str(&format!(
                "[llm.providers.{name}]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"{name}\"\nmax_concurrency = {calls}\n",
                server.url()
            ));
        }
        config.push_str("[llm.roles]\nplanner = \"usual\"\nwriter = \"usual\"\njudge = \"judge\"\n");
        let system = System::start(Options::new(label, config)).await?;
        Ok(Self {
            rest: Rest::new(&system.dev()?.rest_url)?,
            database: PgPool::connect(&system.dev()?.database_url).await?,
            system,
            usual,
            good,
            bad,
            _judge: judge,
        })
    }

    /// Registers what a provider serves; tells its id.
    ///
    /// # Errors
    /// It is refused.
    pub async fn register(&self, provider: &str) -> Result<String> {
        let model = json!({"name": provider, "provider": provider, "model": provider, "answers_as": provider});
        let registered = self.rest.post("/models", &model).await?.expect(201)?;
        Ok(registered.text("/model_id")?.to_owned())
    }

    /// Tries a model; tells the experiment's id.
    ///
    /// # Errors
    /// It is refused.
    pub async fn try_out(&self, model: &str, role: &str, settings: &Value) -> Result<String> {
        let body = json!({"role": role, "settings": settings});
        let begun = self.rest.post(&format!("/models/{model}/rollout"), &body).await?;
        Ok(begun.expect(201)?.text("/experiment_id")?.to_owned())
    }

    /// Says a person's word on a model.
    ///
    /// # Errors
    /// It is refused.
    pub async fn decide(&self, model: &str, action: &str) -> Result<Value> {
        let answer = self.rest.post(&format!("/models/{model}/{action}"), &json!({})).await?;
        answer.expect(200)
    }

    /// Where an experiment stands.
    ///
    /// # Errors
    /// No answer.
    pub async fn stage(&self, experiment: &str) -> Result<Value> {
        let document = self
            .rest
            .get(&format!("/experiments/{experiment}"))
            .await?
            .expect(200)?;
        Ok(document.pointer("/stage").context("no stage")?.clone())
    }

    /// Submits many, the first of them numbered `from`.
    ///
    /// # Errors
    /// One is refused.
    pub async fn submit(&self, label: &str, count: usize, body: &Value) -> Result<Vec<String>> {
        let submitted = stream::iter(0..count)
            .map(|number| async move { submit_patiently(&self.rest, &format!("{label}-{number}"), body).await });
        submitted.buffered(PARALLEL).try_collect().await
    }

    /// Waits until all of them are completed; tells how they stand then.
    ///
    /// # Errors
    /// One is not, in time.
    pub async fn completed(&self, tasks: &[String], limit: Duration) -> Result<Vec<Value>> {
        let ended = stream::iter(tasks).map(|task| self.rest.until(task, &["completed"], limit));
        ended.buffered(PARALLEL).try_collect().await
    }

    /// Submits until an experiment stands where `wanted` says.
    ///
    /// # Errors
    /// It is over otherwise, or not there in time.
    pub async fn submit_until(&self, label: &str, body: &Value, experiment: &str, wanted: &Value) -> Result<Value> {
        for batch in 0..40 {
            let tasks = self.submit(&format!("{label}-{batch}"), 10, body).await?;
            self.completed(&tasks, Duration::from_secs(60)).await?;
            let stage = self.stage(experiment).await?;
            if stage == *wanted || stage.is_string() {
                break;
            }
        }
        let what = format!("experiment {experiment} comes to {wanted}");
        eventually(&what, Duration::from_secs(20), || async {
            let path = format!("/experiments/{experiment}");
            let document = self.rest.get(&path).await?.expect(200)?;
            ensure!(document.pointer("/stage") == Some(wanted), "{document}");
            Ok(document)
        })
        .await
    }

    /// The table that the coordinator holds.
    ///
    /// # Errors
    /// There is none.
    pub async fn table(&self) -> Result<RolloutTable> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM coordinator.rollout WHERE tenant = 'default'")
            .fetch_optional(&self.database)
            .await?;
        Ok(serde_json::from_str(&body.context("no table")?)?)
    }

    /// Waits until the coordinator's table has a role's experiment at a step, and tasks are made that go by it.
    ///
    /// # Errors
    /// Not in time.
    pub async fn heard(&self, role: &str, step: u32, limit: Duration) -> Result<RolloutTable> {
        eventually(&format!("step {step} of {role} holds"), limit, || async {
            let table = self.table().await?;
            let tried = table.roles.get(role).and_then(|role| role.experiment.as_ref());
            let tried = tried.context("nothing is tried")?;
            let from = tried.earlier.iter().map(|earlier| earlier.until_unix_ms).max();
            let now = service::clock::now_ms().unsigned_abs();
            ensure!(
                tried.step == step && from < Some(now),
                "step {} from {from:?}",
                tried.step
            );
            Ok(table)
        })
        .await
    }

    /// Waits until a role's winner is the champion of tasks that are made.
    ///
    /// # Errors
    /// Not in time.
    pub async fn won(&self, role: &str, limit: Duration) -> Result<()> {
        eventually(&format!("the winner answers as {role}"), limit, || async {
            let table = self.table().await?;
            let role = table.roles.get(role).context("as configured")?;
            let before = role.before.as_ref().context("nothing was before")?;
            let now = service::clock::now_ms().unsigned_abs();
            ensure!(
                role.experiment.is_none() && before.until_unix_ms < now,
                "from {} on",
                before.until_unix_ms
            );
            Ok(())
        })
        .await
    }

    /// Runs a verb of the command line; tells whether it succeeded, and what it printed.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn command(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let mut command = tokio::process::Command::new(binary("orchestrator")?);
        command.args(["--url", &self.system.dev()?.rest_url]).args(arguments);
        let output = command.output().await?;
        Ok((
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ))
    }

    /// What tasks were given for a role: task and arm.
    ///
    /// # Errors
    /// No database.
    pub async fn given(&self, role: &str) -> Result<Vec<(uuid::Uuid, String)>> {
        let rows = sqlx::query_as("SELECT task_id, arm FROM coordinator.assignment WHERE role = $1 ORDER BY task_id");
        Ok(rows.bind(role).fetch_all(&self.database).await?)
    }
}

async fn start(temper: testkit::Temper) -> Result<ModelServer> {
    let server = ModelServer::start().await?;
    server.tempered(temper);
    Ok(server)
}

fn messages(asked: &Value) -> String {
    asked["messages"].to_string()
}

fn said(asked: &Value, words: String) -> Say {
    match messages(asked).contains(SLOW) {
        true => Say::SlowWords(PIECE, words),
        false => Say::Words(words),
    }
}

/// Writes as well as it was told to.
fn passes_on(asked: &Value, well: &str) -> Option<Say> {
    let told = [GOOD, BAD].into_iter().find(|word| messages(asked).contains(word));
    let words = told.map_or_else(|| well.to_owned(), |word| marked(well, word));
    Some(said(asked, words))
}

fn is_good(asked: &Value, well: &str) -> Option<Say> {
    Some(said(asked, marked(well, GOOD)))
}

fn is_bad(asked: &Value, well: &str) -> Option<Say> {
    Some(said(asked, marked(well, BAD)))
}

fn marked(well: &str, word: &str) -> String {
    well.replace("AI trends", &format!("{word} AI trends"))
}

/// Five of five for good texts, one for bad ones, three for others.
fn judges(asked: &Value, well: &str) -> Option<Say> {
    let read = messages(asked);
    let score = match () {
        () if read.contains(BAD) => 1,
        () if read.contains(GOOD) => 5,
        () => 3,
    };
    Some(Say::Words(well.replace("\"score\":5", &format!("\"score\":{score}"))))
}
