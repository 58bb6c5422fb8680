//! Reading a work item. What cannot be read is poison, and says why.

use super::job::ItemContext;
use contracts::work::{Job, WorkItem, payload};
use prost::Message;
use std::sync::Arc;
use tokio::sync::OnceCell;
use uuid::Uuid;
use workflow::vocabulary::WorkKind;

use crate::names::{Names, Token};

/// Jobs of one item at most.
const MAX_JOBS: usize = 16;

/// A work item nobody could run.
#[derive(thiserror::Error, Debug)]
pub(super) enum Unreadable {
    #[error("not a protobuf WorkItem")]
    Encoding(#[source] prost::DecodeError),
    #[error("an item of kind {found:?} on the subject of kind {expected}")]
    Kind { expected: WorkKind, found: String },
    #[error("{count} jobs; 1-{MAX_JOBS} are allowed")]
    Count { count: usize },
    #[error("{field} is not usable: {value:?}")]
    Field { field: &'static str, value: String },
    #[error("job {job_id} has no specification")]
    Specification { job_id: String },
}

/// A readable job.
#[derive(Debug)]
pub(super) struct TakenJob {
    pub id: Uuid,
    pub job: Job,
    pub context: Arc<ItemContext>,
}

/// Decodes and checks the jobs of a work item that came over the subject of `kind`.
pub(super) fn read(payload: &[u8], kind: WorkKind, names: &Names) -> Result<Vec<TakenJob>, Unreadable> {
    let mut item = WorkItem::decode(payload).map_err(Unreadable::Encoding)?;
    if WorkKind::parse(&item.kind) != Some(kind) {
        return Err(Unreadable::Kind {
            expected: kind,
            found: item.kind,
        });
    }
    if !names.is_result_subject(&item.result_subject) {
        return Err(field("result_subject", &item.result_subject));
    }
    let more = std::mem::take(&mut item.more);
    let count = item.jobs.len() + more.iter().map(|item| item.jobs.len()).sum::<usize>();
    if !(1..=MAX_JOBS).contains(&count) {
        return Err(Unreadable::Count { count });
    }
    let (pool, result_subject) = (item.pool.clone(), item.result_subject.clone());
    let mut taken = Vec::with_capacity(count);
    for part in std::iter::once(item).chain(more) {
        taken.extend(jobs_of(part, kind, &pool, &result_subject)?);
    }
    Ok(taken)
}

fn jobs_of(
    item: WorkItem,
    kind: WorkKind,
    pool: &str,
    result_subject: &str,
) -> Result<impl Iterator<Item = TakenJob>, Unreadable> {
    uuid("task_id", &item.task_id)?;
    token("tenant", &item.tenant)?;
    let jobs: Vec<(Uuid, Job)> = item.jobs.into_iter().map(check_job).collect::<Result<_, _>>()?;
    let (inline, blob) = match item.submission.and_then(|payload| payload.body) {
        Some(payload::Body::Json(json)) => (Some(json), None),
        Some(payload::Body::Blob(blob)) => (None, Some(blob)),
        None => (Some("{}".to_owned()), None),
    };
    let context = Arc::new(ItemContext {
        task_id: item.task_id,
        tenant: item.tenant,
        kind,
        pool: pool.to_owned(),
        traceparent: item.traceparent,
        result_subject: result_subject.to_owned(),
        submission: OnceCell::new_with(inline.map(Arc::from)),
        submission_blob: blob,
    });
    Ok(jobs.into_iter().map(move |(id, job)| TakenJob {
        id,
        job,
        context: Arc::clone(&context),
    }))
}

fn check_job(job: Job) -> Result<(Uuid, Job), Unreadable> {
    let id = uuid("job_id", &job.job_id)?;
    if job.spec.is_none() {
        return Err(Unreadable::Specification { job_id: job.job_id });
    }
    Ok((id, job))
}

fn uuid(name: &'static str, value: &str) -> Result<Uuid, Unreadable> {
    Uuid::parse_str(value).map_err(|_| field(name, value))
}

fn token(name: &'static str, value: &str) -> Result<Token, Unreadable> {
    Token::parse(value).map_err(|_| field(name, value))
}

fn field(field: &'static str, value: &str) -> Unreadable {
    Unreadable::Field {
        field,
        value: value.chars().take(100).collect(),
    }
}
