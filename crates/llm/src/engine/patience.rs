//! Waiting for a model that is away, where a part of the work has been paid for already: handed back, the whole
//! would be paid for again, and under a tight limit never come to an end.

use crate::deadline;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Sleeps until asking again may help; false: the work's time does not allow it, or is not known.
pub async fn waited(retry_after: Duration) -> bool {
    let again = Instant::now() + retry_after;
    let in_time = deadline::current().is_some_and(|deadline| again < deadline);
    if in_time {
        sleep_until(again).await;
    }
    in_time
}
