//! From the end of a run to the acknowledgement of its item.

use super::drain::Drain;
use super::event_loop::Worker;
use super::held::{HeldItem, JobKey, JobState};
use super::job::{Ended, Handler};
use contracts::work::{Call, JobResult, Released, Usage, job_result::Outcome};
use std::sync::Arc;

impl<H: Handler> Worker<H> {
    pub(super) fn ended(&mut self, key: JobKey, ended: Ended) {
        let handed_back = self.drain.as_ref().is_some_and(Drain::cancels);
        let Some(JobState::Running { unwanted, .. }) = self.held.job(key).map(|job| &job.state) else {
            return;
        };
        let outcome = match ended.outcome {
            _ if *unwanted => None,
            // The worker, not the coordinator, ended the run.
            None if handed_back => Some(Outcome::Released(Released::default())),
            outcome => outcome,
        };
        match outcome {
            Some(outcome) => self.report(key, outcome, ended.usage, ended.calls),
            None => self.finish(key),
        }
    }

    pub(super) fn report(&mut self, key: JobKey, outcome: Outcome, usage: Usage, calls: Vec<Call>) {
        let finished_unix_ms = (self.config.sources.unix_ms)();
        let Some(job) = self.held.job(key) else {
            return;
        };
        job.state = JobState::Reporting;
        let traceparent = job.trace.as_ref().map(ToString::to_string);
        let item = Arc::clone(&job.context);
        let result = JobResult {
            task_id: item.task_id.clone(),
            job_id: job.id.to_string(),
            dispatch: job.dispatch,
            run_id: job.run_id.to_string(),
            started_unix_ms: job.started_unix_ms,
            finished_unix_ms,
            usage: Some(usage),
            outcome: Some(outcome),
            calls,
            traceparent: traceparent.unwrap_or_default(),
        };
        self.results.push(&item.result_subject, key, result);
    }

    /// Nothing remains to be done for a job; the last one of an item ends the item.
    pub(super) fn finish(&mut self, key: JobKey) {
        let Some(job) = self.held.job(key) else {
            return;
        };
        job.state = JobState::Done;
        if self.held.item(key.item).is_some_and(HeldItem::is_done)
            && let Some(item) = self.held.remove(key.item)
        {
            if self.alone_running == Some(key.item) {
                self.alone_running = None;
            }
            self.acks.extend(item.deliveries);
        }
    }
}
