//! How long a planning waits for what is remembered, where much is: 300 ms at most.

use super::{store, task};
use crate::patterns::Patterns;
use contracts::learner::RecallRequest;
use service::config::{LearningConfig, OfferFrom};
use std::time::{Duration, Instant};

/// `cargo nextest run --workspace --run-ignored only -E 'test(ten_thousand_patterns)' --no-capture`
#[tokio::test]
#[ignore = "takes minutes, and measures this machine"]
async fn ten_thousand_patterns_are_searched_well_within_what_a_planning_waits() {
    let store = store().await;
    for planted in [1_000, 9_000, 90_000] {
        store.plant_patterns("default", planted).await;
        // As text-embedding-3-small has.
        store.plant_directions("default", "own/m", 1536).await;
        let patterns = Patterns::new(
            store.clone(),
            LearningConfig {
                hold_out_share: 0.1,
                offer_from: OfferFrom::Candidate,
                ..LearningConfig::default()
            },
        );
        for dimensions in [0, 1536] {
            measured(&patterns, planted, dimensions).await;
        }
    }
}

/// Recalls by words and letters, and where there are dimensions by meaning.
async fn measured(patterns: &Patterns, planted: u32, dimensions: u16) {
    let mut took: Vec<Duration> = Vec::new();
    for n in 0..60_u32 {
        let id = planted * 100 + n + u32::from(dimensions);
        let request = RecallRequest {
            tenant: "default".to_owned(),
            task_id: task(id).to_string(),
            request: format!(
                "Please write a friendly blog post about topic{} for our shop and post it to LinkedIn",
                n * 37 % 1000
            ),
            tool_ids: (0..40).map(|tool| format!("tool{tool}_agent")).collect(),
            channels: vec!["blog".to_owned()],
            meaning: (0..dimensions).map(|at| f32::from(at % 7) - 3.0).collect(),
            meaning_model: "own/m".to_owned(),
            ..RecallRequest::default()
        };
        let begun = Instant::now();
        let recalled = patterns.recall(task(id).0, request).await.unwrap();
        took.push(begun.elapsed());
        assert!(recalled.held_out || !recalled.patterns.is_empty());
    }
    took.sort_unstable();
    println!(
        "after {planted} more patterns, {dimensions} dimensions: median {:?}, 95 % {:?}, worst {:?}",
        took[30], took[57], took[59]
    );
    // A hundred thousand are measured, and nothing is promised of them.
    if planted < 90_000 {
        assert!(took[57] < Duration::from_millis(300), "{took:?}");
    }
}
