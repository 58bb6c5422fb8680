//! What one commit will write, gathered while the last one is written.

use super::announce;
use super::draft::Draft;
use super::groups::Group;
use super::inbox::Envelope;
use crate::judges::labels;
use crate::store::StoreError;
use crate::store::commit::{self, ChangedTask, Columns, NewTask, Rows};
use crate::store::spending::Reserved;
use crate::tenant_budgets::TenantBudget;
use std::collections::HashMap;
use std::sync::Arc;
use workflow::ids::TaskId;
use workflow::time::Timestamp;

/// Characters of the request kept for search.
const REQUEST_EXCERPT: usize = 500;

/// Tenant and idempotency key.
pub(super) type Key = (String, String);

/// Decided inputs, each task in one place only.
#[derive(Default)]
pub(super) struct Batch {
    pub groups: Vec<Group>,
    pub drafts: Vec<Draft>,
    pub rows: Rows,
    inputs: usize,
    places: HashMap<TaskId, usize>,
    /// Body hash and task of the first submission of a key.
    keys: HashMap<Key, (String, TaskId)>,
}

impl Batch {
    /// Adds groups and what was decided on them.
    ///
    /// # Errors
    /// A draft cannot be written down; nothing is added.
    pub fn add(
        &mut self,
        groups: &mut Vec<Group>,
        mut drafts: Vec<Draft>,
        shared: &super::Shared,
    ) -> Result<(), StoreError> {
        let now = shared.clock.now();
        let mut rows = Rows::default();
        for draft in drafts.iter_mut().filter(|d| d.has_rows()) {
            add_rows(&mut rows, draft, now, shared)?;
        }
        self.rows.extend(rows);
        self.inputs += groups.iter().map(|g| g.slots.len()).sum::<usize>();
        self.groups.append(groups);
        for draft in drafts {
            if let Some((key, hash)) = &draft.idempotency {
                let key = (draft.entry.task.tenant.clone(), key.clone());
                self.keys.insert(key, (hash.clone(), draft.id()));
            }
            self.places.insert(draft.id(), self.drafts.len());
            self.drafts.push(draft);
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn has(&self, task: TaskId) -> bool {
        self.places.contains_key(&task)
    }

    pub fn draft_mut(&mut self, task: TaskId) -> Option<&mut Draft> {
        self.places.get(&task).and_then(|place| self.drafts.get_mut(*place))
    }

    /// The submission of a key that is not yet known to be written.
    pub fn first_of(&self, key: &Key) -> Option<(String, TaskId)> {
        self.keys.get(key).cloned()
    }

    /// Its inputs, undecided again.
    pub fn into_envelopes(self) -> impl Iterator<Item = Envelope> {
        self.groups.into_iter().flat_map(Group::into_envelopes)
    }
}

/// What is set aside for a task whose tenant has a budget.
fn add_reserved(rows: &mut Rows, draft: &Draft, budget: &TenantBudget, now: Timestamp) {
    let task = &draft.entry.task;
    if draft.reserved_before.is_zero() && task.reserved.is_zero() {
        return;
    }
    rows.reserved.push(Reserved {
        task: task.id,
        tenant: task.tenant.clone(),
        money: task.reserved,
    });
    if budget.limit.counts(draft.granted) {
        rows.windows.insert(task.tenant.clone(), (*budget, budget.begin(now)));
    }
}

fn add_rows(rows: &mut Rows, draft: &mut Draft, now: Timestamp, shared: &super::Shared) -> Result<(), StoreError> {
    let id = draft.id();
    let corrupt = |source| StoreError::Corrupt {
        what: "what was decided",
        task: id.0,
        source,
    };
    let tenant = &draft.entry.task.tenant;
    let costs = draft.changes.costs.iter();
    rows.costs.extend(costs.map(|c| (id, tenant.clone(), c.clone())));
    rows.runs.append(&mut draft.runs.clone());
    if !draft.is_written() {
        return Ok(());
    }
    if let Some(budget) = shared.tenant_budgets.of(tenant) {
        add_reserved(rows, draft, budget, now);
    }
    rows.assignments
        .extend(shared.rollouts.current().rows(&draft.entry, &draft.publish));
    draft.trace();
    let traceparent = draft.traceparent();
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
        rows.notices
            .extend(shared.subscriptions.notices(event.kind, id, event.sequence));
        rows.events
            .push(announce::event_row(&draft.entry, event, &traceparent, shared).map_err(corrupt)?);
    }
    for label in &draft.changes.labels {
        let of = labels::Of {
            task: &draft.entry.task,
            policy: &draft.entry.submission.policy,
            quality: &label.quality,
            document: draft.body(label.quality.payload),
        };
        rows.labels.extend(labels::decided(of, label));
    }
    let tenant = &draft.entry.task.tenant;
    rows.gates
        .extend(draft.changes.gates.iter().map(|g| (id, tenant.clone(), g.clone())));
    rows.effects
        .extend(draft.changes.effects.iter().map(|e| (id, e.clone())));
    Ok(())
}
