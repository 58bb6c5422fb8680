//! Models are tried on real tasks by the real processes: the better one wins, the worse one is turned back, whoever
//! dies meanwhile.

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use integration_tests::document::{Document as _, shortened};
use integration_tests::event_stream;
use integration_tests::eventually::eventually;
use integration_tests::trial::{SLOW, Trial};
use serde_json::{Value, json};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::rollout::{Arm, RolloutTable, Subject};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn the_better_model_is_promoted_and_the_worse_one_turned_back_whoever_dies_meanwhile() -> Result<()> {
    run(async {
        let trial = Trial::start("rollouts").await?;
        let mut told = Told::listen(&trial).await?;
        let (good, bad) = (trial.register("good").await?, trial.register("bad").await?);
        let writer = trial.try_out(&bad, "writer", &settings(5)).await?;
        let turned_back = trial
            .submit_until("worse", &text("posts"), &writer, &json!("rolled_back"))
            .await?;
        let why = &turned_back["last"]["look"]["decision"];
        ensure!(why["reason"] == json!({"kind": "guardrail", "of": "quality"}), "{why}");
        ensure!(turned_back["last"]["word"].is_null(), "nobody said so: {turned_back}");
        usual_texts_again(&trial).await?;

        let planner = trial.try_out(&good, "planner", &settings(25)).await?;
        trial
            .submit_until("first", &plan("teas"), &planner, &json!({"step": 2}))
            .await?;
        whoever_dies(&trial, &planner).await?;
        let won = trial
            .submit_until("better", &plan("teas"), &planner, &json!("promoted"))
            .await?;
        let look = &won["last"]["look"];
        ensure!(look["decision"]["kind"] == "promote", "{look}");
        ensure!(look["effect"]["value"].as_f64() > Some(0.1), "{look}");
        new_plans_are_the_winners(&trial).await?;
        let states = states(&trial).await?;
        ensure!(states == json!({"good": "promoted", "bad": "rolled_back"}), "{states}");
        let [first, last] = told.of(&good, "model.promoted").await?;
        ensure!(
            [&*first, &*last] == ["model.registered", "model.promoted"],
            "{first} {last}"
        );
        told.of(&bad, "model.rolled_back").await?;
        told.of(&writer, "experiment.rolled_back").await?;
        let [first, _] = told.of(&planner, "experiment.promoted").await?;
        ensure!(first == "experiment.started", "{first}");
        let figure = trial.rest.get("/metrics").await?.expect(200)?["custom_llm_improvement"].clone();
        ensure!(figure["experiment_id"] == json!(planner), "{figure}");
        ensure!(figure["value"] == look["effect"]["value"], "{figure}");
        let (won, said) = trial.command(&["models", "watch", "good-v1"]).await?;
        ensure!(won && said.starts_with("promoted"), "{said}");
        let (won, said) = trial.command(&["models", "watch", "bad-v1", "--json"]).await?;
        ensure!(!won && said.contains("\"stage\":\"rolled_back\""), "{said}");
        trial.system.stop()
    })
}

/// A subscriber to what becomes of models and experiments.
struct Told {
    models: async_nats::Subscriber,
    experiments: async_nats::Subscriber,
    seen: Vec<Value>,
}

impl Told {
    async fn listen(trial: &Trial) -> Result<Self> {
        let client = event_stream::connect(&trial.system.dev()?.nats_url).await?;
        let told = Self {
            models: client.subscribe("orchestrator.events.model.>").await?,
            experiments: client.subscribe("orchestrator.events.experiment.>").await?,
            seen: Vec::new(),
        };
        client.flush().await?;
        Ok(told)
    }

    /// The first and the last thing that was told of `entity`, once `wanted` was; each number came.
    async fn of(&mut self, entity: &str, wanted: &str) -> Result<[String; 2]> {
        let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
        let wanted = format!("io.orchestrator.{wanted}.v1");
        let until = Instant::now() + LIMIT;
        while !self
            .seen
            .iter()
            .any(|event| event["subject"] == entity && kind(event) == wanted)
        {
            let message = tokio::select! {
                message = self.models.next() => message,
                message = self.experiments.next() => message,
                () = tokio::time::sleep_until(until) => anyhow::bail!("{wanted} of {entity} was not told: {:?}", self.seen),
            };
            self.seen
                .push(serde_json::from_slice(&message.context("no stream")?.payload)?);
        }
        let mut its: Vec<&Value> = self.seen.iter().filter(|event| event["subject"] == entity).collect();
        its.sort_by_key(|event| event["sequence"].as_u64());
        its.dedup_by_key(|event| event["id"].clone());
        let numbers = its.iter().filter_map(|event| event["sequence"].as_u64());
        ensure!(numbers.eq(1..=its.len() as u64), "{its:?}");
        let named = |event: Option<&&Value>| {
            let kind = event.map(|event| kind(event)).unwrap_or_default();
            kind.trim_start_matches("io.orchestrator.")
                .trim_end_matches(".v1")
                .to_owned()
        };
        Ok([named(its.first()), named(its.last())])
    }
}

