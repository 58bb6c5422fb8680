//! One attempt at a batch: load, decide, dispatch, write.

use super::draft::Draft;
use super::inbox::{Answer, Ask, Envelope, Receipt, Submit};
use super::{Writer, announce};
use crate::store::commit::{self, ChangedTask, Columns, NewTask, Rows};
use crate::store::{self, StoreError, idempotency};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::oneshot;
use workflow::decide::Env;
use workflow::decision::Reply;
use workflow::ids::TaskId;
use workflow::input::Input;
use workflow::vocabulary::Status;

/// Characters of the request kept for search.
const REQUEST_EXCERPT: usize = 500;

/// Bytes of a body that is kept in memory with its task.
const CACHED_BODY: usize = 16 << 10;

/// Everything of a batch that is about one task, in order of arrival.
pub(super) struct Group {
    pub task: TaskId,
    pub slots: Vec<Slot>,
}

/// An envelope and what will be answered.
pub(super) struct Slot {
    ask: Ask,
    reply: Option<oneshot::Sender<Answer>>,
    pub receipt: Option<Arc<Receipt>>,
    pub answer: Option<Answer>,
}

impl Slot {
    /// For the quarantine.
    pub fn describe(&self) -> String {
        match &self.ask {
            Ask::Submit(submit) => format!("submission: {:?}", submit.submission),
            Ask::Input(input) => format!("{input:?}"),
            Ask::Dispatch => "dispatch".to_owned(),
        }
    }

    pub fn is_poison_notice(&self) -> bool {
        matches!(self.ask, Ask::Input(Input::Poisoned { .. }) | Ask::Submit(_))
    }
}

