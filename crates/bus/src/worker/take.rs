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

/// A readable item.
#[derive(Debug)]
pub(super) struct TakenItem {
    pub context: Arc<ItemContext>,
    /// With their ids, parsed.
    pub jobs: Vec<(Uuid, Job)>,
}

/// Decodes and checks a work item that came over the subject of `kind`.
pub(super) fn read(payload: &[u8], kind: WorkKind, names: &Names) -> Result<TakenItem, Unreadable> {
    let item = WorkItem::decode(payload).map_err(Unreadable::Encoding)?;
    if WorkKind::parse(&item.kind) != Some(kind) {
        return Err(Unreadable::Kind {
            expected: kind,
            found: item.kind,
        });
    }
    if !(1..=MAX_JOBS).contains(&item.jobs.len()) {
        return Err(Unreadable::Count { count: item.jobs.len() });
    }
    uuid("task_id", &item.task_id)?;
    token("tenant", &item.tenant)?;
    if !names.is_result_subject(&item.result_subject) {
        return Err(field("result_subject", &item.result_subject));
    }
    let jobs = item.jobs.into_iter().map(check_job).collect::<Result<_, _>>()?;
    let (inline, blob) = match item.submission.and_then(|payload| payload.body) {
        Some(payload::Body::Json(json)) => (Some(json), None),
        Some(payload::Body::Blob(blob)) => (None, Some(blob)),
        None => (Some("{}".to_owned()), None),
    };
    let context = ItemContext {
        task_id: item.task_id,
        tenant: item.tenant,
        kind,
        pool: item.pool,
        traceparent: item.traceparent,
        result_subject: item.result_subject,
        submission: OnceCell::new_with(inline.map(Arc::from)),
        submission_blob: blob,
    };
    Ok(TakenItem {
        context: Arc::new(context),
        jobs,
    })
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