/// Kills learner and coordinator while tasks are planned.
async fn whoever_dies(trial: &Trial, experiment: &str) -> Result<()> {
    let before = trial.heard("planner", 2, LIMIT).await?;
    let slow = plan(&format!("{SLOW} teas"));
    let mut tasks = trial.submit("slow", 12, &slow).await?;
    let given = eventually("their plans are asked for", LIMIT, || async {
        let given = given(trial, &tasks).await?;
        ensure!(given.len() == tasks.len(), "{} of {}", given.len(), tasks.len());
        Ok(given)
    });
    let given_before = given.await?;
    trial.system.kill("learner-1")?;
    trial.system.kill("coordinator-1")?;
    trial.system.ready(LIMIT).await?;
    ensure!(trial.stage(experiment).await? == json!({"step": 2}), "another step");
    tasks.extend(trial.submit("after", 10, &plan("teas")).await?);
    let ended = trial.completed(&tasks, LIMIT).await?;
    ensure!(trial.stage(experiment).await? == json!({"step": 2}), "it went on");
    ensure!(trial.table().await? == before, "another table");
    let given_after = given_all(trial, &tasks).await?;
    for one in &given_before {
        ensure!(given_after.contains(one), "{one:?} changed");
    }
    let asked = Asked::of(trial);
    for (task, status) in tasks.iter().zip(&ended) {
        let arm = drawn(&before, task)?;
        ensure!(
            given_after.contains(&(task.parse()?, arm)),
            "{task} was not drawn as {arm:?}"
        );
        ensure!(
            status["model_versions"]["planner"] == name(arm),
            "{}",
            shortened(status)
        );
    }
    let challenged = given_after.iter().filter(|(_, arm)| *arm == Arm::Challenger).count();
    ensure!(
        challenged > 0 && challenged < tasks.len(),
        "{challenged} of {}",
        tasks.len()
    );
    // Only what died under way may have been planned twice.
    ensure!(asked.good >= challenged, "{asked:?}");
    Ok(())
}

/// Which arm the table says a task of the experiment with planners is in.
fn drawn(table: &RolloutTable, task: &str) -> Result<Arm> {
    let subject = Subject {
        task: TaskId(task.parse()?),
        user: Some("local"),
    };
    Ok(table.assign("planner", &subject).arm)
}

fn name(arm: Arm) -> &'static str {
    match arm {
        Arm::Challenger => "good-v1",
        Arm::Control | Arm::ChampionOutside => "configured",
    }
}

async fn given(trial: &Trial, tasks: &[String]) -> Result<Vec<(Uuid, Arm)>> {
    let all = trial.given("planner").await?;
    let arm = |name: &str| match name {
        "challenger" => Arm::Challenger,
        "control" => Arm::Control,
        _ => Arm::ChampionOutside,
    };
    let of = all.into_iter().filter(|(task, _)| tasks.contains(&task.to_string()));
    Ok(of.map(|(task, name)| (task, arm(&name))).collect())
}

/// Every one of them was given something.
async fn given_all(trial: &Trial, tasks: &[String]) -> Result<Vec<(Uuid, Arm)>> {
    let given = given(trial, tasks).await?;
    ensure!(
        given.len() == tasks.len(),
        "{} of {} are known",
        given.len(),
        tasks.len()
    );
    Ok(given)
}

/// Plans that were asked of each.
#[derive(Debug)]
struct Asked {
    usual: usize,
    good: usize,
}

impl Asked {
    fn of(trial: &Trial) -> Self {
        let plans = |server: &testkit::ModelServer| {
            let asked = server.asked();
            asked.iter().filter(|asked| is_plan(&asked.body)).count()
        };
        Self {
            usual: plans(&trial.usual),
            good: plans(&trial.good),
        }
    }
}

fn is_plan(asked: &Value) -> bool {
    asked.to_string().contains("success_criteria")
}

async fn usual_texts_again(trial: &Trial) -> Result<()> {
    let before = trial.bad.asked().len();
    let tasks = trial.submit("usual", 10, &text("posts")).await?;
    for status in trial.completed(&tasks, LIMIT).await? {
        ensure!(status["model_versions"] == json!({}), "{}", shortened(&status));
    }
    ensure!(trial.bad.asked().len() == before, "it is still asked");
    Ok(())
}

