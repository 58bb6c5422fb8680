//! Payloads too large for a message: fetched before a run, stored after it.

use super::coordinator::{CallError, Coordinator, TRANSFER_TIMEOUT};
use super::job::{Ended, ItemContext, inline};
use contracts::coordinator::{GetPayloadRequest, PutPayloadRequest, RunningJob};
use contracts::work::job::Spec;
use contracts::work::job_result::Outcome;
use contracts::work::{Awaiting, BlobRef, Job, Listed, Payload, payload};
use std::sync::Arc;
use tokio::time::Instant;
use tonic::Status;

/// What travels inside a message, in bytes.
pub const MAX_INLINE: usize = 128 * 1024;
/// Largest payload at all, in bytes.
pub const MAX_PAYLOAD: usize = 32 * 1024 * 1024;
const CHUNK: usize = 256 * 1024;

/// Reads the submission of an item, once for all its jobs.
pub(super) async fn submission(
    coordinator: &Coordinator,
    item: &ItemContext,
    caller: &RunningJob,
    deadline: Instant,
) -> Result<Arc<str>, CallError> {
    let fetched = item.submission.get_or_try_init(|| async {
        match &item.submission_blob {
            Some(blob) => get(coordinator, caller, blob, deadline).await.map(Arc::from),
            None => Ok(Arc::from("{}")),
        }
    });
    fetched.await.cloned()
}

/// Puts the bytes into every payload of a job that only names them.
pub(super) async fn fetch_all(
    coordinator: &Coordinator,
    job: &mut Job,
    caller: &RunningJob,
    deadline: Instant,
) -> Result<(), CallError> {
    for payload in payloads_of(job) {
        if let Some(payload::Body::Blob(blob)) = &payload.body {
            let json = get(coordinator, caller, blob, deadline).await?;
            *payload = inline(json);
        }
    }
    Ok(())
}

/// Stores an outcome's payload where it is too large to travel.
pub(super) async fn store_large(
    coordinator: &Coordinator,
    ended: &mut Ended,
    caller: &RunningJob,
    deadline: Instant,
) -> Result<(), CallError> {
    let payload = match &mut ended.outcome {
        Some(Outcome::Output(payload) | Outcome::Deliverable(payload)) => payload,
        Some(Outcome::Awaiting(Awaiting {
            question: Some(payload),
            ..
        })) => payload,
        Some(Outcome::Listed(Listed {
            output: Some(payload), ..
        })) => payload,
        _ => return Ok(()),
    };
    let Some(payload::Body::Json(json)) = &mut payload.body else {
        return Ok(());
    };
    if json.len() <= MAX_INLINE {
        return Ok(());
    }
    if json.len() > MAX_PAYLOAD {
        let detail = format!("{} bytes; {MAX_PAYLOAD} are allowed", json.len());
        let (usage, calls) = (std::mem::take(&mut ended.usage), std::mem::take(&mut ended.calls));
        *ended = Ended::failure("output_too_large", detail, false)
            .costing(usage)
            .having_called(calls);
        return Ok(());
    }
    let json: Arc<str> = Arc::from(std::mem::take(json));
    let blob = put(coordinator, caller, json, deadline).await?;
    payload.body = Some(payload::Body::Blob(blob));
    Ok(())
}

fn payloads_of(job: &mut Job) -> Vec<&mut Payload> {
    let inputs = match &mut job.spec {
        Some(Spec::Step(step)) => {
            let inputs = step.inputs.iter_mut().filter_map(|input| input.output.as_mut());
            return inputs.chain(step.approved.as_mut()).collect();
        }
        Some(Spec::Assess(assess)) => &mut assess.outputs,
        Some(Spec::Format(format)) => &mut format.inputs,
        Some(Spec::Publish(publish)) => return publish.deliverable.iter_mut().collect(),
        Some(Spec::Plan(_)) | None => return Vec::new(),
    };
    inputs.iter_mut().filter_map(|input| input.output.as_mut()).collect()
}

async fn get(
    coordinator: &Coordinator,
    caller: &RunningJob,
    blob: &BlobRef,
    deadline: Instant,
) -> Result<String, CallError> {
    let request = GetPayloadRequest {
        job: Some(caller.clone()),
        sha256: blob.sha256.clone(),
    };
    coordinator
        .until(deadline, |mut client| {
            let mut request = tonic::Request::new(request.clone());
            request.set_timeout(TRANSFER_TIMEOUT);
            async move {
                let mut chunks = client.get_payload(request).await?.into_inner();
                let mut bytes = Vec::new();
                while let Some(part) = chunks.message().await? {
                    bytes.extend_from_slice(&part.chunk);
                    if bytes.len() > MAX_PAYLOAD {
                        return Err(Status::out_of_range("the payload is larger than any may be"));
                    }
                }
                if u64::try_from(bytes.len()) != Ok(blob.size) {
                    return Err(Status::unavailable("the payload came incomplete"));
                }
                String::from_utf8(bytes).map_err(|_| Status::data_loss("the payload is not text"))
            }
        })
        .await
}

async fn put(
    coordinator: &Coordinator,
    caller: &RunningJob,
    json: Arc<str>,
    deadline: Instant,
) -> Result<BlobRef, CallError> {
    let answer = coordinator
        .until(deadline, |mut client| {
            let caller = caller.clone();
            let json = Arc::clone(&json);
            async move {
                let first = PutPayloadRequest {
                    job: Some(caller),
                    chunk: Vec::new(),
                };
                let pieces = (0..json.len().div_ceil(CHUNK)).map(move |piece| {
                    let bytes = json.as_bytes();
                    let from = piece.saturating_mul(CHUNK);
                    let to = from.saturating_add(CHUNK).min(bytes.len());
                    PutPayloadRequest {
                        job: None,
                        chunk: bytes.get(from..to).unwrap_or_default().to_vec(),
                    }
                });
                let mut request = tonic::Request::new(futures::stream::iter(std::iter::once(first).chain(pieces)));
                request.set_timeout(TRANSFER_TIMEOUT);
                client.put_payload(request).await
            }
        })
        .await?
        .into_inner();
    Ok(BlobRef {
        sha256: answer.sha256,
        size: answer.size,
    })
}
