//! After the commit: work goes out, events are told, queued jobs are looked up.

use super::draft::{Draft, Entry};
use super::recovery::late;
use super::{STATEMENT, Shared, Writer};
use crate::store::commit::{BatchAck, EventRow, Rows};
use crate::store::{self};
use crate::work::body;
use crate::work::compose::{self, Route};
use crate::work::item::{self, Carried, Item};
use bus::lookup::Lookup;
use bus::publish::bursts::{Bursts, MAX_BURST, PendingBurst};
use bus::publish::{MAX_PAYLOAD, PendingAck, PublishError};
use bus::{Outgoing, Token};
use outbox::{Attachment, Checked, CloudEvent, MAX_INLINE_RESULT};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Span, debug, warn};
use workflow::decision::{self, Event};
use workflow::ids::{JobId, TaskId};
use workflow::input::{Found, Input};
use workflow::state::{JobState, Stored, Unit};

/// The events of a commit on their way.
pub(super) struct SentEvents {
    stream: Checked,
    /// None was left out.
    complete: bool,
    single: Vec<PendingAck>,
    bursts: Vec<PendingBurst>,
    /// Of the publications, until they are acknowledged.
    spans: Vec<Span>,
}

/// From so many events on they are acknowledged together.
const BURST: usize = 6;

/// A work item on its way: which dispatches, and the stream's word to come.
type SentItem = (Vec<Carried>, PendingAck);

/// Wait for the stream's word.
const ACK_DEADLINE: Duration = Duration::from_secs(5);

/// Queued this long while its pool has free slots, a message is taken for forgotten.
const UNCLAIMED: workflow::time::Millis = workflow::time::Millis::secs(60);

/// What a commit published and the streams acknowledged.
#[derive(Default)]
pub(super) struct Report {
    /// All its events; none where one was not acknowledged.
    pub events: Option<(Checked, BatchAck)>,
    pub work: Vec<StoredItem>,
}

/// A work item in its stream.
pub(super) struct StoredItem {
    pub carried: Vec<Carried>,
    pub stored: Stored,
    /// Written with a commit of its own: nothing else will write the task soon.
    pub keep: bool,
}

/// An event as it is stored and told.
pub(super) fn event_row(
    entry: &Entry,
    event: &Event,
    traceparent: &Arc<str>,
    shared: &Shared,
) -> Result<EventRow, serde_json::Error> {
    let task = &entry.task;
    let mut data = event.data.clone();
    for (member, numbers) in &event.attach {
        let bodies: Vec<&Arc<str>> = numbers.iter().filter_map(|no| entry.bodies.get(no)).collect();
        if let Value::Object(members) = &mut data {
            members.insert((*member).to_owned(), attached(task.id, &bodies));
        }
    }
    let id = task.id.event(event.sequence);
    let (subject, time) = (task.id.to_string(), service::clock::rfc3339(event.at.0));
    let cloud_event = CloudEvent::new(&Attachment {
        id,
        source: crate::EVENTS_SOURCE,
        kind: event.kind,
        subject: &subject,
        time: &time,
        sequence: event.sequence,
        tenant: &task.tenant,
        traceparent: &entry.submission.traceparent,
        data: &data,
    });
    let body = cloud_event.to_json()?.into();
    // Tenants are checked where they enter; one that cannot be a subject has no events.
    let subject = Token::parse(&task.tenant).map(|t| shared.bus.names().event_subject(event.kind, &t));
    Ok(EventRow {
        task: task.id,
        sequence: event.sequence,
        subject: subject.unwrap_or_default(),
        body,
        traceparent: Arc::clone(traceparent),
    })
}

/// Payloads inside an event, or where they are when they are too large for it.
fn attached(task: TaskId, bodies: &[&Arc<str>]) -> Value {
    let size: usize = bodies.iter().map(|b| b.len()).sum();
    if size > MAX_INLINE_RESULT || bodies.iter().any(|b| body::as_blob(b).is_some()) {
        let joined: String = bodies.iter().map(|b| &***b).collect();
        let hash = store::payloads::blob_ref(joined.as_bytes()).sha256;
        return json!({ "url": format!("/api/orchestrator/status/{task}"), "sha256": hash, "size": size });
    }
    bodies
        .iter()
        .map(|b| serde_json::from_str::<Value>(b).unwrap_or(Value::Null))
        .collect()
}

