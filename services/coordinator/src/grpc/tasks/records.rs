//! For the learner: which tasks have ended, and everything that is kept of them.

use super::Tasks;
use super::cursor::Timed;
use super::facts::{MAX_SHOWN, assemble};
use crate::grpc::problems;
use crate::store::StoreError;
use crate::store::tasks::ended::{self, Ended, StoredPayload};
use crate::store::tasks::{Texts, lists, open_blobs};
use crate::view::{self, Documents, Judgement};
use contracts::coordinator::{GetRecordsRequest, ListFinishedRequest, ListFinishedResponse, Record};
use contracts::problem::Problem;
use futures::channel::mpsc;
use futures::{SinkExt, TryStreamExt};
use serde::Deserialize;
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::pin::pin;
use tonic::{Response, Status};
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::state::PayloadNo;

/// Ids of one question.
const MAX_IDS: usize = 256;
/// Ids of one page of ended tasks.
const MAX_PAGE: u32 = 1000;
/// Records made ahead of who reads them.
const AHEAD: usize = 4;
/// Records made in one go, as long as they are small.
const TOGETHER: usize = 16;
/// From so many bytes of documents on no more are taken together.
const MAX_BYTES: usize = 1 << 20;

/// A stream of records; it ends early, with an error, where the database went away.
pub type Records = mpsc::Receiver<Result<Record, Status>>;

impl Tasks {
    pub(super) async fn page_of_finished(&self, request: ListFinishedRequest) -> Result<ListFinishedResponse, Status> {
        let after = Timed::Finished.read(&request.cursor)?;
        let limit = if request.limit == 0 {
            MAX_PAGE
        } else {
            request.limit.min(MAX_PAGE)
        };
        let rows = lists::finished(&self.shared.pool, after, i64::from(limit))
            .await
            .map_err(problems::stored)?;
        let last = rows.last().map(|(id, at)| Timed::Finished.write(*at, *id));
        Ok(ListFinishedResponse {
            task_ids: rows.into_iter().map(|(id, _)| id.to_string()).collect(),
            cursor: last.unwrap_or(request.cursor),
        })
    }

    pub(super) fn records(&self, request: GetRecordsRequest) -> Result<Response<Records>, Status> {
        if request.task_ids.len() > MAX_IDS {
            let detail = format!("at most {MAX_IDS} records are given at a time");
            return Err(Problem::new(422, "too_many_ids", detail).to_status());
        }
        let parse = |id: &String| Uuid::try_parse(id).map_err(|_| problems::invalid_id().to_status());
        let ids = request.task_ids.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let pool = self.shared.pool.clone();
        tokio::spawn(async move {
            let mut out = sender;
            if let Err(error) = give(&pool, &ids, &mut out).await {
                // Whoever asked may have gone; then nobody needs the error.
                drop(out.send(Err(problems::stored(error))).await);
            }
        });
        Ok(Response::new(receiver))
    }
}

/// Some records after others, while the documents come in by task.
async fn give(pool: &PgPool, ids: &[Uuid], out: &mut mpsc::Sender<Result<Record, Status>>) -> Result<(), StoreError> {
    let ended = ended::tasks(pool, ids).await?;
    let mut open: BTreeMap<TaskId, Ended> = ended.into_iter().map(|e| (e.task.id, e)).collect();
    let ids: Vec<Uuid> = open.keys().map(|id| id.0).collect();
    let mut connection = pool.acquire().await.map_err(StoreError::at("connect"))?;
    let mut payloads = pin!(ended::payloads(&mut connection, &ids));
    let mut gathered: Vec<StoredPayload> = Vec::new();
    let (mut sources, mut bytes) = (Vec::new(), 0);
    loop {
        let next = payloads.try_next().await?;
        let task = gathered.first().map(|p| p.task);
        let whole = task.filter(|t| next.as_ref().is_none_or(|n| n.task != *t));
        if let Some(ended) = whole.and_then(|t| open.remove(&t)) {
            let source = Source::read(pool, ended, std::mem::take(&mut gathered)).await?;
            bytes += source.bytes();
            sources.push(source);
        }
        if next.is_none() || sources.len() >= TOGETHER || bytes >= MAX_BYTES {
            bytes = 0;
            for record in records(std::mem::take(&mut sources)).await? {
                if out.send(Ok(record)).await.is_err() {
                    return Ok(());
                }
            }
        }
        match next {
            Some(payload) => gathered.push(payload),
            None => return Ok(()),
        }
    }
}

