//! The extension `io.modelcontextprotocol/tasks`: a task of ours is a task of the protocol, under the same id.
//!
//! All of it is read from the coordinator and decided there, so any replica answers, before and after restarts.

mod message;
mod question;
mod shown;
mod state;
mod tool_form;

use super::tools::start_request;
use super::{answer, decisions};
use crate::application::{Application, Verb, unreadable};
use crate::caller::Caller;
use crate::identifiers;
use crate::refusal::Refusal;
use futures::{StreamExt, TryStreamExt, stream};
use rmcp::RoleServer;
use rmcp::model::{CallToolResponse, CreateTaskResult, DetailedTask, ElicitationCapability, InputResponses};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What an answer meets that comes after another one.
const LATE: [&str; 3] = ["already_decided", "not_awaiting_approval", "already_terminal"];

/// Gates asked about at once, the oldest; others have their turn when these are closed.
const MAX_ASKED: usize = 32;
/// Approvals read at a time.
const READ_AT_ONCE: usize = 4;

/// Whether the client said, with this request, that it knows tasks.
pub fn are_declared(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|can| can.supports_tasks())
}

/// Whether the client can show forms to a person; others must not be sent any.
pub fn can_be_asked(context: &RequestContext<RoleServer>) -> bool {
    let elicitation = context.client_capabilities().and_then(|can| can.elicitation);
    elicitation.is_some_and(|can| knows_forms(&can))
}

/// Clients of before there were others say nothing of forms.
fn knows_forms(elicitation: &ElicitationCapability) -> bool {
    elicitation.form.is_some() || elicitation.url.is_none()
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
    let id = id(task)?;
    let document = status(app, caller, id).await?;
    let asked = match may_ask && decisions::by_form(app.mcp.decisions) {
        true => approvals(app, caller, id, &document).await?,
        false => Vec::new(),
    };
    Ok(state::of(document, &asked, app.mcp.decisions))
}

/// `tasks/update`: answers become decisions. What is not open any more is passed over, as the extension wants it.
///
/// # Errors
/// As [`get`]; 403 where nothing is decided here; 422 for an answer that is none; what the coordinator refuses.
pub async fn update(app: &Application, caller: Caller, task: &str, answers: InputResponses) -> Result<(), Refusal> {
    let task = id(task)?;
    decisions::allow_form(app.mcp.decisions)?;
    let document = status(app, caller, task).await?;
    for gate in open_gates(&document) {
        let Some(answer) = answers.get(&gate.to_string()) else {
            continue;
        };
        let Some(gate) = approval(app, caller, task, gate).await? else {
            continue;
        };
        let Some(decision) = question::answered(&gate, answer, app.mcp.decisions)? else {
            continue;
        };
        match app.decide(caller, task, &decision).await {
            Err(refusal) if is_late(&refusal) => {
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

/// What is asked about each open gate, the oldest first.
async fn approvals(app: &Application, caller: Caller, task: Uuid, document: &Value) -> Result<Vec<Value>, Refusal> {
    let gates: Vec<Uuid> = open_gates(document).take(MAX_ASKED).collect();
    let read = stream::iter(gates).map(|gate| approval(app, caller, task, gate));
    let read: Vec<Option<Value>> = read.buffered(READ_AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

/// The gate's approval document; none: somebody closed it meanwhile.
async fn approval(app: &Application, caller: Caller, task: Uuid, gate: Uuid) -> Result<Option<Value>, Refusal> {
    match app.approval(caller, task, Some(gate)).await {
        Ok(document) => serde_json::from_str(&document.json)
            .map(Some)
            .map_err(|_| unreadable("the approval")),
        Err(refusal) if is_late(&refusal) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn open_gates(document: &Value) -> impl Iterator<Item = Uuid> {
    state::open_gates(document).filter_map(|gate| identifiers::parse(state::gate_id(gate)?))
}

fn is_late(refusal: &Refusal) -> bool {
    LATE.contains(&refusal.problem().code.as_str())
}

fn id(task: &str) -> Result<Uuid, Refusal> {
    let no_task = || Refusal::new(404, "task_not_found", "there is no task of this id");
    identifiers::parse(task).ok_or_else(no_task)
}
