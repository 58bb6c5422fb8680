//! Fine-tuning jobs that are what was asked for.

use super::learner::FakeLearner;
use contracts::learner::fine_tune_service_server::FineTuneService;
use contracts::learner::*;
use contracts::problem::Problem;
use serde_json::{Value, json};
use tonic::{Request, Response, Status};

type Answer = Result<Response<LearningDocument>, Status>;

pub const JOB: &str = "01900000-0000-7000-8000-0000000000f1";

fn answer(json: &Value, replayed: bool) -> Answer {
    Ok(Response::new(LearningDocument {
        json: json.to_string(),
        replayed,
    }))
}

#[tonic::async_trait]
impl FineTuneService for FakeLearner {
    async fn start_fine_tune(&self, request: Request<StartFineTuneRequest>) -> Answer {
        let request = request.into_inner();
        let asked: Value = serde_json::from_str(&request.fine_tune_json).unwrap();
        if asked["provider"] == "nobody" {
            return Err(Problem::new(422, "fine_tuning_not_allowed", "provider").to_status());
        }
        let cost = json!({ "usd": null, "estimated_usd": 1.5 });
        let job =
            json!({ "fine_tune_id": JOB, "state": "queued", "asked": asked, "tenant": request.tenant, "cost": cost });
        answer(&job, request.idempotency_key == "again")
    }

    async fn list_fine_tunes(&self, request: Request<ListFineTunesRequest>) -> Answer {
        let request = request.into_inner();
        let asked = json!({ "fine_tune_id": JOB, "limit": request.limit, "cursor": request.cursor });
        answer(&json!({ "items": [asked], "next_cursor": "c" }), false)
    }

    async fn get_fine_tune(&self, request: Request<GetFineTuneRequest>) -> Answer {
        let id = request.into_inner().fine_tune_id;
        if id != JOB {
            return Err(Problem::new(404, "fine_tune_not_found", "there is no such job").to_status());
        }
        answer(
            &json!({ "fine_tune_id": id, "state": "running", "reason": null }),
            false,
        )
    }

    async fn cancel_fine_tune(&self, request: Request<GetFineTuneRequest>) -> Answer {
        let id = request.into_inner().fine_tune_id;
        answer(&json!({ "fine_tune_id": id, "state": "cancelling" }), false)
    }
}
