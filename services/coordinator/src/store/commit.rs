//! The one statement that writes a batch.
//!
//! Every update is guarded by the version it was decided on. Where one does not match, the last line
//! divides by zero, so that nothing of the batch is written: the inserts need no join with what was
//! won, and a lost race leaves no trace.

use super::labels::{self, LabelRow};
use super::rollouts::{self, AssignmentRow};
use super::runs::{self, RunRow};
use super::spending::{self, Reserved};
use super::{StoreError, notices, to_db};
use crate::notices::NewNotice;
use crate::tenant_budgets::TenantBudget;
use chrono::{DateTime, Utc};
use outbox::Told;
use sqlx::postgres::PgConnection;
use std::collections::{BTreeMap, HashMap, HashSet};
use workflow::decision::{CostRow, EffectRow, GateRow};
use workflow::ids::{RunId, TaskId};
use workflow::input::Cost;
use workflow::obligations::next_due;
use workflow::state::Task;
use workflow::time::{Millis, Timestamp};
use workflow::vocabulary::Status;

/// Everything one commit writes.
#[derive(Default)]
pub struct Rows {
    pub new: Vec<NewTask>,
    pub changed: Vec<ChangedTask>,
    pub payloads: Vec<(TaskId, u32, &'static str, std::sync::Arc<str>)>,
    pub events: Vec<EventRow>,
    pub notices: Vec<NewNotice>,
    pub gates: Vec<(TaskId, String, GateRow)>,
    pub effects: Vec<(TaskId, EffectRow)>,
    /// With the tenant.
    pub costs: Vec<(TaskId, String, CostRow)>,
    pub labels: Vec<LabelRow>,
    /// Of tasks whose tenant has a budget.
    pub reserved: Vec<Reserved>,
    /// Tenants for whose tasks something is set aside anew, with their budget and when its window began.
    pub windows: BTreeMap<String, (TenantBudget, Timestamp)>,
    pub runs: Vec<RunRow>,
    pub assignments: Vec<AssignmentRow>,
    pub acknowledged: Vec<BatchAck>,
}

impl Rows {
    /// There is nothing to write; acknowledgements alone need no commit.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty() && self.costs.is_empty() && self.runs.is_empty()
    }

    /// Adds the rows of other tasks.
    pub fn extend(&mut self, other: Self) {
        self.new.extend(other.new);
        self.changed.extend(other.changed);
        self.payloads.extend(other.payloads);
        self.events.extend(other.events);
        self.notices.extend(other.notices);
        self.gates.extend(other.gates);
        self.effects.extend(other.effects);
        self.costs.extend(other.costs);
        self.labels.extend(other.labels);
        self.reserved.extend(other.reserved);
        self.windows.extend(other.windows);
        self.runs.extend(other.runs);
        self.assignments.extend(other.assignments);
    }

    /// A gate, effect, cost or label that is written twice in a batch is written once, last; tasks are locked
    /// in the order of their ids, as every batch does.
    pub fn fold(&mut self) {
        self.changed.sort_unstable_by_key(|row| row.task.id);
        let mut seen = HashSet::new();
        keep_last(&mut self.gates, |(_, _, row)| seen.insert(row.gate));
        // Only the first row of an effect names its target.
        let mut targets = HashMap::new();
        for (_, row) in &mut self.effects {
            let target = targets
                .entry((row.job, row.ordinal))
                .or_insert_with(|| row.target.clone());
            if row.target.is_empty() {
                row.target.clone_from(target);
            }
        }
        let mut seen = HashSet::new();
        keep_last(&mut self.effects, |(_, row)| seen.insert((row.job, row.ordinal)));
        let mut seen = HashSet::new();
        keep_last(&mut self.costs, |(_, _, row)| seen.insert((row.job, row.run)));
        let mut seen = HashSet::new();
        keep_last(&mut self.labels, |row| seen.insert(row.key()));
    }
}

fn keep_last<T>(rows: &mut Vec<T>, mut first_seen: impl FnMut(&T) -> bool) {
    rows.reverse();
    rows.retain(|row| first_seen(row));
    rows.reverse();
}

/// A task that is accepted with this commit.
pub struct NewTask {
    pub task: Columns,
    pub tenant: String,
    /// For search, cut.
    pub request: String,
    pub created_at: Timestamp,
    /// Key and body hash.
    pub idempotency: Option<(String, String)>,
}

