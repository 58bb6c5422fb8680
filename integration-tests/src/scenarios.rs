//! One fault, many running tasks, and what became of them.

use crate::checker::{self, Findings, Rules};
use crate::duplicator::Duplicator;
use crate::eventually::eventually;
use crate::faults::{self, SERVICES};
use crate::load::{self, Load};
use crate::oracle::Rule;
use crate::world::World;
use anyhow::{Context as _, Result, ensure};
use std::time::{Duration, Instant};

/// Longest time from the last fault until every task has ended or waits: a poisoned item is lost five
/// times before it is given up, each time with its lease and a wait for a worker of its own.
const SETTLE_LIMIT: Duration = Duration::from_secs(420);
/// Until so many calls have begun.
const RUNNING_LIMIT: Duration = Duration::from_secs(120);
/// With fewer tasks nothing runs any more when what was killed is back.
const TWICE_FROM: usize = 100;
/// A text that has not been sent by then went by before it was looked for.
const CUT_LIMIT: Duration = Duration::from_millis(800);

/// What happens while tasks run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Every process of the kind is killed, and with many tasks once more when it is back.
    Kill(&'static str),
    /// All six services are killed in one moment.
    KillAll,
    /// The NATS server is killed.
    NatsKilled,
    /// It is killed and its data directory deleted.
    NatsLost,
    /// It is killed and an older copy of its data put back.
    NatsOlder,
    /// Postgres stops without a checkpoint.
    PostgresImmediate,
    /// Every work item and result is delivered twice.
    Twice,
    /// One item kills every worker that takes it.
    Poison,
    /// The connection to Postgres is cut when it has read a batch and not yet answered.
    CommitCut,
}

impl Fault {
    /// All that need nothing but signals, files and messages: every one but [`Fault::CommitCut`], which needs
    /// a world behind a proxy.
    pub fn all() -> Vec<Self> {
        let kills = SERVICES.into_iter().map(Self::Kill);
        let others = [
            Self::KillAll,
            Self::NatsKilled,
            Self::NatsLost,
            Self::NatsOlder,
            Self::PostgresImmediate,
            Self::Twice,
            Self::Poison,
        ];
        kills.chain(others).collect()
    }

    /// Name in reports and items.
    pub fn name(self) -> String {
        match self {
            Self::Kill(kind) => format!("kill-{kind}"),
            Self::KillAll => "kill-all-services".to_owned(),
            Self::NatsKilled => "nats-killed".to_owned(),
            Self::NatsLost => "nats-data-deleted".to_owned(),
            Self::NatsOlder => "nats-older-copy".to_owned(),
            Self::PostgresImmediate => "postgres-immediate".to_owned(),
            Self::Twice => "every-message-twice".to_owned(),
            Self::Poison => "one-poison-input".to_owned(),
            Self::CommitCut => "cut-during-commit".to_owned(),
        }
    }

    fn rules(self, label: &str, count: usize) -> Rules {
        let deaths = match self {
            Self::Kill("executor") if count >= TWICE_FROM => 2,
            Self::Kill("executor") | Self::KillAll => 1,
            // After two losses a job runs alone: then nothing dies with it.
            Self::Poison => 2,
            _ => 0,
        };
        Rules {
            cut_off_effects: deaths > 0,
            deaths,
            poisoned: (self == Self::Poison).then(|| load::item(label, poisoned_number(count))),
        }
    }
}

/// A task whose three steps are plain work.
fn poisoned_number(count: usize) -> usize {
    (count / 2).next_multiple_of(10)
}

/// What a scenario showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Tasks accepted.
    pub tasks: usize,
    /// From the first submission until all had settled.
    pub took: Duration,
    /// What the checker found.
    pub findings: Findings,
}

