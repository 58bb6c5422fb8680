//! Feedback: what somebody says of a task, during it or after.

use crate::store::{NewFeedback, Noted, Store, StoreError};
use contracts::learner::RecordFeedbackRequest;
use contracts::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use workflow::hash::Fingerprint;
use workflow::ids::TaskId;

/// Why feedback is not noted.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    /// What the gateway checks before.
    #[error("the feedback cannot be read: {0}")]
    Unreadable(String),
    /// Something else was said under this key.
    #[error("another request had this idempotency key")]
    KeyReused,
    /// So much was said of the task already that more tells nothing.
    #[error("the task has all the feedback it can have")]
    TooMuch,
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is said. Half of it may be absent, not all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    rating: Option<i16>,
    comment: Option<String>,
    dimension: Option<String>,
    step_id: Option<String>,
}

impl Said {
    fn parse(text: &str) -> Result<Self, FeedbackError> {
        let unreadable = |why: &str| FeedbackError::Unreadable(why.to_owned());
        let said: Self = serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?;
        if said.rating.is_some_and(|rating| !(1..=5).contains(&rating)) {
            return Err(unreadable("a rating is from 1 to 5"));
        }
        if said.rating.is_none() && said.comment.is_none() {
            return Err(unreadable("it has neither rating nor comment"));
        }
        let texts = [&said.comment, &said.dimension, &said.step_id];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(unreadable("a text has NUL"));
        }
        Ok(said)
    }
}

/// Notes what a request says, under `id`; the document and whether an earlier request had said it.
///
/// # Errors
/// When it cannot be read, its key was used for something else, or the database does not take it.
pub async fn note(store: &Store, id: Uuid, request: RecordFeedbackRequest) -> Result<(Value, bool), FeedbackError> {
    let said = Said::parse(&request.feedback_json)?;
    let task: TaskId = request
        .task_id
        .parse()
        .map_err(|_| FeedbackError::Unreadable("the task's id is none".to_owned()))?;
    let text = json!(said).to_string();
    let body_hash = Fingerprint::of([request.task_id.as_bytes(), text.as_bytes()]).to_string();
    let new = NewFeedback {
        id,
        tenant: request.tenant,
        task,
        rating: said.rating,
        comment: said.comment.clone(),
        dimension: said.dimension.clone(),
        step_id: said.step_id.clone(),
        actor: request.actor,
        idempotency_key: Some(request.idempotency_key).filter(|key| !key.is_empty()),
        body_hash,
    };
    let noted = store.note_feedback(&new).await?.ok_or(FeedbackError::TooMuch)?;
    if noted.body_hash != new.body_hash {
        return Err(FeedbackError::KeyReused);
    }
    Ok((document(task, &said, &noted), noted.replayed))
}

fn document(task: TaskId, said: &Said, noted: &Noted) -> Value {
    json!({
        "feedback_id": noted.id,
        "task_id": task,
        "rating": said.rating,
        "comment": said.comment,
        "dimension": said.dimension,
        "step_id": said.step_id,
        "created_at": service::clock::rfc3339(noted.created_at.timestamp_millis()),
    })
}

impl From<FeedbackError> for Problem {
    fn from(error: FeedbackError) -> Self {
        match error {
            FeedbackError::Unreadable(why) => Self::new(422, "validation", why),
            FeedbackError::KeyReused => Self::new(
                422,
                "idempotency_key_reused",
                "another request had this Idempotency-Key; use a new one",
            ),
            FeedbackError::TooMuch => Self::new(
                409,
                "too_much_feedback",
                "the task has all the feedback it can have; nothing more is noted",
            ),
            FeedbackError::Store(error) => crate::rpc::away(&error),
        }
    }
}
