//! Success correlations on real Postgres: read once, compared within kinds of requests, told to plannings.

use super::exports::rules;
use super::learning::{Ended, ended};
use super::{store, task};
use crate::export::Exports;
use crate::feedback;
use crate::imports::Imports;
use crate::patterns::Patterns;
use crate::preferences::Preferences;
use crate::rpc::Learner;
use crate::store::{NewRecord, Store};
use crate::success::{Study, associations};
use contracts::learner::learner_service_server::LearnerService;
use contracts::learner::{RecallRequest, RecallResponse, RecordFeedbackRequest};
use serde_json::json;
use service::config::LearningConfig;
use tokio_util::sync::CancellationToken;

/// Tasks with an editor go well, those without every fourth time; the hard kind of request seldom has one.
fn tasks() -> Vec<NewRecord> {
    let tasks = (1..=160).map(|n| {
        let hard = n % 2 == 0;
        let edited = if hard { n % 8 == 0 } else { n % 8 != 1 };
        Ended {
            goal: if hard {
                "Summarise the quarterly sales report for"
            } else {
                "Produce a blog post about"
            },
            tools: if edited {
                &["research_agent", "writer_agent", "editor_agent"]
            } else {
                &["research_agent", "writer_agent"]
            },
            approved: if edited { n % 5 != 0 } else { n % 4 == 2 && n % 3 == 0 },
            ..ended(n)
        }
        .record()
    });
    tasks.collect()
}

async fn study(store: &Store) {
    let study = Study {
        store: store.clone(),
        scrubber: rules().scrubber,
    };
    study.once().await.unwrap();
}

async fn recall(store: &Store, hold_out_share: f64, tools: &[&str]) -> RecallResponse {
    let config = LearningConfig {
        hold_out_share,
        ..LearningConfig::default()
    };
    let exports = Exports::new(store.clone(), rules(), CancellationToken::new());
    let learner = Learner::new(
        exports,
        Imports::new(store.clone(), rules().scrubber).unwrap(),
        Patterns::new(store.clone(), config),
        Preferences::new(store.clone(), Default::default()),
        store.clone(),
        30,
    );
    let request = RecallRequest {
        tenant: "default".to_owned(),
        task_id: task(999).to_string(),
        request: "Produce a blog post about cocoa".to_owned(),
        preferences_json: "{}".to_owned(),
        tool_ids: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        channels: vec!["blog".to_owned()],
        ..RecallRequest::default()
    };
    learner.recall(tonic::Request::new(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn only_what_is_significant_and_about_usable_tools_reaches_a_planning_and_none_that_is_held_out() {
    let store = store().await;
    store.keep(tasks()).await.unwrap();
    store.keep(tasks()).await.unwrap();
    let all = ["research_agent", "writer_agent", "editor_agent"];
    assert_eq!(
        recall(&store, 0.0, &all).await.associations,
        [],
        "nothing was compared yet"
    );
    study(&store).await;
    study(&store).await;
    let found = associations(&store, "default").await.unwrap();
    let editor = found
        .iter()
        .find(|one| one.feature == "tool:editor_agent" && one.outcome == "success")
        .unwrap();
    assert!(
        editor.significant && editor.effect > 0.3 && editor.n == 160,
        "{editor:?}"
    );
    assert!(
        editor.statement.contains("is associated with higher success"),
        "{}",
        editor.statement
    );
    assert_eq!(associations(&store, "other").await.unwrap(), []);

    let told = recall(&store, 0.0, &all).await.associations;
    let statements: Vec<&str> = told.iter().map(|one| one.statement.as_str()).collect();
    assert!(statements.contains(&editor.statement.as_str()), "{statements:?}");
    assert!(told.iter().all(|one| one.q <= 0.05), "{told:?}");
    let without = recall(&store, 0.0, &all[..2]).await.associations;
    assert!(without.iter().all(|one| !one.feature.contains("editor")), "{without:?}");
    let held_out = recall(&store, 1.0, &all).await;
    assert!(held_out.held_out && held_out.associations.is_empty());
}

#[tokio::test]
async fn feedback_counts_and_what_is_no_longer_significant_is_no_longer_told() {
    let store = store().await;
    store.keep(tasks()).await.unwrap();
    study(&store).await;
    let tools = ["research_agent", "writer_agent", "editor_agent"];
    assert!(!recall(&store, 0.0, &tools).await.associations.is_empty());
    // People dislike everything that went well.
    for n in 1..=160 {
        let request = RecordFeedbackRequest {
            tenant: "default".to_owned(),
            actor: "bob".to_owned(),
            task_id: task(n).to_string(),
            feedback_json: json!({"rating": 1, "comment": null, "dimension": null, "step_id": null}).to_string(),
            idempotency_key: String::new(),
        };
        feedback::note(&store, service::ids::v7(), request).await.unwrap();
    }
    study(&store).await;
    let told = recall(&store, 0.0, &tools).await.associations;
    assert!(told.iter().all(|one| one.outcome != "success"), "{told:?}");
}

#[tokio::test]
async fn one_tenant_holds_up_no_other_and_is_compared_again_only_when_something_new_is_known() {
    let store = store().await;
    let of = |tenant: &str| {
        let at = |n: u32| task(1_000 * u32::from(tenant.as_bytes()[0]) + n);
        (1..)
            .zip(tasks())
            .map(|(n, record)| NewRecord {
                task: at(n),
                tenant: tenant.to_owned(),
                ..record
            })
            .collect()
    };
    store.keep(of("a")).await.unwrap();
    store.keep(tasks()).await.unwrap();
    store.break_associations_of("a").await;
    let study = Study {
        store: store.clone(),
        scrubber: rules().scrubber,
    };
    study.once().await.unwrap_err();
    assert!(
        store.unsettled_tenants(service::clock::now()).await.unwrap().is_empty(),
        "issues are settled"
    );
    let tools = ["research_agent", "writer_agent", "editor_agent"];
    let told = recall(&store, 0.0, &tools).await.associations;
    assert!(!told.is_empty());

    let left = store.uncompared(10).await.unwrap();
    assert_eq!(left.iter().map(|one| one.tenant.as_str()).collect::<Vec<_>>(), ["a"]);
    let record = Ended {
        approved: false,
        ..ended(5_000)
    }
    .record();
    store.keep(vec![record]).await.unwrap();
    store.read_issues(&rules().scrubber).await.unwrap();
    let mut news = store.uncompared(10).await.unwrap();
    news.retain(|one| one.tenant == "default");
    // Two learners look, and the one that saw more is done first.
    store.read_issues(&rules().scrubber).await.unwrap();
    study.once().await.unwrap_err();
    store.keep_associations(&news[0], &[]).await.unwrap();
    assert_eq!(
        recall(&store, 0.0, &tools).await.associations.len(),
        told.len(),
        "it stays as the later look left it"
    );
}