async fn new_plans_are_the_winners(trial: &Trial) -> Result<()> {
    trial.won("planner", LIMIT).await?;
    let before = Asked::of(trial);
    let tasks = trial.submit("won", 10, &plan("teas")).await?;
    for status in trial.completed(&tasks, LIMIT).await? {
        ensure!(
            status["model_versions"]["planner"] == "good-v1",
            "{}",
            shortened(&status)
        );
        ensure!(status["quality"]["overall"] == 1.0, "{}", shortened(&status));
    }
    let after = Asked::of(trial);
    ensure!(
        (after.usual, after.good) == (before.usual, before.good + 10),
        "{before:?} {after:?}"
    );
    Ok(())
}

async fn states(trial: &Trial) -> Result<Value> {
    let models = trial.rest.get("/models").await?.expect(200)?;
    let states = models.list("/items")?.iter();
    let state = |model: &Value| Some((model["model_name"].as_str()?.to_owned(), model["state"].clone()));
    Ok(Value::Object(states.filter_map(state).collect()))
}

#[test]
fn a_promotion_leaves_tasks_whom_they_have_and_a_rollback_takes_what_waits() -> Result<()> {
    run(async {
        let trial = Trial::start("turning-back").await?;
        let narrow = trial.register("narrow").await?;
        let little = json!({"steps": [{"exposed": 1, "units": 1_000_000, "lasts": 0}]});
        trial.try_out(&narrow, "writer", &little).await?;
        let early = trial.rest.submit(&two_texts(&format!("{SLOW} posts"))).await?;
        eventually("its first text is written", LIMIT, || async {
            ensure!(texts(&trial.usual) == 1, "not yet");
            Ok(())
        })
        .await?;
        let promoted = trial.decide(&narrow, "promote").await?;
        ensure!(promoted["last"]["word"]["action"] == "promote", "{promoted}");
        trial.won("writer", LIMIT).await?;
        let later = trial.submit("later", 1, &text("posts")).await?;
        let status = &trial.completed(&later, LIMIT).await?[0];
        ensure!(
            status["model_versions"]["writer"] == "narrow-v1",
            "{}",
            shortened(status)
        );
        let (usual, new) = (texts(&trial.usual), texts(&trial.good));
        trial.completed(&[early], LIMIT).await?;
        ensure!(
            texts(&trial.usual) == usual + 1,
            "its second text came from somebody else"
        );
        ensure!(texts(&trial.good) == new, "its second text is the new model's");

        // One call at a time, of four seconds: the others wait for their turn, which comes within what calls wait for.
        let waiting = trial.submit("waiting", 4, &text(&format!("{SLOW} posts"))).await?;
        eventually("the first is asked", LIMIT, || async {
            ensure!(texts(&trial.good) == new + 1, "not yet");
            Ok(())
        })
        .await?;
        let turned_back = Instant::now();
        trial.decide(&narrow, "rollback").await?;
        trial.completed(&waiting, LIMIT).await?;
        let late = trial.good.asked();
        ensure!(
            texts(&trial.good) == new + 1,
            "{} texts were asked for after the rollback; all was done {:.1?} after it",
            late.len(),
            turned_back.elapsed()
        );
        let mut turned = 0;
        for task in &waiting {
            let trace = trial.rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
            turned += usize::from(trace.to_string().contains("\"turned_back\""));
        }
        ensure!(
            turned > 0,
            "nothing that waited was turned back: others had stood in before"
        );
        trial.system.stop()
    })
}

fn texts(server: &testkit::ModelServer) -> usize {
    let asked = server.asked();
    asked.iter().filter(|asked| !is_plan(&asked.body)).count()
}

/// Times of a busy machine decide nothing; `least` units of each arm before anything is promoted.
fn settings(least: u64) -> Value {
    json!({
        "steps": [{"exposed": 4000, "units": 6, "lasts": 0}, {"exposed": 10_000, "units": 6, "lasts": 0}],
        "least_each": least, "sample_ratio_p": 1e-9,
        "margins": {"quality": 0.0, "errors": 0.02, "cost": null, "latency": null},
    })
}

fn plan(what: &str) -> Value {
    json!({
        "request": format!("Write about {what}"), "preferences": {"channels": []}, "quality_threshold": 0.0,
        "max_refinements": 0, "auto_approve": true,
    })
}

fn text(what: &str) -> Value {
    let mut body = plan(what);
    body["plan"] = json!({"steps": [{"key": "write", "tool_id": "writer_agent", "arguments": {"topic": what}}]});
    body
}

fn two_texts(what: &str) -> Value {
    let write = |key: &str, after: &[&str]| json!({"key": key, "tool_id": "writer_agent", "arguments": {"topic": what}, "depends_on": after});
    let mut body = plan(what);
    body["plan"] = json!({"steps": [write("one", &[]), write("two", &["one"])]});
    body
}

fn run(scenario: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(scenario)
}
