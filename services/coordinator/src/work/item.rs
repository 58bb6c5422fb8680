//! A message to be, and what it carries.

use super::compose::{MAX_BYTES, MAX_JOBS};
use bus::Outgoing;
use contracts::trace;
use contracts::work::WorkItem;
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use tracing::Span;
use workflow::ids::{JobId, TaskId};

/// Bytes of a message that several tasks share: none of them can make it too large for the others.
const MAX_SHARED_BYTES: usize = MAX_BYTES / 2;

/// The dispatches of one task that a message carries.
pub struct Carried {
    pub task: TaskId,
    pub jobs: Vec<(JobId, u32)>,
}

/// A message and the dispatches it carries.
pub struct Item {
    pub subject: String,
    /// Of the first dispatch.
    pub message_id: String,
    pub work: WorkItem,
    /// By task.
    pub carried: Vec<Carried>,
    /// Bodies that did not fit and must be blobs before the message goes out.
    pub spilled: Vec<(TaskId, Arc<str>)>,
    /// First runs that are short: they may share a message with those of other tasks.
    pub shares: bool,
}

impl Item {
    pub fn message(&self) -> Outgoing {
        let mut message = Outgoing::new(self.subject.clone(), self.message_id.clone(), self.work.encode_to_vec());
        // A header can speak for one task only; inside the message each has its own.
        if self.work.more.is_empty() && !self.work.traceparent.is_empty() {
            message
                .headers
                .push((trace::TRACEPARENT, self.work.traceparent.clone()));
        }
        message
    }

    /// Its jobs belong below the transition that dispatched them, where that is traced.
    pub fn caused_by(mut self, transition: &Span) -> Self {
        if let Some(context) = trace::of(transition) {
            self.work.traceparent = context.to_string();
        }
        self
    }

    fn jobs(&self) -> usize {
        self.carried.iter().map(|c| c.jobs.len()).sum()
    }

    /// What is the same in both is said once.
    fn take_along(&mut self, other: Self) {
        self.carried.extend(other.carried);
        self.spilled.extend(other.spilled);
        self.work.more.push(WorkItem {
            kind: String::new(),
            pool: String::new(),
            result_subject: String::new(),
            ..other.work
        });
    }
}

/// Puts short work of several tasks for the same workers into the same messages.
pub fn share(items: Vec<Item>) -> Vec<Item> {
    // Where the last message of a subject is, and how large.
    let mut open: HashMap<String, (usize, usize)> = HashMap::new();
    let mut messages: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        let size = item.work.encoded_len();
        if !item.shares || size > MAX_SHARED_BYTES {
            messages.push(item);
            continue;
        }
        if let Some((place, bytes)) = open.get_mut(&item.subject)
            && let Some(message) = messages.get_mut(*place)
            && message.jobs() + item.jobs() <= MAX_JOBS
            && *bytes + size <= MAX_SHARED_BYTES
        {
            *bytes += size;
            message.take_along(item);
            continue;
        }
        open.insert(item.subject.clone(), (messages.len(), size));
        messages.push(item);
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::work::job::Spec;
    use contracts::work::{Job, StepSpec};
    use uuid::Uuid;
    use workflow::ids::Serial;

    /// Each job brings `bytes` bytes that are no payload.
    fn item(task: u128, subject: &str, jobs: u32, bytes: usize, shares: bool) -> Item {
        let task = TaskId(Uuid::from_u128(task << 64));
        let dispatches: Vec<(JobId, u32)> = (1..=jobs).map(|n| (task.job(Serial(n)), 1)).collect();
        let job = |(id, dispatch): &(JobId, u32)| Job {
            job_id: id.to_string(),
            dispatch: *dispatch,
            spec: Some(Spec::Step(StepSpec {
                when_json: "x".repeat(bytes),
                ..StepSpec::default()
            })),
            ..Job::default()
        };
        Item {
            subject: subject.to_owned(),
            message_id: task.to_string(),
            work: WorkItem {
                task_id: task.to_string(),
                kind: "execute".to_owned(),
                jobs: dispatches.iter().map(job).collect(),
                ..WorkItem::default()
            },
            carried: vec![Carried { task, jobs: dispatches }],
            spilled: Vec::new(),
            shares,
        }
    }

    fn jobs(messages: &[Item]) -> Vec<usize> {
        messages.iter().map(Item::jobs).collect()
    }

    #[test]
    fn short_work_for_the_same_workers_shares_messages_up_to_their_bounds() {
        let messages = share((1..=20).map(|task| item(task, "a", 3, 100, true)).collect());
        assert_eq!(jobs(&messages), [15, 15, 15, 15]);
        let first = &messages[0];
        assert_eq!((first.work.more.len(), first.carried.len()), (4, 5));
        assert_eq!(first.message_id, first.carried[0].task.to_string());
        assert_eq!(
            (first.work.kind.as_str(), first.work.more[0].kind.as_str()),
            ("execute", "")
        );

        let large = share(
            (1..=5)
                .map(|task| item(task, "a", 1, MAX_SHARED_BYTES / 3, true))
                .collect(),
        );
        assert_eq!(jobs(&large), [2, 2, 1]);
        assert!(
            large
                .iter()
                .all(|message| message.message().payload.len() <= MAX_SHARED_BYTES)
        );
        let alone = share((1..=2).map(|task| item(task, "a", 1, MAX_SHARED_BYTES, true)).collect());
        assert_eq!(jobs(&alone), [1, 1]);
    }

    #[test]
    fn long_work_and_work_for_others_travels_by_itself() {
        let messages = share(vec![
            item(1, "a", 1, 0, true),
            item(2, "b", 1, 0, true),
            item(3, "a", 1, 0, false),
            item(4, "a", 1, 0, true),
        ]);
        assert_eq!(jobs(&messages), [2, 1, 1]);
        assert!(messages[2].work.more.is_empty());
    }
}