impl Writer {
    /// Publishes what a commit brought: calls go out in order now, answers are awaited beside the
    /// next commit.
    pub(super) async fn announce(&mut self, drafts: &mut [Draft], rows: &Rows, batch: Option<i64>) {
        let deadline = Instant::now() + ACK_DEADLINE;
        let mut work = Vec::new();
        for item in self.items(drafts).await {
            work.extend(self.send_item(item, deadline).await);
        }
        let events = self.send_events(rows, deadline).await;
        self.await_acks(work, events, batch, deadline);
    }

    /// Few events are acknowledged one by one; many but the first, whose place must be known, together.
    async fn send_events(&mut self, rows: &Rows, deadline: Instant) -> Result<SentEvents, PublishError> {
        // Before the relay has looked at the stream they are the relay's.
        let stream = self.shared.events_stream.now(&self.shared.bus);
        let mut sent = SentEvents {
            stream: stream.ok_or(PublishError::Disconnected)?,
            complete: true,
            single: Vec::new(),
            bursts: Vec::new(),
            spans: Vec::new(),
        };
        let bursts = match &mut self.bursts {
            Some(bursts) => bursts,
            none => none.insert(Bursts::open(&self.shared.bus, deadline).await?),
        };
        let events: Vec<&EventRow> = rows.events.iter().filter(|e| e.body.len() <= MAX_PAYLOAD).collect();
        // The relay says what became of those that can never be told.
        sent.complete = events.len() == rows.events.len();
        let together = bursts.are_welcome() && events.len() >= BURST;
        let (single, many) = events.split_at(if together { 1 } else { events.len() });
        for event in single {
            let message = event_message(event, &mut sent.spans);
            sent.single.push(self.shared.bus.publish(message, deadline).await?);
        }
        for burst in many.chunks(MAX_BURST) {
            let messages = burst
                .iter()
                .map(|event| event_message(event, &mut sent.spans))
                .collect();
            sent.bursts.push(bursts.publish(messages, deadline).await?);
        }
        Ok(sent)
    }