/// A task that changes with this commit.
pub struct ChangedTask {
    pub task: Columns,
    /// The version the decision was made on.
    pub base: u64,
}

/// What every write of a task sets.
pub struct Columns {
    pub id: TaskId,
    pub version: u64,
    pub status: Status,
    pub waiting: bool,
    pub next_at: Option<Timestamp>,
    pub state: String,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// An event as it is told.
pub struct EventRow {
    pub task: TaskId,
    pub sequence: u64,
    pub subject: String,
    pub body: std::sync::Arc<str>,
    /// W3C trace context of what brought it about.
    pub traceparent: std::sync::Arc<str>,
}

/// What the events stream acknowledged of an earlier commit.
#[derive(Clone, Copy, Debug)]
pub struct BatchAck {
    pub batch: i64,
    pub stream_created: i64,
    pub first: u64,
    pub last: u64,
}

/// The sweeper's column is kept coarse and is left alone while it is early enough, so that most
/// updates change no indexed column.
const COARSE: i64 = 5_000;

/// The value of `next_at` after a decision. `stored` is the row's.
pub fn next_at(task: &Task, stored: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let due = next_due(task).map(|t| Timestamp((t.0 / COARSE + 1) * COARSE));
    match (stored, due) {
        (Some(stored), Some(due)) if stored > now && stored <= due => Some(stored),
        // Looked at once more than needed, and then forgotten by the sweeper.
        (Some(stored), None) if stored > now && stored < now + Millis::secs(60) => Some(stored),
        _ => due,
    }
}

impl Columns {
    /// The columns of `task`.
    ///
    /// # Errors
    /// When the state cannot be written as JSON, for one because of a number that is none.
    pub fn of(task: &Task, next_at: Option<Timestamp>) -> Result<Self, serde_json::Error> {
        let waiting = matches!(
            task.status,
            Status::AwaitingPlanReview
                | Status::AwaitingStepApproval
                | Status::AwaitingApproval
                | Status::NeedsAttention
                | Status::Paused
        );
        Ok(Self {
            id: task.id,
            version: task.version,
            status: task.status,
            waiting,
            next_at,
            state: serde_json::to_string(task)?,
            updated_at: task.updated_at,
            finished_at: task.finished_at,
        })
    }
}

/// What the database says of a commit.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The outbox batch of its events, if it has any.
    pub batch: Option<i64>,
    /// The database's clock.
    pub clock: DateTime<Utc>,
    /// Runs that were kept for the first time.
    pub new_runs: HashSet<RunId>,
}

const STATEMENT: &str = "
WITH inserted AS (
    INSERT INTO task (id, tenant, version, status, done, waiting, next_at, state, request, created_at, updated_at, finished_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::bool[], $6::bool[], $7::timestamptz[],
        $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])
), keyed AS (
    INSERT INTO idempotency (tenant, key, body_hash, task_id)
    SELECT * FROM unnest($13::text[], $14::text[], $15::text[], $16::uuid[])
), updated AS (
    UPDATE task SET version = n.version, status = n.status, done = n.done, waiting = n.waiting, next_at = n.next_at,
        state = n.state, updated_at = n.updated_at, finished_at = n.finished_at
    FROM unnest($17::uuid[], $18::bigint[], $19::bigint[], $20::text[], $21::bool[], $22::bool[], $23::timestamptz[],
        $24::text[], $25::timestamptz[], $26::timestamptz[])
        AS n (id, base, version, status, done, waiting, next_at, state, updated_at, finished_at)
    WHERE task.id = n.id AND task.version = n.base
    RETURNING task.id
), batch AS (
    INSERT INTO outbox_batch (created_at) SELECT now() WHERE cardinality($27::uuid[]) > 0 RETURNING batch
), told AS (
    INSERT INTO event (task_id, sequence, subject, body, batch)
    SELECT e.*, (SELECT batch FROM batch)
    FROM unnest($27::uuid[], $28::bigint[], $29::text[], $30::text[]) AS e
), stored AS (
    INSERT INTO payload (task_id, no, kind, body)
    SELECT * FROM unnest($31::uuid[], $32::int[], $33::text[], $34::text[])
), acknowledged AS (
    UPDATE outbox_batch SET stream_created = a.created, first_sequence = a.first, last_sequence = a.last
    FROM unnest($35::bigint[], $36::bigint[], $37::bigint[], $38::bigint[]) AS a (batch, created, first, last)
    WHERE outbox_batch.batch = a.batch AND outbox_batch.last_sequence IS NULL
)
SELECT (SELECT batch FROM batch) AS batch, clock_timestamp() AS clock,
    1 / (CASE WHEN (SELECT count(*) FROM updated) = $39::bigint THEN 1 ELSE 0 END) AS guard";

