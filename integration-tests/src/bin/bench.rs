//! `make bench`: the load benchmark of the whole system, beside Restate where it is at hand.

use anyhow::{Context as _, Result, ensure};
use integration_tests::bench::cell::{Pace, measure, median};
use integration_tests::bench::completions::Completions;
use integration_tests::bench::configuration::{CONFIG, request, two_hundred_steps};
use integration_tests::bench::driver::{Target, run_many};
use integration_tests::bench::figures::{Roots, Run, roots};
use integration_tests::bench::restate::Restate;
use integration_tests::bench::{growth, table};
use integration_tests::system::{Options, System, workspace};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
/// Points of history at which the cells are measured again.
const HISTORY: [(usize, &str); 2] = [(10_000, "orchestrator-10k"), (100_000, "orchestrator-100k")];
const USAGE: &str = "bench [--quick | --at N [--seconds S]]
--quick   short cells, one round, no long history
--at N    our own system alone at N in flight for S seconds (default 20), to be watched while it runs
ORCHESTRATOR_PEERS=DIR   a prepared copy of the peers kit: Restate is measured in the same minutes";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(scope) = Scope::read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    // One thread: the load generator takes as little of the machine as it can.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .context("building the runtime")
        .and_then(|runtime| runtime.block_on(bench(scope)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Whole,
    Quick,
    One { in_flight: usize, seconds: u64 },
}

impl Scope {
    fn read(arguments: &[String]) -> Option<Self> {
        match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => Some(Self::Whole),
            ["--quick"] => Some(Self::Quick),
            ["--at", at] => Self::one(at, "20"),
            ["--at", at, "--seconds", seconds] => Self::one(at, seconds),
            _ => None,
        }
    }

    fn one(at: &str, seconds: &str) -> Option<Self> {
        let (in_flight, seconds) = (at.parse().ok()?, seconds.parse().ok()?);
        Some(Self::One { in_flight, seconds }).filter(|_| in_flight > 0 && seconds > 0)
    }

    fn pace(self) -> Pace {
        let (warm_up, window, rounds) = match self {
            Self::Whole => (1_000, 5, 3),
            Self::Quick => (500, 2, 1),
            Self::One { seconds, .. } => (2_000, seconds, 1),
        };
        Pace {
            warm_up: Duration::from_millis(warm_up),
            window: Duration::from_secs(window),
            rounds,
        }
    }
}

async fn bench(scope: Scope) -> Result<()> {
    let pace = scope.pace();
    if cfg!(debug_assertions) {
        println!("These are debug binaries: figures mean nothing. Build with --release.");
    }
    let system = System::start(Options::new("bench", CONFIG.to_owned())).await?;
    let bench = Bench::new(&system, pace).await?;
    if let Scope::One { in_flight, .. } = scope {
        let own = bench.target(&request());
        let (run, _) = measure("orchestrator", &own, &bench.roots, in_flight, pace).await?;
        let runs = [run];
        println!("{}\n\n{}", table::summary(&runs), table::by_process(&runs));
        return Ok(());
    }
    let restate = match std::env::var_os("ORCHESTRATOR_PEERS") {
        Some(kit) => Some(Restate::start(&PathBuf::from(kit)).await?),
        None => {
            println!("ORCHESTRATOR_PEERS is not set: Restate is NOT measured, there is nothing to compare with.");
            None
        }
    };
    let mut stored = 0;
    let mut runs = bench.beside(restate.as_ref(), &mut stored).await?;
    drop(restate);
    runs.extend(bench.two_hundred(&mut stored).await?);
    println!("\n{}\n\n{}", table::summary(&runs), table::by_process(&runs));
    if scope == Scope::Whole {
        runs.extend(bench.history(&mut stored).await?);
    }
    write(&runs)
}

/// A system under load.
struct Bench {
    roots: Roots,
    host: String,
    completions: Completions,
    pace: Pace,
}

impl Bench {
    async fn new(system: &System, pace: Pace) -> Result<Self> {
        let dev = system.dev()?;
        let host = dev
            .rest_url
            .strip_prefix("http://")
            .context("REST is not plain HTTP")?
            .trim_end_matches('/')
            .to_owned();
        let completions = Completions::subscribe(&dev.nats_url).await?;
        Ok(Self {
            roots: roots(&dev),
            host,
            completions,
            pace,
        })
    }

