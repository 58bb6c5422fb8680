//! The gRPC interface: the same rules as REST.

use crate::fake::{Gateway, MANY_FAULTS};
use contracts::problem::Problem;
use contracts::v1::orchestrator_service_client::OrchestratorServiceClient;
use contracts::v1::{
    Budget, ChannelList, DecideApprovalRequest, ForkTaskRequest, GetJudgesRequest, GetTaskRequest, SubmitTaskRequest,
    WatchTaskRequest,
};
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

async fn client(gateway: &Gateway) -> OrchestratorServiceClient<Channel> {
    let url = gateway.listen_grpc().await;
    OrchestratorServiceClient::connect(url).await.unwrap()
}

fn problem(status: &Status) -> (Code, String) {
    let problem = Problem::from_status(status);
    assert_eq!(problem.trace_id.len(), 32);
    (status.code(), problem.code)
}

fn submission() -> SubmitTaskRequest {
    SubmitTaskRequest {
        request: "write".to_owned(),
        ..SubmitTaskRequest::default()
    }
}

#[tokio::test]
async fn a_task_is_submitted_read_and_decided() {
    let gateway = Gateway::start().await;
    let mut client = client(&gateway).await;
    let full = SubmitTaskRequest {
        plan_json: r#"{"steps":[{"key":"a","tool_id":"null"}]}"#.to_owned(),
        business_metrics: HashMap::from([("revenue".to_owned(), 5.0)]),
        preferences_json: r#"{"tone":"friendly"}"#.to_owned(),
        budget: Some(Budget {
            max_tokens: Some(7),
            ..Budget::default()
        }),
        max_refinements: Some(0),
        auto_approve: Some(false),
        metadata: HashMap::from([("ticket".to_owned(), "1".to_owned())]),
        ..submission()
    };
    let accepted = client.submit_task(full).await.unwrap().into_inner();
    assert_eq!(accepted.status, "submitted");
    let stored: Value =
        serde_json::from_str(&gateway.coordinator.submissions.lock().unwrap()[0].submission_json).unwrap();
    let expected = json!({
        "request": "write", "plan": {"steps": [{"key": "a", "tool_id": "null", "arguments": {}}]}, "business_metrics": {"revenue": 5.0},
        "preferences": {"tone": "friendly"}, "budget": {"max_tokens": 7}, "max_refinements": 0, "auto_approve": false,
        "metadata": {"ticket": "1"},
    });
    assert_eq!(stored, expected);

    let id = accepted.task_id;
    let fork = ForkTaskRequest {
        task_id: id.clone(),
        fork_json: r#"{"from_step":"a"}"#.to_owned(),
    };
    let forked = client.fork_task(fork).await.unwrap().into_inner();
    let from: Value = serde_json::from_str(&forked.forked_from_json).unwrap();
    assert_eq!((&from["task_id"], &from["reused"]), (&json!(id), &json!(["a"])));
    let asked = GetTaskRequest { task_id: id.clone() };
    let trace = client.get_trace(asked).await.unwrap().into_inner();
    assert_eq!((&trace.task_id, trace.trace_id.len()), (&id, 32));
    let over_rest: Value = gateway.get(&format!("/tasks/{id}/trace")).await.json();
    assert_eq!(serde_json::from_str::<Value>(&trace.document_json).unwrap(), over_rest);
    let task = client
        .get_task(GetTaskRequest { task_id: id.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (task.status.as_str(), task.steps_done, task.quality),
        ("executing", 1, Some(0.75))
    );
    assert_eq!((task.steps[0].key.as_str(), task.steps[0].attempt), ("draft", 1));
    assert!(task.document_json.contains("created_at"));

    let decision = DecideApprovalRequest {
        task_id: id.clone(),
        approved: true,
        publish_to_channels: Some(ChannelList::default()),
        dimensions: vec!["tone".to_owned()],
        ..DecideApprovalRequest::default()
    };
    let task = client.decide_approval(decision.clone()).await.unwrap().into_inner();
    assert_eq!(task.task_id, id);
    assert_eq!(
        gateway.coordinator.decisions.lock().unwrap()[0].1,
        json!({"approved": true, "publish_to_channels": [], "dimensions": ["tone"]})
    );
    let told = client.get_judges(GetJudgesRequest {}).await.unwrap().into_inner();
    let judge = &told.judges[0];
    assert_eq!((judge.agreement, judge.kappa, judge.decisions), (Some(0.25), None, 4));
    assert_eq!((judge.may_approve, judge.reason.as_str()), (false, "few agree"));
    let over_rest: Value = gateway.get("/judges").await.json();
    assert_eq!(serde_json::from_str::<Value>(&told.document_json).unwrap(), over_rest);
    let second = client.decide_approval(decision).await.unwrap_err();
    assert_eq!(
        problem(&second),
        (Code::FailedPrecondition, "already_decided".to_owned())
    );
}

#[tokio::test]
async fn bad_input_gets_the_problems_of_rest() {
    let gateway = Gateway::start().await;
    let mut client = client(&gateway).await;
    let cases = [
        (SubmitTaskRequest::default(), "validation"),
        (
            SubmitTaskRequest {
                request: "a\0b".to_owned(),
                ..submission()
            },
            "invalid_text",
        ),
        (
            SubmitTaskRequest {
                plan_json: "{".to_owned(),
                ..submission()
            },
            "json_syntax",
        ),
        (
            SubmitTaskRequest {
                plan_json: "[".repeat(1000),
                ..submission()
            },
            "json_too_deep",
        ),
        (
            SubmitTaskRequest {
                plan_json: r#"{"steps":[],"steps":[]}"#.to_owned(),
                ..submission()
            },
            "duplicate_key",
        ),
        (
            SubmitTaskRequest {
                plan_json: "7".to_owned(),
                ..submission()
            },
            "plan_invalid",
        ),
        (
            SubmitTaskRequest {
                preferences_json: "[]".to_owned(),
                ..submission()
            },
            "validation",
        ),
        (
            SubmitTaskRequest {
                quality_threshold: Some(f64::NAN),
                ..submission()
            },
            "validation",
        ),
        (
            SubmitTaskRequest {
                business_metrics: HashMap::from([("x".to_owned(), f64::INFINITY)]),
                ..submission()
            },
            "validation",
        ),
        (
            SubmitTaskRequest {
                max_refinements: Some(11),
                ..submission()
            },
            "validation",
        ),
    ];
    for (request, code) in cases {
        let shown = format!("{request:?}");
        let status = client.submit_task(request).await.unwrap_err();
        assert_eq!(
            problem(&status),
            (Code::InvalidArgument, code.to_owned()),
            "{}",
            &shown[..shown.len().min(200)]
        );
    }
    let status = client
        .get_task(GetTaskRequest {
            task_id: "x".to_owned(),
        })
        .await
        .unwrap_err();
    assert_eq!(problem(&status), (Code::InvalidArgument, "invalid_id".to_owned()));
    let faulty = SubmitTaskRequest {
        request: MANY_FAULTS.to_owned(),
        ..submission()
    };
    let status = client.submit_task(faulty).await.unwrap_err();
    assert_eq!(problem(&status), (Code::InvalidArgument, "plan_arguments".to_owned()));
    assert!(status.details().len() < 4096);
    let unknown = GetTaskRequest {
        task_id: "01900000-0000-7000-8000-0000000fffff".to_owned(),
    };
    assert_eq!(
        problem(&client.get_task(unknown).await.unwrap_err()),
        (Code::NotFound, "task_not_found".to_owned())
    );
    assert_eq!(gateway.coordinator.submitted(), 0);
}

#[tokio::test]
async fn a_message_over_the_limit_exhausts_resources_and_the_connection_lives() {
    let gateway = Gateway::start().await;
    let mut client = client(&gateway).await;
    let huge = SubmitTaskRequest {
        request: "x".repeat(2 << 20),
        ..submission()
    };
    assert_eq!(
        client.submit_task(huge).await.unwrap_err().code(),
        Code::ResourceExhausted
    );
    client.submit_task(submission()).await.unwrap();
    assert_eq!(gateway.coordinator.submitted(), 1);
}

#[tokio::test]
async fn a_key_in_the_metadata_makes_one_task_with_rest_too() {
    let gateway = Gateway::start().await;
    let mut client = client(&gateway).await;
    let keyed = || {
        let mut request = Request::new(submission());
        request.metadata_mut().insert("idempotency-key", "k".parse().unwrap());
        request
    };
    let first = client.submit_task(keyed()).await.unwrap().into_inner();
    let again = client.submit_task(keyed()).await.unwrap().into_inner();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.task_id, again.task_id);
    let mut bad = Request::new(submission());
    bad.metadata_mut().insert("idempotency-key", "a b".parse().unwrap());
    assert_eq!(
        problem(&client.submit_task(bad).await.unwrap_err()).1,
        "invalid_idempotency_key"
    );
}