    fn await_acks(
        &self,
        work: Vec<SentItem>,
        events: Result<SentEvents, PublishError>,
        batch: Option<i64>,
        deadline: Instant,
    ) {
        let reports = self.reports.0.clone();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut report = Report::default();
            for item in work {
                report.work.extend(stored_item(&shared, item, deadline, false).await);
            }
            match acknowledged(events, batch, deadline).await {
                Ok(place) => report.events = place,
                Err(error) => debug!(
                    error = &error as &dyn std::error::Error,
                    "the relay will tell the events of a commit"
                ),
            }
            // Nobody listens any more only when the process ends.
            drop(reports.send(report));
        });
    }

    /// Work items of all drafts, with the bodies they need fetched.
    async fn items(&mut self, drafts: &mut [Draft]) -> Vec<Item> {
        let missing: Vec<_> = drafts
            .iter()
            .flat_map(|d| compose::needed(&d.entry, &d.publish).into_iter().map(|no| (d.id(), no)))
            .collect();
        if !missing.is_empty() && !self.fetch(drafts, &missing).await {
            // Whatever is queued without a message is found by the sweeper.
            return Vec::new();
        }
        let rollouts = self.shared.rollouts.current();
        let route = Route {
            names: self.shared.bus.names(),
            lane: self.shared.lane,
            now: self.shared.clock.now(),
            windows: &self.shared.tenant_budgets,
            rollouts: &rollouts,
            together: Some(&self.shared.paces),
        };
        let mut items = Vec::new();
        for draft in drafts.iter_mut().filter(|d| !d.publish.is_empty()) {
            let serials = std::mem::take(&mut draft.publish);
            let composed = compose::items(&mut draft.entry, &serials, route).into_iter();
            items.extend(composed.map(|item| item.caused_by(&draft.span)));
        }
        item::share(items)
    }

    async fn fetch(&mut self, drafts: &mut [Draft], missing: &[(TaskId, workflow::state::PayloadNo)]) -> bool {
        let Ok(connection) = self.reader().await else {
            return false;
        };
        let read = tokio::time::timeout(STATEMENT, store::load::bodies(connection, missing)).await;
        match read.unwrap_or_else(|_elapsed| Err(late())) {
            Ok(bodies) => {
                for ((task, no), body) in bodies {
                    if let Some(draft) = drafts.iter_mut().find(|d| d.id() == task) {
                        draft.entry.bodies.insert(no, body);
                    }
                }
                true
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "payloads of work items could not be read"
                );
                self.reads = None;
                false
            }
        }
    }

    async fn send_item(&self, item: Item, deadline: Instant) -> Option<SentItem> {
        for (task, text) in &item.spilled {
            let put = store::payloads::put(&self.shared.pool, *task, text.as_bytes());
            let put = tokio::time::timeout(STATEMENT, put).await;
            if let Err(error) = put.unwrap_or_else(|_elapsed| Err(late())) {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "a large input could not be kept"
                );
                return None;
            }
        }
        match self.shared.bus.publish(item.message(), deadline).await {
            Ok(pending) => Some((item.carried, pending)),
            Err(PublishError::TooLarge { size }) => {
                for Carried { task, jobs } in item.carried {
                    for (job, dispatch) in jobs {
                        self.tell_later(task, too_large(job, dispatch, size));
                    }
                }
                None
            }
            Err(error) => {
                debug!(
                    error = &error as &dyn std::error::Error,
                    "the sweeper will publish this item"
                );
                None
            }
        }
    }

    /// Looks up queued jobs that are silent; what was never known to be stored is published again.
    pub(super) fn look_up(&mut self, drafts: &mut [Draft]) {
        for draft in drafts {
            for lookup in std::mem::take(&mut draft.lookups) {
                match lookup.stored {
                    Some(stored) => self.spawn_lookup(draft, &lookup, stored),
                    None => self.spawn_republish(draft, &lookup),
                }
            }
        }
    }

    fn spawn_lookup(&self, draft: &Draft, lookup: &decision::Lookup, stored: Stored) {
        let shared = Arc::clone(&self.shared);
        let (task, job, dispatch) = (draft.id(), lookup.job, lookup.dispatch);
        let pool = (job_kind(draft, lookup), job_pool(draft, lookup));
        let waits_long = queued_at(draft, lookup).is_some_and(|at| at + UNCLAIMED <= self.shared.clock.now());
        tokio::spawn(async move {
            let (sequence, created) = (stored.sequence, stored.stream_created);
            let found = match shared.bus.lookup(sequence, created, (job, dispatch)).await {
                Lookup::There if waits_long && shared.beats.borrow().is_idle(&pool) => Found::ThereUnclaimed,
                Lookup::There => Found::There,
                Lookup::Gone => Found::Gone,
                Lookup::Outage => Found::Outage,
            };
            if found != Found::There {
                shared.inbox.tell(task, Input::LookedUp { job, dispatch, found }).await;
            }
        });
    }

    /// Publishes dispatch k once more under its own id.
    fn spawn_republish(&self, draft: &Draft, lookup: &decision::Lookup) {
        let shared = Arc::clone(&self.shared);
        let reports = self.reports.0.clone();
        let mut entry = draft.entry.clone();
        let serial = lookup.serial;
        tokio::spawn(async move {
            let task = entry.task.id;
            let missing: Vec<_> = compose::needed(&entry, &[serial])
                .into_iter()
                .map(|no| (task, no))
                .collect();
            let Ok(mut connection) = shared.pool.acquire().await else {
                return;
            };
            let Ok(bodies) = store::load::bodies(&mut connection, &missing).await else {
                return;
            };
            drop(connection);
            entry
                .bodies
                .extend(bodies.into_iter().map(|((_, no), body)| (no, body)));
            let deadline = Instant::now() + ACK_DEADLINE;
            let rollouts = shared.rollouts.current();
            let route = Route {
                names: shared.bus.names(),
                lane: shared.lane,
                now: shared.clock.now(),
                windows: &shared.tenant_budgets,
                rollouts: &rollouts,
                together: None,
            };
            for item in compose::items(&mut entry, &[serial], route) {
                for (task, text) in &item.spilled {
                    if store::payloads::put(&shared.pool, *task, text.as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                match shared.bus.publish(item.message(), deadline).await {
                    Ok(pending) => {
                        let item = (item.carried, pending);
                        let work = stored_item(&shared, item, deadline, true).await.into_iter().collect();
                        drop(reports.send(Report { work, events: None }));
                    }
                    Err(PublishError::TooLarge { size }) => {
                        for (job, dispatch) in item.carried.into_iter().flat_map(|c| c.jobs) {
                            shared.inbox.tell(task, too_large(job, dispatch, size)).await;
                        }
                    }
                    Err(error) => debug!(error = &error as &dyn std::error::Error, "published at the next look"),
                }
            }
        });
    }
}

/// A job whose item can never travel fails, instead of waiting for ever.
fn too_large(job: JobId, dispatch: u32, size: usize) -> Input {
    Input::JobFailed {
        job,
        dispatch,
        run: workflow::ids::RunId(uuid::Uuid::nil()),
        cost: workflow::input::Cost::default(),
        failure: workflow::input::Failure {
            code: "item_too_large".to_owned(),
            message: format!("its work item of {size} bytes does not fit a message"),
            ..workflow::input::Failure::default()
        },
    }
}

fn queued_at(draft: &Draft, lookup: &decision::Lookup) -> Option<workflow::time::Timestamp> {
    draft
        .entry
        .task
        .jobs
        .iter()
        .find(|j| j.serial == lookup.serial)
        .and_then(|j| match j.state {
            JobState::Queued { at, .. } => Some(at),
            _ => None,
        })
}

fn job_kind(draft: &Draft, lookup: &decision::Lookup) -> workflow::vocabulary::WorkKind {
    let job = draft.entry.task.jobs.iter().find(|j| j.serial == lookup.serial);
    job.map_or(workflow::vocabulary::WorkKind::Execute, |j| j.unit.kind())
}

fn job_pool(draft: &Draft, lookup: &decision::Lookup) -> String {
    let job = draft.entry.task.jobs.iter().find(|j| j.serial == lookup.serial);
    let step = job.and_then(|j| match j.unit {
        Unit::Step(i) => draft.entry.plan.as_ref()?.steps.get(usize::from(i)),
        _ => None,
    });
    step.map_or_else(|| "default".to_owned(), |s| s.pool.clone())
}

fn event_message(event: &EventRow, spans: &mut Vec<Span>) -> Outgoing {
    let body = event.body.as_bytes().to_vec();
    let subject = event.subject.clone();
    let (message, span) = outbox::message(event.task, event.sequence, subject, body, &event.traceparent);
    if !span.is_disabled() {
        spans.push(span);
    }
    message
}

async fn stored_item(
    shared: &Shared,
    (carried, pending): SentItem,
    deadline: Instant,
    keep: bool,
) -> Option<StoredItem> {
    let acknowledged = match pending.stored(deadline).await {
        Ok(acknowledged) => acknowledged,
        Err(error) => {
            // Whether it is there is looked up in 10 s, and then it is published once more.
            warn!(
                task_id = carried.first().map(|c| tracing::field::display(c.task)),
                error = &error as &dyn std::error::Error,
                "a work item is not known to be stored"
            );
            return None;
        }
    };
    let bus::lookup::StreamCreated::At(stream_created) = shared.bus.work_stream_created().await else {
        return None;
    };
    Some(StoredItem {
        carried,
        stored: Stored {
            sequence: acknowledged.sequence,
            stream_created,
        },
        keep,
    })
}

/// Where a commit's events are in the stream, once it has all of them.
async fn acknowledged(
    events: Result<SentEvents, PublishError>,
    batch: Option<i64>,
    deadline: Instant,
) -> Result<Option<(Checked, BatchAck)>, PublishError> {
    let events = events?;
    let mut places = Vec::with_capacity(events.single.len() + events.bursts.len());
    for pending in events.single {
        places.push(pending.stored(deadline).await?.sequence);
    }
    for burst in events.bursts {
        places.push(burst.stored(deadline).await?);
    }
    let range = places.iter().min().zip(places.iter().max());
    let place = batch.zip(range).filter(|_| events.complete);
    Ok(place.map(|(batch, (first, last))| {
        let ack = BatchAck {
            batch,
            stream_created: events.stream.created,
            first: *first,
            last: *last,
        };
        (events.stream, ack)
    }))
}
