//! How often the tools a request needs are among those shown: 283 tools of 83 servers and APIs, 137 requests as
//! people write them. `docs/tool-search.md` states the figures.

use super::{chosen, fitting, fused};
use crate::meaning::{Meaning, NoMeaning};
use llm::{Context, Embedder, EmbedderSettings, Memory, PlanAsk, ToolCard};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// `tool_id`, what it does, its arguments; by tabs.
const TOOLS: &str = include_str!("tools.tsv");
/// A request, and what it needs: `,` and, `|` or.
const REQUESTS: &str = include_str!("requests.tsv");

/// How many are shown, and the least share of requests whose tools are among them.
const FLOORS: [(usize, f64); 3] = [(24, FLOOR_24), (12, FLOOR_12), (8, FLOOR_8)];
const FLOOR_24: f64 = 0.80;
const FLOOR_12: f64 = 0.76;
const FLOOR_8: f64 = 0.74;

fn tools() -> Vec<ToolCard> {
    let card = |line: &str| {
        let mut parts = line.split('\t');
        let mut part = || parts.next().unwrap_or_default();
        let (tool_id, description, arguments) = (part(), part(), part());
        let (server, name) = tool_id.split_once('.').unwrap();
        let properties: Map<String, Value> = arguments
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| (name.to_owned(), json!({})))
            .collect();
        ToolCard {
            tool_id: tool_id.to_owned(),
            name: format!("{server} {name}"),
            description: description.to_owned(),
            category: "api".to_owned(),
            input_schema: json!({"type": "object", "properties": properties}),
            source: "api".to_owned(),
            ..llm::null_tool()
        }
    };
    TOOLS.lines().map(card).chain(llm::agent_tools()).collect()
}

fn requests() -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
    let request = |line: &'static str| {
        let (request, needs) = line.split_once('\t').unwrap();
        (
            request,
            needs.split(',').map(|need| need.split('|').collect()).collect(),
        )
    };
    REQUESTS.lines().map(request).collect()
}

/// The share of requests whose tools are all among `most` shown tools; misses are printed.
fn recall(name: &str, most: usize, tools: &[ToolCard], shown: impl Fn(&PlanAsk<'_>, usize) -> Vec<ToolCard>) -> f64 {
    let requests = requests();
    let mut missed = Vec::new();
    for (number, (request, needs)) in requests.iter().enumerate() {
        let context = Context {
            request: (*request).to_owned(),
            ..Context::default()
        };
        let ask = PlanAsk {
            context: &context,
            tools,
            memory: &Memory::default(),
            feedback: &[],
        };
        let shown = shown(&ask, number);
        let is_shown = |id: &&str| shown.iter().any(|tool| tool.tool_id == **id);
        if !needs.iter().all(|any| any.iter().any(&is_shown)) {
            missed.push(*request);
        }
    }
    let recall = 1.0 - missed.len() as f64 / requests.len() as f64;
    println!(
        "{name}, {most} of {} tools shown: {recall:.3} of {} requests",
        tools.len(),
        requests.len()
    );
    println!("  missed: {missed:#?}");
    recall
}

#[test]
fn what_a_request_needs_is_among_the_few_that_are_shown() {
    let (tools, requests) = (tools(), requests());
    assert!(tools.len() >= 200 && requests.len() >= 100);
    for (_, needs) in &requests {
        for id in needs.iter().flatten() {
            assert!(tools.iter().any(|tool| tool.tool_id == *id), "there is no tool {id}");
        }
    }
    for (most, floor) in FLOORS {
        let recall = recall("words", most, &tools, |ask, _| fitting(ask, most, &[]));
        assert!(recall >= floor, "recall at {most} fell to {recall:.3}");
    }
}

/// Measures a server of embeddings: `ORCHESTRATOR_EMBEDDINGS_URL`, a base URL, and `ORCHESTRATOR_EMBEDDINGS_MODEL`.
#[tokio::test]
#[ignore = "needs a server of embeddings"]
async fn meaning_finds_more_than_words() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let embedder = Embedder::new(EmbedderSettings {
        provider: "measured".to_owned(),
        base_url: Some(variable("ORCHESTRATOR_EMBEDDINGS_URL")),
        api_key: None,
        model: variable("ORCHESTRATOR_EMBEDDINGS_MODEL"),
    });
    let meaning = Meaning::by(embedder.unwrap(), Duration::from_secs(10));
    let tools = tools();
    let mut similarities = Vec::new();
    for (request, _) in requests() {
        let similarity = loop {
            match meaning.of(request).similarity(&tools).await {
                Ok(similarity) if similarity.iter().all(Option::is_some) => break similarity,
                Ok(_) | Err(NoMeaning::Lacking { failed: None, .. }) => sleep(Duration::from_secs(1)).await,
                Err(error) => panic!("{error}"),
            }
        };
        similarities.push(similarity);
    }
    for (most, _) in FLOORS {
        let by_words = recall("words", most, &tools, |ask, _| fitting(ask, most, &[]));
        recall("meaning", most, &tools, |ask, n| {
            chosen(ask, most, &fused(&[], &similarities[n]))
        });
        let by_both = recall("both", most, &tools, |ask, n| fitting(ask, most, &similarities[n]));
        assert!(by_both > by_words, "{by_both:.3} of {by_words:.3} at {most}");
    }
}
