//! Work whose tool or channel is not here as it was planned. Another executor may have it, or this one in a moment: it
//! has just started, or its servers have changed and it has not heard of that. Or the tool is out of use, and a human may
//! be looking at what changed of it. So the job is handed back a few times, which costs no attempt, before it fails.

use super::ended;
use crate::effects::Stop;
use bus::worker::Ended;
use contracts::work::Job;
use std::time::Duration;

/// Nothing was done by whoever ends so.
const NOT_HERE: [&str; 4] = ["tool_changed", "tool_suspended", "tool_unknown", "unknown_channel"];
/// Before the job is dispatched again, in milliseconds; half a minute together. A server that starts is there by then.
const PAUSES: [u64; 6] = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

/// How a run ends that has no result.
pub fn or_ended(job: &Job, stop: Stop) -> Ended {
    match stop {
        Stop::Failed(failure) => match pause(&failure.code, job) {
            Some(pause) => Ended::postponed(&failure.code, failure.message, pause),
            None => ended(Stop::Failed(failure)),
        },
        other => ended(other),
    }
}

/// Of the dispatches so far each was an attempt, or was handed back; few were only sent again.
fn pause(code: &str, job: &Job) -> Option<Duration> {
    let handed_back = usize::try_from(job.dispatch.saturating_sub(job.attempt)).ok()?;
    let pause = PAUSES.get(handed_back).filter(|_| NOT_HERE.contains(&code))?;
    Some(Duration::from_millis(*pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_executor_may_have_is_handed_back_a_few_times_and_then_fails() {
        for (code, dispatch, attempt, expected) in [
            ("tool_changed", 1, 1, Some(500)),
            ("tool_unknown", 2, 1, Some(1_000)),
            ("unknown_channel", 3, 1, Some(2_000)),
            // Two attempts were made before.
            ("tool_changed", 3, 3, Some(500)),
            ("tool_changed", 6, 1, Some(15_000)),
            ("tool_changed", 7, 1, None),
            ("tool_changed", 70, 1, None),
            // Of an older coordinator.
            ("tool_changed", 0, 0, Some(500)),
            ("tool_suspended", 1, 1, Some(500)),
            ("tool_removed", 1, 1, None),
            ("tool_timeout", 1, 1, None),
            ("tool_error", 1, 1, None),
        ] {
            let job = Job {
                dispatch,
                attempt,
                ..Job::default()
            };
            let pause = pause(code, &job).map(|pause| pause.as_millis());
            assert_eq!(pause, expected, "{code} {dispatch} {attempt}");
        }
    }
}
