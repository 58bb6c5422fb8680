//! Memory that answers, that is slow, that is not there.

use crate::meaning::Meaning;
use crate::memory::{Asker, Learner, followed, read};
use contracts::learner::learner_service_server::{LearnerService, LearnerServiceServer};
use contracts::learner::*;
use futures::stream::BoxStream;
use llm::{Context, Embedder, EmbedderSettings, KnownPattern, Memory, PatternDecision, PatternUse};
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{ModelServer, Say};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

const PATTERN: &str = r#"{"steps":[{"key":"a","tool_id":"research_agent","arguments":{"topic":{"$slot":"topic"}}},
    {"key":"b","tool_id":"writer_agent","arguments":{"text":{"$step":"a","pointer":"/text"}}}]}"#;

/// Knows one pattern, which it withholds from requests that say so.
struct OnePattern;

#[tonic::async_trait]
impl LearnerService for OnePattern {
    async fn recall(&self, request: Request<RecallRequest>) -> Result<Response<RecallResponse>, Status> {
        let request = request.into_inner();
        let held_out = request.request.contains("held out");
        let pattern = |id: &str, plan: &str| Pattern {
            pattern_id: id.to_owned(),
            plan_json: plan.to_owned(),
            intent: format!("{:?} of {}", request.meaning, request.meaning_model),
            evidence: 3,
            tasks: 4,
            scores: Some(Scores {
                n: 4,
                mean: if id == "t3" { f64::NAN } else { 0.9 },
                deviation: Some(0.05),
            }),
            uplift: Some(contracts::learner::Uplift {
                value: 0.25,
                low: if id == "t3" { f64::NAN } else { 0.1 },
                high: 0.4,
                n: 60,
            }),
            ..Pattern::default()
        };
        let preferences = if request.user == "bea" {
            json!({"tone": {"value": "dry", "source": "explicit", "scope": "user", "strength": 1.0},
                   "audience": {"value": "gardeners", "source": "behaviour", "scope": "team", "strength": 0.9}})
        } else {
            json!({})
        };
        let known = vec![pattern(&request.task_id, PATTERN), pattern("broken", "{")];
        Ok(Response::new(RecallResponse {
            patterns: if held_out { Vec::new() } else { known },
            preferences_json: preferences.to_string(),
            held_out,
            withheld: Some(Scores {
                n: 7,
                mean: 0.8,
                deviation: Some(0.1),
            }),
            associations: vec![Association {
                statement: "editors go with success".to_owned(),
                ..Association::default()
            }],
            issues: vec![Issue {
                tool_id: "writer_agent".to_owned(),
                hint: "say more".to_owned(),
                ..Issue::default()
            }],
        }))
    }

    type DownloadExportStream = BoxStream<'static, Result<ExportChunk, Status>>;

