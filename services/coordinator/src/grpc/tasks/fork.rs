//! Fork: a new task on the plan of another one, which takes over what is the same.

use super::{Tasks, asking};
use crate::forking;
use crate::grpc::problems;
use crate::policy::{self, Origin};
use crate::store::load::{self, Loaded};
use crate::store::tasks::used;
use crate::store::{StoreError, payloads};
use crate::view;
use crate::work::body;
use crate::writer::inbox::Submit;
use contracts::api;
use contracts::coordinator::{ForkRequest, ForkResponse};
use contracts::problem::Problem;
use contracts::trace;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::{Code, Status};
use workflow::fork::{Offer, Reusable, Reuse, Source, offers, with_effects};
use workflow::ids::TaskId;
use workflow::input::Body;
use workflow::plan::FrozenPlan;
use workflow::state::PayloadNo;
use workflow::submission::{Forked, Submission};
use workflow::vocabulary::PlanOrigin;

/// Apart from the keys of other routes: no client can send this character.
const KEY_OF_FORKS: &str = "\u{1f}fork\u{1f}";

impl Tasks {
    pub(super) async fn fork_task(&self, request: ForkRequest) -> Result<ForkResponse, Status> {
        let caller = asking::caller(request.caller)?;
        let from = asking::task_id(&request.task_id)?;
        let fork: api::ForkRequest = asking::json(&request.fork_json)?;
        let (source, plan) = self.source(&caller.tenant, from).await?;
        let asked = forking::asked(&source.submission, &plan, &fork).map_err(|p| p.to_status())?;
        self.meet_new_tools(&caller.tenant, &asked).await?;
        let traceparent = trace::current().map_or(caller.traceparent, |context| context.to_string());
        let origin = Origin {
            actor: &caller.actor,
            traceparent: &traceparent,
        };
        let channels = self.shared.catalog.channels();
        let submission = policy::submission(asked, origin, &self.config, &channels).map_err(|p| p.to_status())?;
        let id = TaskId(service::ids::v7());
        let taken = self.taken(id, (&source, &plan), &submission, &fork).await;
        let (reuse, forked) = taken.map_err(problems::stored)?;
        let submit = Submit {
            tenant: caller.tenant.clone(),
            submission: Arc::new(Submission {
                forked: Some(forked),
                ..submission
            }),
            reuse: Some(Arc::new(reuse)),
            idempotency: Some((request.idempotency_key, request.body_hash))
                .filter(|(key, _)| !key.is_empty())
                .map(|(key, hash)| (format!("{KEY_OF_FORKS}{key}"), hash)),
        };
        let placed = self.place(id, submit).await;
        // Where nobody knows what became of it, it may still be there in a moment, and needs them.
        let came_to_nothing = match &placed {
            Ok(task) => task.replayed,
            Err(status) => status.code() != Code::Unavailable,
        };
        if came_to_nothing {
            payloads::forget(&self.shared.pool, id)
                .await
                .map_err(problems::stored)?;
        }
        let task = placed?;
        let document = self.status(&caller.tenant, asking::task_id(&task.task_id)?).await?;
        let document: Value = asking::json(&document.into_inner().json)?;
        Ok(ForkResponse {
            forked_from_json: document.get("forked_from").unwrap_or(&Value::Null).to_string(),
            task: Some(task),
        })
    }

    /// The task that is forked, with its plan.
    async fn source(&self, tenant: &str, id: TaskId) -> Result<(Loaded, Arc<FrozenPlan>), Status> {
        self.own(tenant, id).await?;
        let mut connection = self.shared.pool.acquire().await.map_err(away)?;
        let loaded = load::tasks(&mut connection, &[id]).await.map_err(problems::stored)?;
        let source = loaded
            .into_iter()
            .next()
            .ok_or_else(|| problems::not_found().to_status())?;
        let Some(plan) = source.plan.clone() else {
            let detail = "the task has no plan to be forked; send its request again";
            return Err(Problem::new(409, "wrong_state", detail).to_status());
        };
        Ok((source, plan))
    }

    /// What the new task may take over, with its large outputs beside it already.
    async fn taken(
        &self,
        id: TaskId,
        (source, plan): (&Loaded, &FrozenPlan),
        asked: &Submission,
        fork: &api::ForkRequest,
    ) -> Result<(Reuse, Forked), StoreError> {
        let (pool, task) = (&self.shared.pool, &source.task);
        let catalog = self.shared.catalog.current();
        let from = fork.from_step.as_deref();
        let from = from.and_then(|key| (0..).zip(&plan.plan.steps).find(|(_, step)| step.key == key));
        let known = Source {
            task,
            plan,
            submission: &source.submission,
        };
        let offered = offers(known, from.map(|(index, _)| index), asked, catalog.of(&task.tenant));
        // What was understood of another request is not what this one wants.
        let same = asked.request == source.submission.request;
        let intent = task.plan.as_ref().filter(|_| same).and_then(|plan| plan.intent);
        let numbers = offered.iter().map(|offer| offer.output.payload).chain(intent);
        let bodies = self.bodies(task.id, numbers).await?;
        let blobs = bodies
            .values()
            .filter_map(|text| body::as_blob(text))
            .map(|blob| blob.sha256);
        payloads::copy(pool, task.id, id, &blobs.collect::<Vec<_>>()).await?;
        let runs = used::by_step(pool, task.id, plan.version).await?;
        let forked = Forked {
            task: task.id.to_string(),
            from_step: fork.from_step.clone(),
            used: view::used_by(task, plan, &source.submission, runs),
        };
        let reusable = |offer: Offer| {
            let output = Body {
                text: Arc::clone(bodies.get(&offer.output.payload)?),
                hash: offer.output.hash,
            };
            let reusable = Reusable {
                input: offer.input,
                output,
                items: offer.items,
            };
            Some((offer.key, reusable))
        };
        let reuse = Reuse {
            origin: match fork.overrides.steps.is_empty() {
                true => plan.origin,
                false => PlanOrigin::Human,
            },
            intent: intent
                .and_then(|no| bodies.get(&no))
                .map(|text| Body::new(Arc::clone(text))),
            steps: offered.into_iter().filter_map(reusable).collect(),
            effects: with_effects(known),
        };
        Ok((reuse, forked))
    }

    /// Stored texts as they lie there: of large ones the names.
    async fn bodies(
        &self,
        task: TaskId,
        numbers: impl Iterator<Item = PayloadNo>,
    ) -> Result<BTreeMap<PayloadNo, Arc<str>>, StoreError> {
        let wanted: Vec<_> = numbers.map(|no| (task, no)).collect();
        let mut connection = self.shared.pool.acquire().await.map_err(StoreError::at("connect"))?;
        let bodies = load::bodies(&mut connection, &wanted).await?;
        Ok(bodies.into_iter().map(|((_, no), text)| (no, text)).collect())
    }
}

fn away(error: sqlx::Error) -> Status {
    problems::stored(StoreError::at("connect")(error))
}
