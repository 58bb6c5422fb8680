//! From inputs to drafts: load, decide, give room to what is ready.

use super::allowances::Counted;
use super::batch::Key;
use super::draft::Draft;
use super::groups::Group;
use super::inbox::{Answer, Ask, Submit};
use super::{Seen, Writer};
use crate::store::{self, StoreError, idempotency};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use workflow::decide::Env;
use workflow::decision::Reply;
use workflow::ids::TaskId;
use workflow::vocabulary::Status;

impl Writer {
    /// Decides every group and answers its slots. `fresh`: on rows that are read now.
    pub(super) async fn decide(&mut self, groups: &mut [Group], fresh: bool) -> Result<Vec<Draft>, StoreError> {
        let seen = self.shared.seen();
        let mut keys = self.keys(groups).await?;
        let mut drafts: Vec<Draft> = Vec::with_capacity(groups.len());
        let mut to_load: Vec<usize> = Vec::new();
        for (place, group) in groups.iter_mut().enumerate() {
            let cached = if fresh { None } else { self.cache.remove(&group.task) };
            match (group.is_submission(), cached) {
                // After an attempt of which nobody knows whether it was written, the task may be there.
                (true, _) if fresh => to_load.push(place),
                (true, _) => drafts.extend(submit(group, &mut keys, &self.shared.env(&seen))),
                (false, Some(entry)) => {
                    let mut draft = Draft::on(entry);
                    decide_all(group, &mut draft, &self.shared.env(&seen));
                    if settles_without_write(group, &draft) {
                        self.remembered.insert(group.task, draft.entry.task);
                        to_load.push(place);
                    } else {
                        drafts.push(draft);
                    }
                }
                (false, None) => to_load.push(place),
            }
        }
        if !to_load.is_empty() {
            self.load(groups, &to_load, &mut keys, &mut drafts, &seen).await?;
        }
        self.learn_allowances(&drafts).await?;
        self.count_settled(&drafts);
        for draft in &mut drafts {
            self.dispatch(draft, &seen);
        }
        self.fetch_attachments(&mut drafts).await?;
        Ok(drafts)
    }

    /// What is known of the idempotency keys these groups bring.
    async fn keys(&mut self, groups: &[Group]) -> Result<Keys, StoreError> {
        let wanted: Vec<Key> = groups
            .iter()
            .flat_map(|g| &g.slots)
            .filter_map(|s| match &s.ask {
                Ask::Submit(submit) => submit
                    .idempotency
                    .as_ref()
                    .map(|(key, _)| (submit.tenant.clone(), key.clone())),
                _ => None,
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Keys::default());
        }
        // A twin is answered after its first is written: both are in this batch, or the first in an earlier.
        let writing = self.writing.as_ref().map(|w| &w.batch);
        let unwritten = |key: &Key| {
            let first = std::iter::once(&self.next)
                .chain(writing)
                .find_map(|b| b.first_of(key))?;
            Some((key.clone(), first))
        };
        let first = wanted.iter().filter_map(unwritten).collect();
        let known = idempotency::known(self.reader().await?, &wanted).await?;
        Ok(Keys { known, first })
    }

    /// Reads the tasks of some groups and decides these groups on what is there now.
    async fn load(
        &mut self,
        groups: &mut [Group],
        places: &[usize],
        keys: &mut Keys,
        drafts: &mut Vec<Draft>,
        seen: &Seen,
    ) -> Result<(), StoreError> {
        let ids: Vec<TaskId> = places.iter().filter_map(|p| groups.get(*p)).map(|g| g.task).collect();
        let loaded = store::load::tasks(self.reader().await?, &ids).await?;
        let mut loaded: HashMap<TaskId, store::load::Loaded> = loaded.into_iter().map(|l| (l.task.id, l)).collect();
        let shared = Arc::clone(&self.shared);
        let env = shared.env(seen);
        for place in places {
            let Some(group) = groups.get_mut(*place) else { continue };
            match loaded.remove(&group.task) {
                Some(task) => {
                    let mut draft = Draft::on(task.into());
                    if let Some(remembered) = self.remembered.remove(&group.task) {
                        keep_marks(&mut draft.entry.task, &remembered);
                    }
                    decide_all(group, &mut draft, &env);
                    republish(&mut draft);
                    drafts.push(draft);
                }
                None if group.is_submission() => drafts.extend(submit(group, keys, &env)),
                None => {
                    self.remembered.remove(&group.task);
                    self.window.forget(group.task);
                    group.slots.iter_mut().for_each(|s| s.answer = Some(Answer::NotFound));
                }
            }
        }
        Ok(())
    }

    /// Gives ready jobs the room there is; the rest waits for its turn.
    fn dispatch(&mut self, draft: &mut Draft, seen: &Seen) {
        self.window.settle(&draft.entry.task);
        let counted = Counted::all(draft);
        let shared = Arc::clone(&self.shared);
        let env = shared.env(seen);
        let ready = draft.ready(env.now);
        if ready.is_empty() {
            self.window.had_its_turn(draft.entry.task.id);
            self.count(draft, counted);
            return;
        }
        let mut chosen = Vec::new();
        let mut taken: HashMap<super::window::Pool, usize> = HashMap::new();
        for job in ready {
            let pool = (job.kind, job.pool);
            let used = taken.entry(pool.clone()).or_default();
            if *used < self.window.room_for(&pool, draft.entry.task.id) {
                *used += 1;
                chosen.push((job.serial, pool));
            } else {
                let priority = draft.entry.submission.policy.priority;
                self.window
                    .wait(pool, priority, &draft.entry.task.tenant, draft.entry.task.id);
            }
        }
        self.window.had_its_turn(draft.entry.task.id);
        let serials: Vec<_> = chosen.iter().map(|(s, _)| *s).collect();
        let window = self.allowance(&draft.entry.task.tenant);
        draft.dispatch(&serials, window.as_ref(), &env);
        self.count(draft, counted);
        for (serial, pool) in chosen {
            if draft.publish.contains(&serial) {
                self.window.add(draft.entry.task.id, serial, pool);
            }
        }
    }

