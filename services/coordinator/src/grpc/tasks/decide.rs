//! Decide: a human's answer to a gate.

use super::facts::MAX_SHOWN;
use super::word::{self, Question};
use super::{Tasks, asking, decision};
use crate::grpc::problems;
use crate::store::tasks;
use crate::view::{Bodies, edited};
use crate::writer::inbox::{Answer, Ask};
use contracts::api::ApproveRequest;
use contracts::coordinator::{DecideRequest, Document};
use contracts::problem::Problem;
use std::collections::BTreeMap;
use tonic::{Response, Status};
use workflow::decision::{Refusal, Reply};
use workflow::hash::Fingerprint;
use workflow::ids::TaskId;
use workflow::input::{Decision, Input};
use workflow::vocabulary::Action;

impl Tasks {
    /// The first decision wins; answered with the status document.
    pub(super) async fn take_decision(&self, request: DecideRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let id = asking::task_id(&request.task_id)?;
        let asked: ApproveRequest = asking::json(&request.decision_json)?;
        // Named here and not by its content: a repetition by the writer is the same decision, a second
        // click is another one and learns who was first.
        let name = Fingerprint::of([service::ids::v7().as_bytes().as_slice()]);
        let mut decision = decision::read(&asked, &caller.actor, name).map_err(|p| p.to_status())?;
        if asked.arguments.is_some() || asked.responses.is_some() {
            decision.approved = Some(self.word(&caller.tenant, id, &mut decision, &asked).await?);
        } else if asked.edits.is_empty() {
            self.own(&caller.tenant, id).await?;
        } else {
            decision.edits = self.edits(&caller.tenant, id, &mut decision, &asked.edits).await?;
        }
        decision.by_model = request.by_model;
        let retries = decision.action == Action::Retry;
        let answer = self.say(id, Input::GateDecided(decision), retries).await?;
        problems::settled(answer)?;
        self.status(&caller.tenant, id).await
    }

    /// Tells the writer a human's word. Where what follows depends on tools being in use, the catalog is read before:
    /// another coordinator may have brought one back just now.
    pub(super) async fn say(&self, id: TaskId, word: Input, goes_on: bool) -> Result<Answer, Status> {
        if goes_on {
            self.meet_catalog().await?;
        }
        let answer = self.shared.inbox.ask(id, Ask::Input(word.clone())).await;
        if !is_out_of_use(&answer) {
            return Ok(answer);
        }
        self.meet_catalog().await?;
        Ok(self.shared.inbox.ask(id, Ask::Input(word)).await)
    }

    /// The catalog as it is now.
    pub(super) async fn meet_catalog(&self) -> Result<(), Status> {
        let met = self.shared.catalog.meet(&self.shared.pool).await;
        met.map_err(problems::stored)
    }

    /// The tenant has that task.
    pub(super) async fn own(&self, tenant: &str, id: TaskId) -> Result<(), Status> {
        match tasks::is_owned(&self.shared.pool, tenant, id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(problems::not_found().to_status()),
            Err(error) => Err(problems::stored(error)),
        }
    }

    /// What the step's next job carries.
    async fn word(
        &self,
        tenant: &str,
        id: TaskId,
        decision: &mut Decision,
        request: &ApproveRequest,
    ) -> Result<String, Status> {
        let (task, _) = self.find(tenant, id).await?;
        let asked = decision::bind_word(&task, decision, request).map_err(|p| p.to_status())?;
        let no = asked.question.payload;
        let texts = tasks::texts(&self.shared.pool, id, &[no], MAX_SHOWN)
            .await
            .map_err(problems::stored)?;
        let question = texts
            .get(&no)
            .and_then(|text| serde_json::from_str::<Question>(text).ok());
        let question = question.ok_or_else(|| {
            let detail =
                "what the tool asked cannot be read; it can be approved as it is, revised, skipped or rejected";
            Problem::new(409, "not_editable", detail).to_status()
        })?;
        let catalog = self.shared.catalog.current();
        let tool = catalog.of(tenant).get(&question.tool_id);
        word::approved(request, asked.kind, &question, tool).map_err(|p| p.to_status())
    }

    /// Whole deliverables with the edited contents.
    async fn edits(
        &self,
        tenant: &str,
        id: TaskId,
        decision: &mut Decision,
        edits: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Status> {
        let (task, _) = self.find(tenant, id).await?;
        let places = decision::bind(&task, decision, edits).map_err(|p| p.to_status())?;
        let numbers: Vec<_> = places.values().copied().collect();
        let texts = tasks::texts(&self.shared.pool, id, &numbers, MAX_SHOWN)
            .await
            .map_err(problems::stored)?;
        let bodies = Bodies::new(texts);
        let edit = |(channel, content): (&String, &String)| {
            let stored = places.get(channel).and_then(|no| bodies.text(*no));
            let document = stored.and_then(|text| edited(text, content));
            let document = document.ok_or_else(|| {
                let detail = format!("the deliverable for {channel} cannot be edited");
                Problem::new(409, "not_editable", detail).to_status()
            })?;
            Ok((channel.clone(), document))
        };
        edits.iter().map(edit).collect()
    }
}

fn is_out_of_use(answer: &Answer) -> bool {
    let Answer::Reply { reply, .. } = answer else {
        return false;
    };
    matches!(reply, Reply::Refused(Refusal::ToolOutOfUse(_)))
}