/// Makes records beside the writer: many tasks that ended at once would hold it up.
async fn records(sources: Vec<Source>) -> Result<Vec<Record>, StoreError> {
    let made = tokio::task::spawn_blocking(|| sources.into_iter().map(Source::record).collect());
    made.await.unwrap_or_else(|ended| match ended.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_cancelled) => Err(StoreError::at("make records while it stops")(sqlx::Error::PoolClosed)),
    })
}

/// What a record is made from.
struct Source {
    ended: Ended,
    assessments: Vec<Judgement>,
    texts: Texts,
}

impl Source {
    async fn read(pool: &PgPool, ended: Ended, payloads: Vec<StoredPayload>) -> Result<Self, StoreError> {
        let assessments = assessments(&ended, &payloads);
        let shown = shown(&ended, &assessments);
        let texts = payloads.into_iter().filter(|p| shown.contains(&p.no));
        let mut texts: Texts = texts.map(|p| (p.no, p.text)).collect();
        open_blobs(pool, ended.task.id, &mut texts, MAX_SHOWN).await?;
        Ok(Self {
            ended,
            assessments,
            texts,
        })
    }

    fn bytes(&self) -> usize {
        self.texts.values().map(|text| text.len()).sum()
    }

    fn record(self) -> Result<Record, StoreError> {
        let Self {
            ended,
            assessments,
            texts,
        } = self;
        let costs = ended.totals();
        let mut facts = assemble(ended.task, texts, costs)?;
        facts.given = ended.given;
        let documents = Documents {
            gates: &ended.gates,
            costs: &ended.costs,
            assessments: &assessments,
        };
        let json = serde_json::to_string(&view::record(&facts, documents)).map_err(|source| StoreError::Corrupt {
            what: "the record",
            task: facts.task.id.0,
            source,
        })?;
        Ok(Record {
            task_id: facts.task.id.to_string(),
            tenant: facts.task.tenant.clone(),
            json,
        })
    }
}

/// Judgements, each with the version of the plan that was in force: payloads are numbered in the order in which they came, and
/// rounds are kept in the same. A plan whose lists are opened is stored once more under its version.
fn assessments(ended: &Ended, payloads: &[StoredPayload]) -> Vec<Judgement> {
    #[derive(Deserialize)]
    struct Plan {
        version: u32,
    }
    let plans = payloads.iter().filter(|p| p.kind == "plan").count();
    // Nearly always there is one plan, which then need not be read.
    let mut version = ended.task.plan.as_ref().map(|plan| plan.version).filter(|_| plans == 1);
    let mut found = Vec::new();
    for payload in payloads {
        match payload.kind.as_str() {
            "plan" if plans > 1 => version = serde_json::from_str(&payload.text).ok().map(|plan: Plan| plan.version),
            "assessment" => found.push(Judgement {
                payload: payload.no,
                plan_version: version,
                round: None,
            }),
            _ => {}
        }
    }
    let rounds = &ended.task.judged;
    if rounds.len() == found.len() {
        found
            .iter_mut()
            .zip(rounds)
            .for_each(|(judged, round)| judged.round = Some(*round));
    }
    found
}

/// What a record shows; plans of earlier versions are not, nor what their steps made.
fn shown(ended: &Ended, assessments: &[Judgement]) -> Vec<PayloadNo> {
    let outputs = ended.task.steps.iter().filter_map(|s| s.output).map(|o| o.payload);
    let mut shown = view::wanted(&ended.task);
    shown.extend(outputs);
    shown.extend(
        ended
            .task
            .steps
            .iter()
            .flat_map(|s| s.others.iter().map(|made| made.payload)),
    );
    shown.extend(ended.task.deliveries.iter().filter_map(|d| d.draft).map(|o| o.payload));
    shown.extend(assessments.iter().map(|judged| judged.payload));
    shown
}
