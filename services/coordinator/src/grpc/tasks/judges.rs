//! How far people agree with judges, and what somebody says of a judgement apart from a gate.

use super::facts::MAX_SHOWN;
use super::{Tasks, asking, document};
use crate::grpc::problems;
use crate::judges::labels::{self, Of};
use crate::store::labels::LabelRow;
use crate::store::{self, StoreError, tasks};
use crate::view::{self, Bodies};
use contracts::coordinator::{Document, JudgesRequest, RateJudgementRequest};
use contracts::problem::Problem;
use tonic::{Response, Status};
use workflow::ids::TaskId;
use workflow::state::SUBMISSION;
use workflow::submission::Submission;
use workflow::time::Timestamp;

impl Tasks {
    /// As counted a moment ago, or now; in force with the answer.
    pub(super) async fn show_judges(&self, request: JudgesRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let judges = &self.shared.judges;
        let counted = judges.refresh(&self.shared.pool).await.map_err(problems::stored)?;
        Ok(document(&view::judges(&counted, &caller.tenant, judges.days())))
    }

    /// Whether there was a score to speak about. Repeated it changes nothing, and neither does what was said earlier.
    pub(super) async fn rate(&self, request: RateJudgementRequest) -> Result<bool, Status> {
        let caller = asking::caller(request.caller)?;
        let id = asking::task_id(&request.task_id)?;
        let at = said_at(&request.said_at)?;
        if !(1..=5).contains(&request.rating) {
            return Err(Problem::new(422, "validation", "a rating is from 1 to 5").to_status());
        }
        let (task, _) = self.find(&caller.tenant, id).await?;
        let Some(quality) = task.quality.as_ref().filter(|quality| quality.at <= at) else {
            return Ok(false);
        };
        let numbers = [SUBMISSION, quality.payload];
        let texts = tasks::texts(&self.shared.pool, id, &numbers, MAX_SHOWN).await;
        let bodies = Bodies::new(texts.map_err(problems::stored)?);
        let submission = submission(id, bodies.text(SUBMISSION).unwrap_or_default()).map_err(problems::stored)?;
        let of = Of {
            task: &task,
            policy: &submission.policy,
            quality,
            document: bodies.text(quality.payload),
        };
        let rows = labels::rated(of, &request.dimension, request.rating, &caller.actor, at);
        self.keep(&rows).await.map_err(problems::stored)?;
        Ok(!rows.is_empty())
    }

    async fn keep(&self, rows: &[LabelRow]) -> Result<(), StoreError> {
        let mut connection = self.shared.pool.acquire().await.map_err(StoreError::at("connect"))?;
        store::labels::keep(&mut connection, rows).await
    }
}

fn said_at(text: &str) -> Result<Timestamp, Status> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    time.map(|time| Timestamp(time.timestamp_millis()))
        .map_err(|_| Problem::new(422, "validation", "said_at must be a time").to_status())
}

fn submission(task: TaskId, text: &str) -> Result<Submission, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Corrupt {
        what: "the submission",
        task: task.0,
        source,
    })
}