const GATES: &str = "
INSERT INTO gate (id, task_id, tenant, kind, step_key, content_hash, opened_at, expires_at, action, actor, decided_at, feedback, assignee)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::text[], $10::text[], $11::timestamptz[], $12::text[], $13::text[])
ON CONFLICT (id) DO UPDATE SET assignee = excluded.assignee, action = excluded.action, actor = excluded.actor, decided_at = excluded.decided_at,
    feedback = excluded.feedback";

const EFFECTS: &str = "
INSERT INTO effect (job_id, ordinal, task_id, class, state, target, run_id, request_no, response_no, send_before, updated_at)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::int[],
    $9::int[], $10::timestamptz[], $11::timestamptz[])
ON CONFLICT (job_id, ordinal) DO UPDATE SET state = excluded.state, run_id = excluded.run_id,
    response_no = excluded.response_no, send_before = excluded.send_before, updated_at = excluded.updated_at,
    target = CASE WHEN excluded.target = '' THEN effect.target ELSE excluded.target END";

const COSTS: &str = "
INSERT INTO cost (job_id, run_id, task_id, usd_micros, input_tokens, output_tokens, calls, model, estimated, at, tenant,
    partly_priced)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::text[], $9::bool[], $10::timestamptz[], $11::text[], $12::bool[])
ON CONFLICT (job_id, run_id) DO UPDATE SET usd_micros = excluded.usd_micros, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, calls = excluded.calls, model = excluded.model, estimated = excluded.estimated,
    partly_priced = excluded.partly_priced
    WHERE cost.estimated";

/// Writes a batch, whole or not at all.
///
/// Gates, effects, costs, labels, runs that called something, grants of tenants with a budget, models that rollouts gave and
/// what webhooks are told of are rare; a batch that has some takes a transaction of several statements, every other one is a single round trip.
///
/// # Errors
/// A conflict where somebody else was first, a window that does not cover what is set aside; an outage where nobody
/// knows what was written.
pub async fn commit(connection: &mut PgConnection, rows: &Rows) -> Result<Committed, StoreError> {
    let rare = [
        rows.gates.len(),
        rows.effects.len(),
        rows.costs.len(),
        rows.labels.len(),
        rows.runs.len(),
        rows.notices.len(),
        rows.reserved.len(),
        rows.assignments.len(),
    ];
    if rare == [0; 8] {
        return statement(connection, rows).await;
    }
    let mut transaction = sqlx::Connection::begin(connection)
        .await
        .map_err(StoreError::at("begin a transaction"))?;
    if !rows.windows.is_empty() {
        let tenants: Vec<&str> = rows.windows.keys().map(String::as_str).collect();
        spending::lock(&mut transaction, &tenants).await?;
    }
    let mut committed = statement(&mut transaction, rows).await?;
    if !rows.gates.is_empty() {
        gates(&mut transaction, rows).await?;
    }
    if !rows.effects.is_empty() {
        effects(&mut transaction, rows).await?;
    }
    if !rows.costs.is_empty() {
        costs(&mut transaction, rows).await?;
    }
    if !rows.runs.is_empty() {
        committed.new_runs = runs::keep(&mut transaction, &rows.runs).await?;
    }
    labels::keep(&mut transaction, &rows.labels).await?;
    notices::add(&mut transaction, &rows.notices).await?;
    spending::reserve(&mut transaction, &rows.reserved).await?;
    rollouts::keep(&mut transaction, &rows.assignments).await?;
    if !rows.windows.is_empty() {
        hold_windows(&mut transaction, rows).await?;
    }
    transaction.commit().await.map_err(StoreError::at("commit"))?;
    Ok(committed)
}

