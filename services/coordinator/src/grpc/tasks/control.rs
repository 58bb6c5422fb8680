//! Control: cancel, pause, resume, retry.

use super::{Tasks, asking, document};
use crate::grpc::problems;
use crate::policy::usd_micros;
use crate::store::tasks::used;
use crate::view;
use contracts::api::{Budget, RetryRequest};
use contracts::coordinator::{ControlRequest, Document};
use contracts::problem::Problem;
use serde_json::Value;
use tonic::{Response, Status};
use workflow::ids::TaskId;
use workflow::input::Input;
use workflow::state::Money;
use workflow::time::Millis;

impl Tasks {
    /// Answered with the status document.
    pub(super) async fn steer(&self, request: ControlRequest) -> Result<Response<Document>, Status> {
        let caller = asking::caller(request.caller)?;
        let id = asking::task_id(&request.task_id)?;
        let input = input(&request.verb, caller.actor, &request.body_json)?;
        self.own(&caller.tenant, id).await?;
        let goes_on = matches!(input, Input::RetryRequested { .. } | Input::ResumeRequested { .. });
        let answer = self.say(id, input, goes_on).await?;
        problems::settled(answer)?;
        let status = self.status(&caller.tenant, id).await?;
        match request.verb.as_str() {
            "retry" => self.with_what_stands(&caller.tenant, id, status).await,
            _ => Ok(status),
        }
    }

    /// The status document with `retried`: what is not done again, and what that saves.
    async fn with_what_stands(
        &self,
        tenant: &str,
        id: TaskId,
        status: Response<Document>,
    ) -> Result<Response<Document>, Status> {
        let facts = self.facts(self.find(tenant, id).await?).await?;
        let Some(plan) = &facts.plan else { return Ok(status) };
        let runs = used::by_step(&self.shared.pool, id, plan.version).await;
        let used = view::used_by(&facts.task, plan, &facts.submission, runs.map_err(problems::stored)?);
        let mut shown: Value = asking::json(&status.into_inner().json)?;
        if let Value::Object(members) = &mut shown {
            members.insert("retried".to_owned(), view::kept(&facts.task, plan, &used));
        }
        Ok(document(&shown))
    }
}

fn input(verb: &str, actor: String, body: &str) -> Result<Input, Status> {
    match verb {
        "cancel" => Ok(Input::CancelRequested { actor }),
        "pause" => Ok(Input::PauseRequested { actor }),
        "resume" => Ok(Input::ResumeRequested { actor }),
        "retry" => retry(actor, body),
        _ => Err(Problem::new(
            422,
            "unknown_verb",
            "a task can be cancelled, paused, resumed and retried",
        )
        .to_status()),
    }
}

fn retry(actor: String, body: &str) -> Result<Input, Status> {
    let asked: RetryRequest = if body.is_empty() {
        RetryRequest::default()
    } else {
        asking::json(body)?
    };
    let more = asked.raise_budget.unwrap_or_default();
    Ok(Input::RetryRequested {
        actor,
        from_step: asked.from_step,
        raise_budget: asked.raise_budget.map(raise),
        more_time: Millis::from_secs_f64(more.max_duration_seconds.unwrap_or(0.0)),
        send_again: asked.send_again,
    })
}

fn raise(more: Budget) -> Money {
    Money {
        usd_micros: more.max_cost_usd.map_or(0, usd_micros),
        tokens: more.max_tokens.unwrap_or(0).max(0),
        calls: more.max_calls.unwrap_or(0).max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_becomes_its_input() {
        let actor = || "ann".to_owned();
        assert_eq!(
            input("cancel", actor(), "").unwrap(),
            Input::CancelRequested { actor: actor() }
        );
        assert_eq!(
            input("pause", actor(), "").unwrap(),
            Input::PauseRequested { actor: actor() }
        );
        assert_eq!(
            input("resume", actor(), "").unwrap(),
            Input::ResumeRequested { actor: actor() }
        );
        let body = r#"{"from_step":"draft","raise_budget":{"max_cost_usd":0.5,"max_calls":3,"max_duration_seconds":9},"send_again":true}"#;
        let expected = Input::RetryRequested {
            actor: actor(),
            from_step: Some("draft".to_owned()),
            raise_budget: Some(Money {
                usd_micros: 500_000,
                tokens: 0,
                calls: 3,
            }),
            more_time: Millis::secs(9),
            send_again: true,
        };
        assert_eq!(input("retry", actor(), body).unwrap(), expected);
        for (verb, body) in [
            ("explode", ""),
            ("retry", "{"),
            ("retry", r#"{"raise_budget":{"max_hours":9}}"#),
        ] {
            let problem = Problem::from_status(&input(verb, actor(), body).unwrap_err());
            assert_eq!(problem.status, 422, "{verb} {body}");
        }
    }
}
