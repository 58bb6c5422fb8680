//! How long the work that asks may take. It travels with the work, as a caller's deadline does in gRPC: engines ask
//! many times, side by side, and all of it must end in time to be told.

use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work`, whose calls of models end by `deadline`: what they cost until then is told, where dropping the
/// work would forget it.
pub async fn by<T>(deadline: Instant, work: impl Future<Output = T>) -> T {
    DEADLINE.scope(deadline, work).await
}

/// Until when a call may take; none: nobody set a bound.
pub(crate) fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}
