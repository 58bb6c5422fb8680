//! When a run ends by itself.

use std::time::Duration;
use tokio::time::Instant;

/// For telling how it ended.
const MARGIN: Duration = Duration::from_millis(300);

/// The instant a run has to end by itself, so that it can still say why, and what it cost.
pub fn give_up_at(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub(MARGIN.min(left / 10)).unwrap_or(deadline)
}
