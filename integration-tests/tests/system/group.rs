//! Runs the behaviours of a group side by side on one system and tells which of them failed.

use anyhow::{Result, ensure};
use futures::{StreamExt as _, stream};
use integration_tests::oracle::Rule;
use integration_tests::system::Options;
use integration_tests::world::World;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Mostly they wait; two cores do the rest.
const PARALLEL: usize = 6;
/// A behaviour that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A behaviour under way.
pub type Behaviour = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Names and starts the behaviours of a group.
#[macro_export]
macro_rules! behaviours {
    ($($name:path),+ $(,)?) => {
        |world: std::sync::Arc<integration_tests::world::World>| -> Vec<(&'static str, $crate::group::Behaviour)> {
            vec![$((stringify!($name), Box::pin($name(std::sync::Arc::clone(&world))))),+]
        }
    };
}

/// Starts a system, runs the behaviours, stops it.
///
/// # Errors
/// One of them does not hold.
pub fn hold(
    label: &str,
    change: impl FnOnce(&mut Options),
    behaviours: fn(Arc<World>) -> Vec<(&'static str, Behaviour)>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let world = Arc::new(World::start(label, 7, Rule::AT_ONCE, change).await?);
        let wanted = std::env::var("ORCHESTRATOR_BEHAVIOUR").unwrap_or_default();
        let chosen = behaviours(Arc::clone(&world))
            .into_iter()
            .filter(|(name, _)| name.contains(&wanted));
        let outcomes: Vec<(&str, Result<()>, Duration)> = stream::iter(chosen)
            .map(|(name, behaviour)| observed(name, behaviour))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let mut failed = Vec::new();
        for (name, outcome, took) in &outcomes {
            match outcome {
                Ok(()) => println!("holds  {name} ({:.1} s)", took.as_secs_f64()),
                Err(error) => {
                    println!("FAILS  {name} ({:.1} s): {error:#}", took.as_secs_f64());
                    failed.push(*name);
                }
            }
        }
        if !failed.is_empty() {
            world.system.keep_state();
        }
        let left = world.system.stop();
        ensure!(
            failed.is_empty(),
            "{} of {} behaviours fail: {}",
            failed.len(),
            outcomes.len(),
            failed.join(", ")
        );
        left
    })
}

async fn observed(name: &'static str, behaviour: Behaviour) -> (&'static str, Result<()>, Duration) {
    let started = Instant::now();
    let outcome = match tokio::time::timeout(LIMIT, behaviour).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("not finished in {} s", LIMIT.as_secs())),
    };
    (name, outcome, started.elapsed())
}
