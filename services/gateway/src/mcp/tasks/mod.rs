//! The extension `io.modelcontextprotocol/tasks`: a task of ours is a task of the protocol, under the same id.
//!
//! All of it is read from the coordinator and decided there, so any replica answers, before and after restarts.

mod question;
mod state;

use super::answer;
use super::tools::start_request;
use crate::application::{Application, Verb, unreadable};
use crate::caller::Caller;
use crate::identifiers;
use crate::refusal::Refusal;
use rmcp::RoleServer;
use rmcp::model::{CallToolResponse, CreateTaskResult, DetailedTask, InputResponses};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What an answer meets that comes after another one.
const LATE: [&str; 3] = ["already_decided", "not_awaiting_approval", "already_terminal"];

/// Whether the client said, with this request, that it knows tasks.
pub fn are_declared(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|can| can.supports_tasks())
}

/// Whether the client can put questions to a person; others must not be sent any.
pub fn can_be_asked(context: &RequestContext<RoleServer>) -> bool {
    context
        .client_capabilities()
        .is_some_and(|can| can.elicitation.is_some())
}

/// `start_request` of a client that knows tasks: answered after the task is durable.
pub async fn start(app: &Application, caller: Caller, arguments: Map<String, Value>) -> CallToolResponse {
    match start_request::submit(app, caller, arguments).await {
        Ok(task) => CreateTaskResult::new(state::begun(&task.task_id)).into(),
        Err(refusal) => answer::result(Err(refusal), caller).into(),
    }
}

/// `tasks/get`. `may_ask`: what waits for a person is put as questions to the client.
///
/// # Errors
/// 404 for an id that is not the tenant's, 503 when the coordinator does not answer.
pub async fn get(app: &Application, caller: Caller, task: &str, may_ask: bool) -> Result<DetailedTask, Refusal> {
    let document = status(app, caller, id(task)?).await?;
    Ok(state::of(document, may_ask))
}

/// `tasks/update`: answers become decisions. What is not open any more is passed over, as the extension wants it.
///
/// # Errors
/// As [`get`]; 422 for an answer that is none; what the coordinator refuses.
pub async fn update(app: &Application, caller: Caller, task: &str, answers: InputResponses) -> Result<(), Refusal> {
    let task = id(task)?;
    let document = status(app, caller, task).await?;
    for gate in state::open_gates(&document) {
        let Some(answer) = state::gate_id(gate).and_then(|id| answers.get(id)) else {
            continue;
        };
        let Some(decision) = question::answered(gate, answer)? else {
            continue;
        };
        match app.decide(caller, task, &decision).await {
            Err(refusal) if LATE.contains(&refusal.problem().code.as_str()) => {
                tracing::debug!(code = refusal.problem().code, "late answer");
            }
            answered => drop(answered?),
        }
    }
    Ok(())
}

/// `tasks/cancel`: of an ended task nothing is left to cancel.
///
/// # Errors
/// As [`get`].
pub async fn cancel(app: &Application, caller: Caller, task: &str) -> Result<(), Refusal> {
    match app.control(caller, id(task)?, Verb::Cancel, None::<&()>).await {
        Err(refusal) if refusal.status() == 409 => Ok(()),
        answered => answered.map(drop),
    }
}

async fn status(app: &Application, caller: Caller, task: Uuid) -> Result<Value, Refusal> {
    let document = app.task(caller, task).await?;
    serde_json::from_str(&document.json).map_err(|_| unreadable("the task"))
}

fn id(task: &str) -> Result<Uuid, Refusal> {
    let no_task = || Refusal::new(404, "task_not_found", "there is no task of this id");
    identifiers::parse(task).ok_or_else(no_task)
}
