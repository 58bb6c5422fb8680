//! Waiting for conditions instead of sleeping.

use anyhow::{Result, bail};
use std::future::Future;
use std::time::{Duration, Instant};

/// Asks until there is an answer.
///
/// # Errors
/// No answer within `limit`, with the last refusal; `probe` answers `Err` for "not yet, because".
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let started = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(reason) if started.elapsed() >= limit => {
                bail!("{what}: not within {:.1} s; last seen: {reason:#}", limit.as_secs_f64());
            }
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