    fn target(&self, body: &Value) -> Target {
        let body = body.to_string().into();
        Target::Orchestrator {
            host: self.host.clone(),
            body,
            completions: self.completions.clone(),
        }
    }

    /// Both systems in turn, cell by cell, so that they meet the same machine.
    async fn beside(&self, restate: Option<&Restate>, stored: &mut usize) -> Result<Vec<Run>> {
        let own = self.target(&request());
        let mut medians = Vec::new();
        let mut cells: Vec<Vec<Run>> = vec![Vec::new(); IN_FLIGHT.len() * 2];
        for round in 1..=self.pace.rounds {
            for (number, in_flight) in IN_FLIGHT.into_iter().enumerate() {
                let (run, count) = measure("orchestrator", &own, &self.roots, in_flight, self.pace).await?;
                *stored += count;
                println!("round {round}: {}", line(&run));
                cells.get_mut(number).context("cell")?.push(run);
                if let Some(restate) = restate {
                    let target = Target::Restate {
                        host: restate.host.clone(),
                    };
                    let (run, _) = measure("restate", &target, &restate.roots(), in_flight, self.pace).await?;
                    println!("round {round}: {}", line(&run));
                    cells.get_mut(IN_FLIGHT.len() + number).context("cell")?.push(run);
                }
            }
        }
        medians.extend(cells.into_iter().filter_map(median));
        Ok(medians)
    }

    async fn two_hundred(&self, stored: &mut usize) -> Result<Vec<Run>> {
        let target = self.target(&two_hundred_steps());
        let mut runs = Vec::new();
        for in_flight in [1, 16] {
            let (run, count) = measure("orchestrator-200-steps", &target, &self.roots, in_flight, self.pace).await?;
            *stored += count;
            println!("{}", line(&run));
            runs.push(run);
        }
        Ok(runs)
    }

    /// The same cells with ever more stored tasks.
    async fn history(&self, stored: &mut usize) -> Result<Vec<Run>> {
        let target = self.target(&request());
        let mut points: Vec<Vec<Run>> = Vec::new();
        let mut from = Vec::new();
        for (count, name) in HISTORY {
            let missing = count.saturating_sub(*stored);
            println!("storing {missing} more tasks, {} in all", *stored + missing);
            run_many(&target, 256, missing).await?;
            *stored += missing;
            from.push(*stored);
            let mut cells: Vec<Vec<Run>> = vec![Vec::new(); IN_FLIGHT.len()];
            for _ in 0..self.pace.rounds {
                for (cell, in_flight) in cells.iter_mut().zip(IN_FLIGHT) {
                    let (run, count) = measure(name, &target, &self.roots, in_flight, self.pace).await?;
                    *stored += count;
                    println!("{}", line(&run));
                    cell.push(run);
                }
            }
            points.push(cells.into_iter().filter_map(median).collect());
        }
        if let [early, late] = points.as_slice() {
            println!("\n{}\n\n{}", table::summary(late), table::by_process(late));
            println!(
                "\nfrom {from:?} stored tasks on, {stored} at the end\n{}",
                growth::table(&growth::between(early, late))
            );
        }
        Ok(points.concat())
    }
}

fn line(run: &Run) -> String {
    format!(
        "{} at {}: {:.1} tasks/s, p50 {:.2} ms, p99 {:.2} ms, {:.3} CPU-s per 1,000, {:.1} MB",
        run.name,
        run.in_flight,
        run.tasks_per_second,
        run.p50_ms,
        run.p99_ms,
        run.cpu_seconds_per_1000,
        run.resident_mb
    )
}

fn write(runs: &[Run]) -> Result<()> {
    ensure!(!runs.is_empty(), "nothing was measured");
    let folder = workspace().join(".orchestrator");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("bench.json");
    let fresh = path.with_extension("json.new");
    std::fs::write(&fresh, serde_json::to_vec_pretty(&json!({"runs": runs}))?)?;
    std::fs::rename(&fresh, &path)?;
    println!("\nwritten: {}", std::fs::canonicalize(&path)?.display());
    Ok(())
}