    async fn start_export(&self, _: Request<StartExportRequest>) -> Result<Response<ExportDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_export(&self, _: Request<GetExportRequest>) -> Result<Response<ExportDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn download_export(
        &self,
        _: Request<GetExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_record_schema(&self, _: Request<GetRecordSchemaRequest>) -> Result<Response<ExportDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn import_records(
        &self,
        _: Request<tonic::Streaming<ImportChunk>>,
    ) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn list_patterns(&self, _: Request<ListPatternsRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_pattern(&self, _: Request<GetPatternRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn review_pattern(&self, _: Request<ReviewPatternRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    type ExportPatternsStream = BoxStream<'static, Result<ExportChunk, Status>>;
    async fn export_patterns(
        &self,
        _: Request<ExportPatternsRequest>,
    ) -> Result<Response<Self::ExportPatternsStream>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn import_patterns(&self, _: Request<ImportPatternsRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_metrics(&self, _: Request<GetMetricsRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn record_business_metrics(
        &self,
        _: Request<RecordBusinessMetricsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn analyse_business_metrics(
        &self,
        _: Request<AnalyseBusinessMetricsRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn record_feedback(&self, _: Request<RecordFeedbackRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn list_preferences(&self, _: Request<ListPreferencesRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn state_preferences(
        &self,
        _: Request<StatePreferencesRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn retract_preference(
        &self,
        _: Request<RetractPreferenceRequest>,
    ) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn erase_user(&self, _: Request<EraseUserRequest>) -> Result<Response<LearningDocument>, Status> {
        Err(Status::unimplemented(""))
    }
}

fn context(request: &str) -> Context {
    Context {
        request: request.to_owned(),
        ..Context::default()
    }
}

async fn bound() -> (TcpListener, Learner) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let learner = Learner::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    (listener, learner)
}

fn asker(task_id: &str) -> Asker<'_> {
    Asker {
        task_id,
        tenant: "default",
        user: "ann",
    }
}

#[tokio::test]
async fn what_is_remembered_is_told_and_nothing_to_a_task_held_out() {
    let (listener, learner) = bound().await;
    let server = tonic::transport::Server::builder().add_service(LearnerServiceServer::new(OnePattern));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let recalled = learner.recall(asker("t1"), &context("write"), &[], None).await;
    assert_eq!(recalled.as_str(), "used");
    let [pattern] = recalled.memory().patterns.as_slice() else {
        panic!("{recalled:?}")
    };
    assert_eq!(
        (pattern.pattern_id.as_str(), pattern.evidence, pattern.success_rate),
        ("t1", 3, Some(0.75))
    );
    let scores = |n, mean, deviation| crate::quality::Scores { n, mean, deviation };
    assert_eq!(recalled.scores(), [Some(scores(4, 0.9, 0.05))], "of what can be read");
    assert_eq!(recalled.withheld(), Some(scores(7, 0.8, 0.1)));
    assert_eq!(recalled.memory().associations, ["editors go with success"]);
    let [issue] = recalled.memory().issues.as_slice() else {
        panic!("{recalled:?}")
    };
    assert_eq!(
        (issue.tool_id.as_str(), issue.hint.as_str()),
        ("writer_agent", "say more")
    );
    let odd = learner.recall(asker("t3"), &context("write"), &[], None).await;
    assert_eq!(odd.scores(), [None], "no number is no score");
    let held_out = learner.recall(asker("t2"), &context("held out"), &[], None).await;
    assert_eq!((held_out.as_str(), held_out.memory()), ("empty", &Memory::default()));
    assert_eq!((held_out.scores(), held_out.withheld()), (&[][..], recalled.withheld()));
}

#[tokio::test]
async fn preferences_are_told_the_surest_first_and_a_task_held_out_keeps_what_was_stated() {
    let (listener, learner) = bound().await;
    let server = tonic::transport::Server::builder().add_service(LearnerServiceServer::new(OnePattern));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let bea = Asker {
        user: "bea",
        ..asker("t1")
    };
    let held_out = learner.recall(bea, &context("held out"), &[], None).await;
    assert_eq!(held_out.as_str(), "used");
    assert!(held_out.memory().patterns.is_empty() && held_out.scores().is_empty());
    let told: Vec<String> = held_out
        .memory()
        .preferences
        .iter()
        .map(|known| known.in_words())
        .collect();
    assert_eq!(
        told,
        [
            "tone \"dry\" (stated by the user)",
            "audience \"gardeners\" (learned from what the team asked for)"
        ]
    );
}

#[tokio::test]
async fn a_learner_that_never_answers_costs_300_ms_once() {
    // Connections are taken by the kernel, and nobody reads them.
    let (listener, learner) = bound().await;
    let begun = Instant::now();
    let recalled = learner.recall(asker("t"), &context("write"), &[], None).await;
    let waited = begun.elapsed();
    assert_eq!(recalled.as_str(), "unavailable");
    assert!(
        (Duration::from_millis(250)..Duration::from_millis(600)).contains(&waited),
        "{waited:?}"
    );
    let begun = Instant::now();
    for _ in 0..100 {
        learner.recall(asker("t"), &context("write"), &[], None).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    drop(listener);
}

fn meaning(server: &ModelServer) -> Meaning {
    let embedder = Embedder::new(EmbedderSettings {
        provider: "own".to_owned(),
        base_url: Some(server.url()),
        api_key: None,
        model: "m".to_owned(),
    });
    Meaning::by(embedder.unwrap(), Duration::from_secs(5))
}

/// A vector of that many parts, of which the first is all.
fn embedded(dimensions: usize) -> Say {
    let vector: Vec<f32> = (0..dimensions).map(|at| if at == 0 { 2.0 } else { 0.0 }).collect();
    Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"data": [{"index": 0, "embedding": vector}]}).to_string(),
    }
}

/// The intent of the only pattern, which tells what was asked with.
fn told(recalled: &crate::memory::Recalled) -> &str {
    assert_eq!(recalled.as_str(), "used");
    &recalled.memory().patterns[0].intent
}

#[tokio::test]
async fn what_the_request_means_is_told_with_the_model_and_embedded_once() {
    let (listener, learner) = bound().await;
    let server = tonic::transport::Server::builder().add_service(LearnerServiceServer::new(OnePattern));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let embeddings = ModelServer::start().await.unwrap();
    embeddings.always(embedded(2));
    let meaning = meaning(&embeddings);
    let meant = meaning.of("write");
    for _ in 0..2 {
        let recalled = learner.recall(asker("t"), &context("write"), &[], Some(&meant)).await;
        assert_eq!(told(&recalled), "[1.0, 0.0] of own/m");
    }
    assert_eq!(embeddings.asked().len(), 1);
    let recalled = learner.recall(asker("t"), &context("write"), &[], None).await;
    assert_eq!(told(&recalled), "[] of ");
    embeddings.always(embedded(4097));
    let too_long = meaning.of("write more");
    let recalled = learner
        .recall(asker("t"), &context("write more"), &[], Some(&too_long))
        .await;
    assert_eq!(told(&recalled), "[] of ");
}

#[tokio::test]
async fn a_slow_server_of_embeddings_leaves_the_learner_half_of_the_patience_and_one_that_failed_all_of_it() {
    let (listener, learner) = bound().await;
    let server = tonic::transport::Server::builder().add_service(LearnerServiceServer::new(OnePattern));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let embeddings = ModelServer::start().await.unwrap();
    embeddings.always(Say::Silent);
    let slow = meaning(&embeddings);
    let recalled = learner
        .recall(asker("t"), &context("write"), &[], Some(&slow.of("write")))
        .await;
    assert_eq!(told(&recalled), "[] of ");

    let (unread, silent) = bound().await;
    let begun = Instant::now();
    let recalled = silent
        .recall(asker("t"), &context("write"), &[], Some(&slow.of("write")))
        .await;
    assert_eq!(recalled.as_str(), "unavailable");
    assert!(
        begun.elapsed() < Duration::from_millis(600),
        "both together: {:?}",
        begun.elapsed()
    );
    drop(unread);

    embeddings.always(Say::Fails(503, None));
    let failing = meaning(&embeddings);
    assert!(failing.of("write").vector().await.is_err());
    let asked = embeddings.asked().len();
    let left_alone = failing.of("write");
    let recalled = learner
        .recall(asker("t"), &context("write"), &[], Some(&left_alone))
        .await;
    assert_eq!(told(&recalled), "[] of ");
    assert_eq!(embeddings.asked().len(), asked, "it is left alone");
}

#[tokio::test]
async fn a_learner_that_is_not_there_costs_next_to_nothing() {
    let (listener, learner) = bound().await;
    drop(listener);
    let begun = Instant::now();
    let recalled = learner.recall(asker("t"), &context("write"), &[], None).await;
    assert_eq!(recalled.as_str(), "unavailable");
    assert!(begun.elapsed() < Duration::from_millis(400), "{:?}", begun.elapsed());
}

#[test]
fn a_pattern_counts_as_used_when_the_plan_follows_it() {
    let pattern = |id: &str| KnownPattern {
        pattern_id: id.to_owned(),
        plan: serde_json::from_str(PATTERN).unwrap(),
        ..KnownPattern::default()
    };
    let memory = Memory {
        patterns: vec![pattern("p1"), pattern("p2")],
        ..Memory::default()
    };
    let said = |id: &str, decision| PatternUse {
        pattern_id: id.to_owned(),
        decision,
        reason: String::new(),
    };
    let following = json!({"steps": [
        {"key": "x", "tool_id": "research_agent", "arguments": {"topic": "tea"}},
        {"key": "y", "tool_id": "writer_agent", "arguments": {"text": {"$step": "x"}}}]})
    .to_string();
    let other = json!({"steps": [{"key": "x", "tool_id": "seo_agent"}]}).to_string();
    let adopted = [
        said("p1", PatternDecision::Adopted),
        said("p2", PatternDecision::Refused),
    ];
    assert_eq!(followed(&following, &memory, &adopted), ["p1"]);
    assert!(followed(&other, &memory, &adopted).is_empty(), "claimed, but not done");
    let made_up = [said("p9", PatternDecision::Adopted)];
    assert!(followed(&following, &memory, &made_up).is_empty(), "never offered");
}

#[test]
fn a_part_of_plans_is_followed_by_a_plan_that_has_it_among_much_else() {
    let known = |kind: &str| {
        let pattern = Pattern {
            pattern_id: "p1".to_owned(),
            plan_json: PATTERN.to_owned(),
            kind: kind.to_owned(),
            ..Pattern::default()
        };
        let answer = RecallResponse {
            patterns: vec![pattern],
            ..RecallResponse::default()
        };
        read(answer).memory().clone()
    };
    let others = (0..12).map(|n| json!({"key": format!("o{n}"), "tool_id": format!("other{n}")}));
    let steps: Vec<_> = others
        .chain([
            json!({"key": "x", "tool_id": "research_agent", "arguments": {"topic": "tea"}}),
            json!({"key": "y", "tool_id": "writer_agent", "arguments": {"text": {"$step": "x"}}}),
        ])
        .collect();
    let plan = json!({ "steps": steps }).to_string();
    let said = [PatternUse {
        pattern_id: "p1".to_owned(),
        decision: PatternDecision::Adopted,
        reason: String::new(),
    }];
    assert_eq!(followed(&plan, &known("fragment"), &said), ["p1"]);
    assert!(
        followed(&plan, &known("plan"), &said).is_empty(),
        "a plan of its own, mostly"
    );
}
