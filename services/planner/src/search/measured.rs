//! How often the tools a request needs are among those shown: 283 tools of 83 servers and APIs, 137 requests as
//! people write them. `docs/tool-search.md` states the figures.

use super::fitting;
use llm::{Context, Memory, PlanAsk, ToolCard};
use serde_json::{Map, Value, json};

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
        let mut missed = Vec::new();
        for (request, needs) in &requests {
            let context = Context {
                request: (*request).to_owned(),
                ..Context::default()
            };
            let ask = PlanAsk {
                context: &context,
                tools: &tools,
                memory: &Memory::default(),
                feedback: &[],
            };
            let shown = fitting(&ask, most);
            let is_shown = |id: &&str| shown.iter().any(|tool| tool.tool_id == **id);
            if !needs.iter().all(|any| any.iter().any(|id| is_shown(id))) {
                missed.push(*request);
            }
        }
        let recall = 1.0 - missed.len() as f64 / requests.len() as f64;
        println!(
            "{most} of {} tools shown: {recall:.3} of {} requests",
            tools.len(),
            requests.len()
        );
        println!("  missed: {missed:#?}");
        assert!(recall >= floor, "recall at {most} fell to {recall:.3}");
    }
}
