//! `orchestrator cancel`, `pause`, `resume`, `retry`.

use super::Caller;
use crate::arguments::RetryArguments;
use crate::text::field;
use anyhow::Result;
use client::{Budget, ClientError, RetryRequest};
use serde_json::Value;

pub async fn cancel(caller: &Caller, task_id: &str) -> Result<()> {
    show(caller, task_id, caller.client.cancel(task_id).await)
}

pub async fn pause(caller: &Caller, task_id: &str) -> Result<()> {
    show(caller, task_id, caller.client.pause(task_id).await)
}

pub async fn resume(caller: &Caller, task_id: &str) -> Result<()> {
    show(caller, task_id, caller.client.resume(task_id).await)
}

pub async fn retry(caller: &Caller, arguments: RetryArguments) -> Result<()> {
    let RetryArguments {
        task,
        from_step,
        raise_cost,
        raise_tokens,
        raise_calls,
        raise_duration,
        send_again,
    } = arguments;
    let raise = Budget {
        max_cost_usd: raise_cost,
        max_tokens: raise_tokens,
        max_calls: raise_calls,
        max_duration_seconds: raise_duration,
    };
    let retry = RetryRequest {
        from_step,
        raise_budget: Some(raise).filter(|raise| *raise != Budget::default()),
        send_again,
    };
    let task_id = caller.task(&task).await?;
    show(caller, &task_id, caller.client.retry(&task_id, &retry).await)
}

fn show(caller: &Caller, task_id: &str, answer: Result<Value, ClientError>) -> Result<()> {
    caller.print(&answer?, |task, _| format!("{task_id}  {}", field(task, "status")))
}