    /// Bodies that events carry, or that people spoke about, and that are not in memory.
    async fn fetch_attachments(&mut self, drafts: &mut [Draft]) -> Result<(), StoreError> {
        let missing: Vec<_> = drafts
            .iter()
            .flat_map(|d| {
                let attached = d.changes.events.iter().flat_map(|e| &e.attach).flat_map(|(_, nos)| nos);
                let judged = d.changes.labels.iter().map(|label| &label.quality.payload);
                let missing = attached.filter(|no| !d.entry.bodies.contains_key(no));
                missing
                    .chain(judged.filter(|no| d.body(**no).is_none()))
                    .map(|no| (d.id(), *no))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let bodies = store::load::bodies(self.reader().await?, &missing).await?;
        for ((task, no), body) in bodies {
            if let Some(draft) = drafts.iter_mut().find(|d| d.id() == task) {
                draft.entry.bodies.insert(no, body);
            }
        }
        Ok(())
    }
}

/// Idempotency keys the inputs meet.
#[derive(Default)]
struct Keys {
    known: HashMap<Key, idempotency::Known>,
    /// Body hash and task of the first submission of a key that is not yet known to be written.
    first: HashMap<Key, (String, TaskId)>,
}

/// A new task, or the answer an earlier request of the same key had.
fn submit(group: &mut Group, keys: &mut Keys, env: &Env<'_>) -> Option<Draft> {
    let task = group.task;
    let slot = group.slots.first_mut()?;
    let Ask::Submit(Submit {
        tenant,
        submission,
        reuse,
        idempotency,
    }) = &slot.ask
    else {
        return None;
    };
    if let Some((key, hash)) = idempotency {
        let place = (tenant.clone(), key.clone());
        let earlier = keys
            .known
            .get(&place)
            .map(|(hash, task, status)| (hash.clone(), *task, *status));
        let twin = keys
            .first
            .get(&place)
            .map(|(hash, task)| (hash.clone(), *task, Status::Submitted));
        if let Some((first_hash, first, status)) = earlier.or(twin) {
            // The same request again, after a commit whose answer was lost, is its own earlier one.
            let replayed = first != task;
            slot.answer = Some(if first_hash == *hash {
                Answer::Accepted {
                    task: first,
                    status,
                    replayed,
                }
            } else {
                Answer::KeyReused
            });
            return None;
        }
    }
    match Draft::accepted(task, tenant, submission, reuse.as_deref(), env) {
        Ok(mut draft) => {
            draft.idempotency.clone_from(idempotency);
            // Only an accepted twin stands for the others of its key.
            if let Some((key, hash)) = idempotency {
                keys.first.insert((tenant.clone(), key.clone()), (hash.clone(), task));
            }
            slot.answer = Some(Answer::Accepted {
                task,
                status: Status::Submitted,
                replayed: false,
            });
            Some(draft)
        }
        Err(refusal) => {
            slot.answer = Some(Answer::Refused(refusal));
            None
        }
    }
}

fn decide_all(group: &mut Group, draft: &mut Draft, env: &Env<'_>) {
    for slot in &mut group.slots {
        slot.answer = Some(match &slot.ask {
            Ask::Input(input) => {
                let observed = slot.took.and_then(|took| draft.observe(input, took));
                let reply = match &slot.account {
                    Some(account) => draft.decide_told(input, account, env),
                    None => draft.decide(input, env),
                };
                let counted = !matches!(reply, Reply::Ignored(_));
                draft.observed.extend(observed.filter(|_| counted));
                Answer::Reply { reply }
            }
            Ask::Dispatch => Answer::Reply { reply: Reply::Done },
            // Its commit was lost on the way back: the task is there, so it was accepted.
            Ask::Submit(_) => Answer::Accepted {
                task: draft.id(),
                status: draft.entry.task.status,
                replayed: false,
            },
        });
    }
}

/// A cache may only propose writes: every other outcome is decided again on a fresh row.
fn settles_without_write(group: &Group, draft: &Draft) -> bool {
    let asked = group.slots.iter().any(|s| !matches!(s.ask, Ask::Dispatch));
    asked && !draft.is_written()
}

/// Where a message was stored is known in memory before it is written.
fn keep_marks(task: &mut workflow::state::Task, remembered: &workflow::state::Task) {
    use workflow::state::JobState;
    for known in &remembered.jobs {
        let JobState::Queued {
            stored: Some(stored), ..
        } = known.state
        else {
            continue;
        };
        let id = task.id.job(known.serial);
        workflow::decide::note_published(task, id, known.dispatch, stored);
    }
}

/// A repeated or stale input publishes again what of its task is queued and not known to be stored.
fn republish(draft: &mut Draft) {
    use workflow::state::JobState;
    if draft.is_written() {
        return;
    }
    let unknown: HashSet<_> = draft
        .entry
        .task
        .jobs
        .iter()
        .filter(|j| matches!(j.state, JobState::Queued { stored: None, .. }))
        .filter(|j| !draft.lookups.iter().any(|l| l.serial == j.serial))
        .map(|j| j.serial)
        .collect();
    let id = draft.id();
    draft.lookups.extend(
        draft
            .entry
            .task
            .jobs
            .iter()
            .filter(|j| unknown.contains(&j.serial))
            .map(|j| workflow::decision::Lookup {
                job: id.job(j.serial),
                serial: j.serial,
                dispatch: j.dispatch,
                stored: None,
            }),
    );
}