pub(super) fn group(envelopes: Vec<Envelope>) -> Vec<Group> {
    let mut places: HashMap<TaskId, usize> = HashMap::with_capacity(envelopes.len());
    let mut groups: Vec<Group> = Vec::new();
    for Envelope {
        task,
        ask,
        reply,
        receipt,
    } in envelopes
    {
        let place = *places.entry(task).or_insert_with(|| {
            groups.push(Group {
                task,
                slots: Vec::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.slots.push(Slot {
                ask,
                reply,
                receipt,
                answer: None,
            });
        }
    }
    groups
}

pub(super) fn deliver(groups: Vec<Group>) {
    for slot in groups.into_iter().flat_map(|g| g.slots) {
        deliver_slot(slot);
    }
}

pub(super) fn deliver_slot(slot: Slot) {
    if let Some(receipt) = slot.receipt {
        receipt.settle();
    }
    if let Some(reply) = slot.reply {
        let answer = slot.answer.unwrap_or(Answer::Unavailable);
        // Whoever asked may have gone; what was decided stands.
        drop(reply.send(answer));
    }
}

/// Whoever stopped waiting for an answer will ask again; what they asked is not done behind their back.
pub(super) fn drop_unheard(groups: &mut Vec<Group>) {
    for group in groups.iter_mut() {
        group
            .slots
            .retain(|s| s.receipt.is_some() || s.reply.as_ref().is_none_or(|r| !r.is_closed()));
    }
    groups.retain(|g| !g.slots.is_empty());
}

/// Through a long outage nobody is left waiting; inputs from the streams stay.
pub(super) fn refuse_askers(groups: &mut Vec<Group>) {
    for group in groups.iter_mut() {
        for slot in group.slots.extract_if(.., |s| s.reply.is_some() && s.receipt.is_none()) {
            if let Some(reply) = slot.reply {
                drop(reply.send(Answer::Unavailable));
            }
        }
    }
    groups.retain(|g| !g.slots.is_empty());
}

/// Takes a batch apart: task by task, then input by input. None: it is one input already.
pub(super) fn split(groups: &mut Vec<Group>) -> Option<Vec<Vec<Envelope>>> {
    let inputs: usize = groups.iter().map(|g| g.slots.len()).sum();
    if inputs <= 1 {
        return None;
    }
    let envelope = |task: TaskId, s: Slot| Envelope {
        task,
        ask: s.ask,
        reply: s.reply,
        receipt: s.receipt,
    };
    let by_task = groups.len() > 1;
    let parts = std::mem::take(groups).into_iter().flat_map(|g| {
        let task = g.task;
        let all: Vec<Envelope> = g.slots.into_iter().map(|s| envelope(task, s)).collect();
        if by_task {
            vec![all]
        } else {
            all.into_iter().map(|e| vec![e]).collect()
        }
    });
    Some(parts.collect())
}

impl Writer {
    pub(super) async fn attempt(&mut self, groups: &mut [Group], fresh: bool) -> Result<(), StoreError> {
        let catalog = self.shared.catalog.current();
        let keys = self.known_keys(groups).await?;
        let mut drafts: Vec<Draft> = Vec::with_capacity(groups.len());
        let mut to_load: Vec<usize> = Vec::new();
        let mut keys = Keys {
            known: keys,
            of_this_batch: HashMap::new(),
        };
        {
            for (place, group) in groups.iter_mut().enumerate() {
                let cached = if fresh { None } else { self.cache.remove(&group.task) };
                match (is_submission(group), cached) {
                    // After an attempt of which nobody knows whether it was written, the task may be there.
                    (true, _) if fresh => to_load.push(place),
                    (true, _) => {
                        let env = self.shared.env(&catalog);
                        drafts.extend(submit(group, &mut keys, &env));
                    }
                    (false, Some(entry)) => {
                        let mut draft = Draft::on(entry);
                        decide_all(group, &mut draft, &self.shared.env(&catalog));
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
        }
        if !to_load.is_empty() {
            self.load(groups, &to_load, &mut keys, &mut drafts, &catalog).await?;
        }
        for draft in &mut drafts {
            self.dispatch(draft, &catalog);
        }
        self.write(&mut drafts).await?;
        self.look_up(&mut drafts);
        self.keep(drafts).await;
        Ok(())
    }

    async fn known_keys(&mut self, groups: &[Group]) -> Result<HashMap<Key, idempotency::Known>, StoreError> {
        let wanted: Vec<(String, String)> = groups
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
            return Ok(HashMap::new());
        }
        idempotency::known(self.connection().await?, &wanted).await
    }

    /// Reads the tasks of some groups and decides these groups on what is there now.
    async fn load(
        &mut self,
        groups: &mut [Group],
        places: &[usize],
        keys: &mut Keys,
        drafts: &mut Vec<Draft>,
        catalog: &workflow::tool::Catalog,
    ) -> Result<(), StoreError> {
        let ids: Vec<TaskId> = places.iter().filter_map(|p| groups.get(*p)).map(|g| g.task).collect();
        let loaded = store::load::tasks(self.connection().await?, &ids).await?;
        let mut loaded: HashMap<TaskId, store::load::Loaded> = loaded.into_iter().map(|l| (l.task.id, l)).collect();
        let shared = Arc::clone(&self.shared);
        let env = shared.env(catalog);
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
                None if is_submission(group) => drafts.extend(submit(group, keys, &env)),
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
    fn dispatch(&mut self, draft: &mut Draft, catalog: &workflow::tool::Catalog) {
        self.window.settle(&draft.entry.task);
        let shared = Arc::clone(&self.shared);
        let env = shared.env(catalog);
        let ready = draft.ready(env.now);
        if ready.is_empty() {
            self.window.had_its_turn(draft.entry.task.id);
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
        draft.dispatch(&serials, &env);
        for (serial, pool) in chosen {
            if draft.publish.contains(&serial) {
                self.window.add(draft.entry.task.id, serial, pool);
            }
        }
    }

    async fn write(&mut self, drafts: &mut [Draft]) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        self.fetch_attachments(drafts).await?;
        let mut rows = Rows::default();
        for draft in drafts.iter_mut().filter(|d| d.has_rows()) {
            add_rows(&mut rows, draft, now, &self.shared)?;
        }
        rows.fold();
        if rows.new.is_empty() && rows.changed.is_empty() && rows.costs.is_empty() {
            return Ok(());
        }
        rows.acknowledged = self.recordable();
        let committed = commit::commit(self.connection().await?, &rows).await?;
        self.acknowledged.clear();
        self.shared.clock.set(committed.clock);
        self.shared.metrics.committed(rows.new.len() + rows.changed.len());
        self.announce(drafts, &rows, committed.batch).await;
        Ok(())
    }

    /// Bodies that events carry and that are not in memory.
    async fn fetch_attachments(&mut self, drafts: &mut [Draft]) -> Result<(), StoreError> {
        let missing: Vec<_> = drafts
            .iter()
            .flat_map(|d| {
                let attached = d.changes.events.iter().flat_map(|e| &e.attach).flat_map(|(_, nos)| nos);
                attached
                    .filter(|no| !d.entry.bodies.contains_key(no))
                    .map(|no| (d.id(), *no))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let bodies = store::load::bodies(self.connection().await?, &missing).await?;
        for ((task, no), body) in bodies {
            if let Some(draft) = drafts.iter_mut().find(|d| d.id() == task) {
                draft.entry.bodies.insert(no, body);
            }
        }
        Ok(())
    }

    /// Tasks that go on stay in memory; then it is the turn of who waited for room.
    async fn keep(&mut self, drafts: Vec<Draft>) {
        for draft in drafts {
            if draft.is_written() {
                self.wake_after_pause(&draft.entry.task);
            }
            let mut entry = draft.entry;
            if entry.task.status.is_terminal() {
                self.window.settle(&entry.task);
            } else {
                // Large bodies are read again when they are needed.
                entry.bodies.retain(|_, body| body.len() <= CACHED_BODY);
                self.cache.insert(entry.task.id, entry);
            }
        }
        self.trim_cache();
        for task in self.window.next() {
            self.wake(task);
        }
    }
}

/// Tenant and key.
type Key = (String, String);

/// Idempotency keys a batch meets.
struct Keys {
    known: HashMap<Key, idempotency::Known>,
    /// Body hash and task of the first submission of a key in this batch.
    of_this_batch: HashMap<Key, (String, TaskId)>,
}

fn is_submission(group: &Group) -> bool {
    group.slots.iter().any(|s| matches!(s.ask, Ask::Submit(_)))
}

/// A new task, or the answer an earlier request of the same key had.
fn submit(group: &mut Group, keys: &mut Keys, env: &Env<'_>) -> Option<Draft> {
    let task = group.task;
    let slot = group.slots.first_mut()?;
    let Ask::Submit(Submit {
        tenant,
        submission,
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
            .of_this_batch
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
    match Draft::accepted(task, tenant, submission, env) {
        Ok(mut draft) => {
            draft.idempotency.clone_from(idempotency);
            // Only an accepted twin stands for the others of its key.
            if let Some((key, hash)) = idempotency {
                keys.of_this_batch
                    .insert((tenant.clone(), key.clone()), (hash.clone(), task));
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
            Ask::Input(input) => Answer::Reply {
                reply: draft.decide(input, env),
            },
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

fn add_rows(
    rows: &mut Rows,
    draft: &mut Draft,
    now: workflow::time::Timestamp,
    shared: &super::Shared,
) -> Result<(), StoreError> {
    let id = draft.id();
    let corrupt = |source| StoreError::Corrupt {
        what: "what was decided",
        task: id.0,
        source,
    };
    rows.costs.extend(draft.changes.costs.iter().map(|c| (id, c.clone())));
    if !draft.is_written() {
        return Ok(());
    }
    let next_at = commit::next_at(&draft.entry.task, draft.entry.next_at, now);
    draft.entry.next_at = next_at;
    let columns = Columns::of(&draft.entry.task, next_at).map_err(corrupt)?;
    match draft.base {
        Some(base) => rows.changed.push(ChangedTask { task: columns, base }),
        None => rows.new.push(NewTask {
            task: columns,
            tenant: draft.entry.task.tenant.clone(),
            request: draft
                .entry
                .submission
                .request
                .chars()
                .take(REQUEST_EXCERPT)
                .collect::<String>()
                .replace('\0', " "),
            created_at: draft.entry.task.created_at,
            idempotency: draft.idempotency.clone(),
        }),
    }
    for payload in &draft.changes.payloads {
        rows.payloads
            .push((id, payload.no.0, payload.kind, Arc::clone(&payload.body.text)));
    }
    for event in &draft.changes.events {
        rows.events
            .push(announce::event_row(&draft.entry, event, shared).map_err(corrupt)?);
    }
    let tenant = &draft.entry.task.tenant;
    rows.gates
        .extend(draft.changes.gates.iter().map(|g| (id, tenant.clone(), g.clone())));
    rows.effects
        .extend(draft.changes.effects.iter().map(|e| (id, e.clone())));
    Ok(())
}