#[tokio::test]
async fn a_watch_tells_every_event_and_ends() {
    let gateway = Gateway::start().await;
    let mut client = client(&gateway).await;
    let task = gateway.task().await;
    for kind in ["task.submitted", "task.planned", "step.started", "task.completed"] {
        gateway.coordinator.happen(&task, kind);
    }
    let request = WatchTaskRequest {
        task_id: task.clone(),
        after_sequence: 1,
    };
    let events: Vec<_> = client
        .watch_task(request)
        .await
        .unwrap()
        .into_inner()
        .try_collect()
        .await
        .unwrap();
    let seen: Vec<_> = events.iter().map(|e| (e.sequence, e.r#type.as_str())).collect();
    let expected = [
        (2, "io.orchestrator.task.planned.v1"),
        (3, "io.orchestrator.step.started.v1"),
        (4, "io.orchestrator.task.completed.v1"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        serde_json::from_str::<Value>(&events[0].event_json).unwrap()["subject"],
        task
    );
    let over = WatchTaskRequest {
        task_id: task,
        after_sequence: 4,
    };
    assert!(
        client
            .watch_task(over)
            .await
            .unwrap()
            .into_inner()
            .try_next()
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn health_and_both_reflections_are_served() {
    use tonic_reflection::pb::{v1, v1alpha};
    let gateway = Gateway::start().await;
    let url = gateway.listen_grpc().await;
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let service = "orchestrator.v1.OrchestratorService".to_owned();
    let check = health
        .check(tonic_health::pb::HealthCheckRequest {
            service: service.clone(),
        })
        .await
        .unwrap();
    assert_eq!(
        check.into_inner().status(),
        tonic_health::pb::health_check_response::ServingStatus::Serving
    );

    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::FileContainingSymbol(
            service.clone(),
        )),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let answers = client
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<_> = answers.try_collect().await.unwrap();
    assert!(matches!(
        answers[0].message_response,
        Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(
            _
        ))
    ));

    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = client
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<_> = answers.try_collect().await.unwrap();
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        &answers[0].message_response
    else {
        panic!("{answers:?}");
    };
    let names: Vec<_> = list.service.iter().map(|s| s.name.as_str()).collect();
    assert!(
        names.contains(&service.as_str()) && !names.iter().any(|n| n.contains("coordinator")),
        "{names:?}"
    );
}