/// Whoever set something aside before has committed: what is left now is what there is.
async fn hold_windows(connection: &mut PgConnection, rows: &Rows) -> Result<(), StoreError> {
    let windows = rows.windows.iter();
    let since: Vec<(&str, Timestamp)> = windows.map(|(tenant, (_, begin))| (tenant.as_str(), *begin)).collect();
    let used = spending::used(connection, &since).await?;
    let short = |(tenant, (budget, _)): &(&String, &(TenantBudget, Timestamp))| {
        !used.get(*tenant).is_some_and(|used| budget.covers(*used))
    };
    let tenants: Vec<String> = rows
        .windows
        .iter()
        .filter(short)
        .map(|(tenant, _)| tenant.clone())
        .collect();
    match tenants.as_slice() {
        [] => Ok(()),
        _ => Err(StoreError::OverWindow { tenants }),
    }
}

async fn statement(connection: &mut PgConnection, rows: &Rows) -> Result<Committed, StoreError> {
    let new = &rows.new;
    let keyed: Vec<(&NewTask, &(String, String))> = new
        .iter()
        .filter_map(|n| n.idempotency.as_ref().map(|k| (n, k)))
        .collect();
    let changed = &rows.changed;
    let told = told(&rows.events);
    let row: (Option<i64>, DateTime<Utc>, i32) = sqlx::query_as(STATEMENT)
        .bind(each(new, |n| n.task.id.0))
        .bind(each(new, |n| n.tenant.as_str()))
        .bind(each(new, |n| signed(n.task.version)))
        .bind(each(new, |n| n.task.status.as_str()))
        .bind(each(new, |n| n.task.status.is_terminal()))
        .bind(each(new, |n| n.task.waiting))
        .bind(each(new, |n| n.task.next_at.map(to_db)))
        .bind(each(new, |n| n.task.state.as_str()))
        .bind(each(new, |n| n.request.as_str()))
        .bind(each(new, |n| to_db(n.created_at)))
        .bind(each(new, |n| to_db(n.task.updated_at)))
        .bind(each(new, |n| n.task.finished_at.map(to_db)))
        .bind(each(&keyed, |(n, _)| n.tenant.as_str()))
        .bind(each(&keyed, |(_, k)| k.0.as_str()))
        .bind(each(&keyed, |(_, k)| k.1.as_str()))
        .bind(each(&keyed, |(n, _)| n.task.id.0))
        .bind(each(changed, |c| c.task.id.0))
        .bind(each(changed, |c| signed(c.base)))
        .bind(each(changed, |c| signed(c.task.version)))
        .bind(each(changed, |c| c.task.status.as_str()))
        .bind(each(changed, |c| c.task.status.is_terminal()))
        .bind(each(changed, |c| c.task.waiting))
        .bind(each(changed, |c| c.task.next_at.map(to_db)))
        .bind(each(changed, |c| c.task.state.as_str()))
        .bind(each(changed, |c| to_db(c.task.updated_at)))
        .bind(each(changed, |c| c.task.finished_at.map(to_db)))
        .bind(each(&told, |t| t.task))
        .bind(each(&told, |t| t.sequence))
        .bind(each(&told, |t| t.subjects.as_str()))
        .bind(each(&told, |t| t.bodies.as_str()))
        .bind(each(&rows.payloads, |p| p.0.0))
        .bind(each(&rows.payloads, |p| small(p.1)))
        .bind(each(&rows.payloads, |p| p.2))
        .bind(each(&rows.payloads, |p| &*p.3))
        .bind(each(&rows.acknowledged, |a| a.batch))
        .bind(each(&rows.acknowledged, |a| a.stream_created))
        .bind(each(&rows.acknowledged, |a| signed(a.first)))
        .bind(each(&rows.acknowledged, |a| signed(a.last)))
        .bind(signed(changed.len() as u64))
        .fetch_one(connection)
        .await
        .map_err(StoreError::at("write a batch"))?;
    Ok(Committed {
        batch: row.0,
        clock: row.1,
        new_runs: HashSet::new(),
    })
}