/// Runs `count` tasks, injects the fault while they run, waits until all have settled, and checks.
///
/// # Errors
/// The scenario could not be carried out, or tasks go on forever.
pub async fn run(world: &World, fault: Fault, count: usize) -> Result<Outcome> {
    let label = fault.name();
    let rules = fault.rules(&label, count);
    if let Some(item) = &rules.poisoned {
        world.oracle.order(&format!("{item}-left"), Rule::Poison);
    }
    let started = Instant::now();
    let before = world.oracle.call_count();
    let under_way = tokio::spawn({
        let (rest, label) = (world.rest.clone(), label.clone());
        async move { Load::submit(&rest, &label, count).await }
    });
    let injected = inject(world, fault, before, count)
        .await
        .with_context(|| format!("injecting {label}"));
    let load = under_way.await.context("submitting")?;
    injected?;
    let load = load?;
    checker::settle(&world.rest, &load, SETTLE_LIMIT).await?;
    let took = started.elapsed();
    let nats_url = world.system.dev()?.nats_url;
    let findings = checker::check(&world.rest, &world.oracle, &nats_url, &load, &rules).await?;
    Ok(Outcome {
        tasks: load.tasks.len(),
        took,
        findings,
    })
}

async fn inject(world: &World, fault: Fault, before: usize, count: usize) -> Result<()> {
    let system = &world.system;
    // Some calls under way, then about half of all.
    let (early, half) = (before + count / 5, before + count * 3 / 2);
    match fault {
        Fault::Kill(kind) => {
            running(world, early).await?;
            faults::kill(system, &[kind]).await?;
            if count < TWICE_FROM {
                return Ok(());
            }
            running(world, half).await?;
            faults::kill(system, &[kind]).await
        }
        Fault::KillAll => {
            running(world, half).await?;
            faults::kill(system, &SERVICES).await
        }
        Fault::NatsKilled => {
            running(world, early).await?;
            faults::kill(system, &["nats"]).await?;
            if count < TWICE_FROM {
                return Ok(());
            }
            running(world, half).await?;
            faults::kill(system, &["nats"]).await
        }
        Fault::NatsLost => {
            running(world, half).await?;
            faults::lose_nats(system).await
        }
        Fault::NatsOlder => {
            running(world, early).await?;
            let copy = faults::copy_nats(system)?;
            running(world, half).await?;
            faults::restore_nats(system, &copy).await
        }
        Fault::PostgresImmediate => {
            running(world, early).await?;
            faults::stop_postgres_immediately(system).await?;
            if count < TWICE_FROM {
                return Ok(());
            }
            running(world, half).await?;
            faults::stop_postgres_immediately(system).await
        }
        Fault::Twice => {
            let duplicator = Duplicator::start(world.service_client().await?).await?;
            running(world, before + count * 3).await?;
            ensure!(duplicator.copies() > 0, "nothing was copied");
            Ok(())
        }
        Fault::Poison => Ok(()),
        Fault::CommitCut => cut_commits(world, count).await,
    }
}

/// Cuts where the batch carries a submission, a step's result, or the word itself. The texts are looked
/// for in what is sent to Postgres, so that they hit whatever the statements look like.
async fn cut_commits(world: &World, count: usize) -> Result<()> {
    let proxy = world.proxy.as_ref().context("this world has no proxy")?;
    let label = Fault::CommitCut.name();
    for number in (count / 10..count).step_by((count / 12).max(1)) {
        let item = load::item(&label, number);
        for pattern in [
            format!("Report on {item}"),
            format!("Findings about {item}-left"),
            "COMMIT".to_owned(),
        ] {
            proxy.cut_after_pattern(pattern.as_bytes());
            let cut = eventually("a connection was cut", CUT_LIMIT, || async {
                ensure!(!proxy.is_armed(), "{pattern} was not seen");
                Ok(())
            });
            // What went by before it was looked for is no fault of anyone's.
            drop(cut.await);
        }
    }
    proxy.calm();
    let cuts = proxy.pattern_cuts();
    println!("     {label}: {cuts} connections cut");
    ensure!(cuts >= 3, "only {cuts} connections were cut");
    Ok(())
}

/// Waits until so many calls have begun.
async fn running(world: &World, calls: usize) -> Result<()> {
    eventually("tasks are running", RUNNING_LIMIT, || async {
        let seen = world.oracle.call_count();
        ensure!(seen >= calls, "{seen} of {calls} calls");
        Ok(())
    })
    .await
}