/// A row for each task; the events of a task follow each other.
fn told(events: &[EventRow]) -> Vec<Told> {
    let mut rows: Vec<Told> = Vec::new();
    for event in events {
        match rows.last_mut().filter(|row| row.task == event.task.0) {
            Some(row) => row.push(&event.subject, &event.body),
            None => rows.push(Told::new(
                event.task.0,
                signed(event.sequence),
                &event.subject,
                &event.body,
            )),
        }
    }
    rows
}

async fn gates(connection: &mut PgConnection, rows: &Rows) -> Result<(), StoreError> {
    let g = &rows.gates;
    sqlx::query(GATES)
        .bind(each(g, |(_, _, r)| r.gate.0))
        .bind(each(g, |(t, _, _)| t.0))
        .bind(each(g, |(_, tenant, _)| tenant.as_str()))
        .bind(each(g, |(_, _, r)| r.kind.as_str()))
        .bind(each(g, |(_, _, r)| r.step_key.clone()))
        .bind(each(g, |(_, _, r)| r.content_hash.to_string()))
        .bind(each(g, |(_, _, r)| to_db(r.opened_at)))
        .bind(each(g, |(_, _, r)| r.expires_at.map(to_db)))
        .bind(each(g, |(_, _, r)| r.decided.as_ref().map(|d| d.action.as_str())))
        .bind(each(g, |(_, _, r)| r.decided.as_ref().map(|d| d.actor.clone())))
        .bind(each(g, |(_, _, r)| r.decided.as_ref().map(|d| to_db(d.at))))
        .bind(each(g, |(_, _, r)| r.decided.as_ref().and_then(|d| d.feedback.clone())))
        .bind(each(g, |(_, _, r)| r.assignee.clone()))
        .execute(connection)
        .await
        .map_err(StoreError::at("write gates"))?;
    Ok(())
}

async fn effects(connection: &mut PgConnection, rows: &Rows) -> Result<(), StoreError> {
    let e = &rows.effects;
    sqlx::query(EFFECTS)
        .bind(each(e, |(_, r)| r.job.0))
        .bind(each(e, |(_, r)| small(r.ordinal)))
        .bind(each(e, |(t, _)| t.0))
        .bind(each(e, |(_, r)| r.class.as_str()))
        .bind(each(e, |(_, r)| r.state.as_str()))
        .bind(each(e, |(_, r)| r.target.as_str()))
        .bind(each(e, |(_, r)| r.run.0))
        .bind(each(e, |(_, r)| small(r.request.0)))
        .bind(each(e, |(_, r)| r.response.map(|p| small(p.0))))
        .bind(each(e, |(_, r)| to_db(r.send_before)))
        .bind(each(e, |(_, r)| to_db(r.at)))
        .execute(connection)
        .await
        .map_err(StoreError::at("write the effect ledger"))?;
    Ok(())
}

async fn costs(connection: &mut PgConnection, rows: &Rows) -> Result<(), StoreError> {
    let c = &rows.costs;
    sqlx::query(COSTS)
        .bind(each(c, |(_, _, r)| r.job.0))
        .bind(each(c, |(_, _, r)| r.run.0))
        .bind(each(c, |(t, _, _)| t.0))
        .bind(each(c, |(_, _, r)| r.cost.usd_micros.or(known_part(&r.cost))))
        .bind(each(c, |(_, _, r)| r.cost.input_tokens))
        .bind(each(c, |(_, _, r)| r.cost.output_tokens))
        .bind(each(c, |(_, _, r)| r.cost.calls))
        .bind(each(c, |(_, _, r)| r.cost.model.as_str()))
        .bind(each(c, |(_, _, r)| r.estimated))
        .bind(each(c, |(_, _, r)| to_db(r.at)))
        .bind(each(c, |(_, tenant, _)| tenant.as_str()))
        .bind(each(c, |(_, _, r)| known_part(&r.cost).is_some()))
        .execute(connection)
        .await
        .map_err(StoreError::at("write costs"))?;
    Ok(())
}

/// What is known of a price that is not known.
fn known_part(cost: &Cost) -> Option<i64> {
    Some(cost.known_usd_micros).filter(|known| cost.usd_micros.is_none() && *known > 0)
}

fn each<'a, T, R>(rows: &'a [T], column: impl Fn(&'a T) -> R) -> Vec<R> {
    rows.iter().map(column).collect()
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn small(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
