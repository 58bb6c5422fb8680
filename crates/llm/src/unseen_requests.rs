//! Requests nobody wrote the engine for: plan, write, judge, repair.

use crate::memory::Memory;
use crate::port::{Agent, Context, Criteria, Criterion, JudgeAsk, JudgedText, Judgement, NoTools, PlanAsk, WriteAsk};
use crate::{Tier, agent_tools, text_of};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const REQUESTS: [(&str, &[&str]); 22] = [
    ("Generate blog post about AI trends", &["AI trends", "blog post"]),
    (
        "Write a friendly blog post about cold brew coffee for home baristas, 300 words",
        &["cold brew coffee", "home baristas", "friendly"],
    ),
    (
        "Create a newsletter for customers about the spring sale and mention \"free shipping over 40 euros\"",
        &["spring sale", "customers", "free shipping over 40 euros", "newsletter"],
    ),
    (
        "Draft a press release announcing our new office in Lisbon. The office opens on 4 June and has 30 desks.",
        &["new office in Lisbon", "4 June", "30 desks", "press release"],
    ),
    (
        "Write a product description for a bamboo toothbrush with a playful tone",
        &["bamboo toothbrush", "playful"],
    ),
    (
        "Explain how DNS works to beginners in a technical style",
        &["how DNS works", "beginners", "technical"],
    ),
    (
        "I need an FAQ on returns for our online shop, formal tone",
        &["returns", "faq", "formal"],
    ),
    (
        "Write a tutorial about setting up a home network, covering cables, router placement and passwords",
        &["home network", "cables", "router placement", "passwords", "tutorial"],
    ),
    ("Compare PostgreSQL and MySQL for small teams", &["PostgreSQL", "MySQL"]),
    (
        "Write a 120-word email to donors about the winter appeal, warm tone, with a call to action to donate before Sunday",
        &["winter appeal", "donors", "donate before Sunday"],
    ),
    ("Give me 7 taglines for a bike repair shop", &["bike repair shop"]),
    (
        "Write a case study about reducing food waste in hotel kitchens",
        &["food waste", "hotel kitchens", "case study"],
    ),
    (
        "Please write a persuasive landing page for a language learning app aimed at busy parents",
        &["language learning app", "busy parents"],
    ),
    (
        "Write a LinkedIn post about hiring junior developers",
        &["hiring junior developers"],
    ),
    (
        "Write a memo to staff about the new parking rules. Parking is free until 31 March. Avoid jargon.",
        &["parking rules", "staff", "Parking is free until 31 March"],
    ),
    (
        "Write a guide on indoor plants for renters, at least 600 words",
        &["indoor plants", "renters", "guide"],
    ),
    (
        "Summarize this: The river rose by two metres in one night. The lower town was flooded before dawn. Volunteers carried sandbags to the old bridge. The mayor thanked everyone on Monday. Schools stay closed until Thursday.",
        &["river"],
    ),
    (
        "Write an enthusiastic announcement about our marathon charity run",
        &["marathon charity run", "enthusiastic"],
    ),
    (
        "Create a checklist for moving to a new apartment",
        &["moving", "apartment", "checklist"],
    ),
    (
        "Write a report on remote work policies for managers with 5 recommendations",
        &["remote work policies", "managers", "report"],
    ),
    ("Casual article about learning the ukulele", &["ukulele", "casual"]),
    (
        "Write a blog post titled \"Quiet Mornings\" about journaling",
        &["Quiet Mornings", "journaling"],
    ),
];

fn context(request: &str) -> Context {
    Context {
        request: request.to_owned(),
        ..Context::default()
    }
}

fn criteria() -> Criteria {
    let weights = [
        ("relevance", 0.3, 0.5),
        ("completeness", 0.25, 0.5),
        ("structure", 0.15, 0.3),
        ("clarity", 0.15, 0.3),
        ("tone", 0.15, 0.3),
    ];
    Criteria {
        dead_band: 0.0,
        threshold: 0.8,
        dimensions: weights
            .into_iter()
            .map(|(name, weight, floor)| (name.to_owned(), Criterion { weight, floor }))
            .collect(),
    }
}

fn agent(tool_id: &str) -> Agent {
    let card = agent_tools().into_iter().find(|card| card.tool_id == tool_id);
    Agent {
        card: card.unwrap_or_else(|| panic!("no agent {tool_id}")),
        prompt: String::new(),
        tier: Tier::Standard,
        tools: Vec::new(),
        max_tool_calls: 0,
    }
}

/// Runs a plan as the executor would, without templates other than the request.
fn executed(context: &Context, plan: &Value) -> BTreeMap<String, Value> {
    let mut outputs = BTreeMap::new();
    for step in plan["steps"].as_array().unwrap() {
        let arguments = resolved(&step["arguments"], context, &outputs);
        let empty = Map::new();
        let ask = WriteAsk {
            agent: &agent(step["tool_id"].as_str().unwrap()),
            tools: &NoTools,
            arguments: arguments.as_object().unwrap_or(&empty),
            context,
            feedback: &[],
        };
        outputs.insert(
            step["key"].as_str().unwrap().to_owned(),
            crate::write::write(&ask).unwrap(),
        );
    }
    outputs
}

fn resolved(value: &Value, context: &Context, outputs: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) if text == "{{request}}" => json!(context.request),
        Value::Object(members) if members.contains_key("$step") => outputs[members["$step"].as_str().unwrap()]
            .pointer(members["pointer"].as_str().unwrap())
            .cloned()
            .unwrap(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), resolved(member, context, outputs)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| resolved(item, context, outputs)).collect(),
        other => other.clone(),
    }
}

fn result(context: &Context) -> String {
    let tools = agent_tools();
    let draft = crate::plan::plan(&PlanAsk {
        context,
        tools: &tools,
        memory: &Memory::default(),
        feedback: &[],
    })
    .unwrap();
    let plan: Value = serde_json::from_str(&draft.plan_json).unwrap();
    let outputs = executed(context, &plan);
    let last = plan["steps"].as_array().unwrap().last().unwrap();
    let output = &outputs[last["key"].as_str().unwrap()];
    assert_eq!(output["engine"], "offline");
    text_of(output).unwrap()
}

fn judged(context: &Context, text: &str) -> Judgement {
    let piece = JudgedText {
        step_key: "draft".to_owned(),
        tool_id: "writer_agent".to_owned(),
        text: text.to_owned(),
        visible: true,
        repairable: true,
        ..JudgedText::default()
    };
    crate::judge::judge(&JudgeAsk {
        context,
        criteria: &criteria(),
        texts: &[piece],
        made: &[],
    })
}

fn overall(judgement: &Judgement) -> f64 {
    let criteria = criteria();
    let sum: f64 = judgement
        .dimensions
        .iter()
        .map(|(name, finding)| criteria.dimensions[name].weight * finding.score)
        .sum();
    sum / criteria
        .dimensions
        .values()
        .map(|criterion| criterion.weight)
        .sum::<f64>()
}

#[test]
fn different_requests_get_different_results_that_cover_what_was_asked() {
    let mut seen = BTreeSet::new();
    for (request, expected) in REQUESTS {
        let context = context(request);
        let text = result(&context);
        if std::env::var_os("SHOW_RESULTS").is_some() {
            println!("=== {request}\n{text}\n");
        }
        for phrase in expected {
            assert!(
                text.to_lowercase().contains(&phrase.to_lowercase()),
                "{request}: lacks {phrase:?}\n{text}"
            );
        }
        let judgement = judged(&context, &text);
        let score = overall(&judgement);
        assert!(score >= 0.9, "{request}: {score} {:#?}\n{text}", judgement.dimensions);
        assert!(judgement.blamed.is_empty(), "{request}: {:?}", judgement.blamed);
        assert!(seen.insert(text), "{request}");
    }
}

/// The texts an assessor would judge after running the plan.
fn texts_of(plan: &Value, outputs: &BTreeMap<String, Value>) -> Vec<JudgedText> {
    let steps = plan["steps"].as_array().unwrap();
    let needs = |step: &Value, key: &str| {
        step["depends_on"]
            .as_array()
            .is_some_and(|keys| keys.iter().any(|needed| needed == key))
    };
    let text = |step: &Value| {
        let key = step["key"].as_str().unwrap();
        JudgedText {
            step_key: key.to_owned(),
            tool_id: step["tool_id"].as_str().unwrap().to_owned(),
            channel: step["channel"].as_str().unwrap_or("").to_owned(),
            text: text_of(&outputs[key]).unwrap(),
            visible: step["channel"].is_string() || !steps.iter().any(|other| needs(other, key)),
            repairable: true,
            upstream: steps
                .iter()
                .filter_map(|other| other["key"].as_str())
                .filter(|other| needs(step, other))
                .map(str::to_owned)
                .collect(),
        }
    };
    steps.iter().map(text).collect()
}

fn judged_plan(context: &Context) -> (Judgement, Vec<JudgedText>) {
    let tools = agent_tools();
    let ask = PlanAsk {
        context,
        tools: &tools,
        memory: &Memory::default(),
        feedback: &[],
    };
    let draft = crate::plan::plan(&ask).unwrap();
    let plan: Value = serde_json::from_str(&draft.plan_json).unwrap();
    let outputs = executed(context, &plan);
    for step in plan["steps"].as_array().unwrap() {
        let output = &outputs[step["key"].as_str().unwrap()];
        for check in step["acceptance"].as_array().into_iter().flatten() {
            let text = output
                .pointer(check["pointer"].as_str().unwrap())
                .unwrap()
                .as_str()
                .unwrap();
            let length = text.chars().count() as u64;
            assert!(
                check["min_length"].as_u64().is_none_or(|least| length >= least),
                "{check} {text}"
            );
            assert!(
                check["max_length"].as_u64().is_none_or(|most| length <= most),
                "{check} {text}"
            );
            let lower = text.to_lowercase();
            assert!(
                check["contains"]
                    .as_str()
                    .is_none_or(|word| lower.contains(&word.to_lowercase())),
                "{check} {text}"
            );
        }
    }
    let texts = texts_of(&plan, &outputs);
    let ask = JudgeAsk {
        context,
        criteria: &criteria(),
        texts: &texts,
        made: &[],
    };
    (crate::judge::judge(&ask), texts)
}

#[test]
fn the_sample_request_passes_on_both_channels_with_its_figures() {
    let metrics = [
        ("revenue_monthly", 50_000.0),
        ("traffic_monthly", 25_000.0),
        ("conversion_rate", 0.04),
    ];
    let context = Context {
        request: "Generate blog post about AI trends".to_owned(),
        business_metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
        preferences: json!({"tone": "professional"}).as_object().cloned().unwrap(),
        channels: vec!["blog".to_owned(), "linkedin".to_owned()],
    };
    let (judgement, texts) = judged_plan(&context);
    assert!(overall(&judgement) >= 0.9, "{judgement:#?}");
    assert!(judgement.blamed.is_empty());
    let blog = &texts.iter().find(|text| text.channel == "blog").unwrap().text;
    for figure in ["50,000", "25,000", "4%", "2 per visit", "1,000 conversions"] {
        assert!(blog.contains(figure), "{figure}\n{blog}");
    }
}

#[test]
fn every_kind_of_content_passes_on_every_channel_at_the_first_attempt() {
    let subjects = [
        "solar panels for homeowners",
        "how to train a rescue dog",
        "our new vegan menu",
        "data privacy, cookies and consent",
    ];
    let mut bad = Vec::new();
    let mut runs = 0;
    for (i, kind) in crate::brief::kind::KINDS.iter().enumerate() {
        for (k, subject) in subjects.iter().enumerate() {
            let tone = crate::brief::tone::Tone::ALL[(i + 2 * k) % 9].label();
            let context = Context {
                request: format!("Write a {} about {subject}", kind.label()),
                preferences: json!({"tone": tone}).as_object().cloned().unwrap(),
                channels: ["blog", "linkedin", "x"].map(str::to_owned).to_vec(),
                ..Context::default()
            };
            let (judgement, texts) = judged_plan(&context);
            runs += 1;
            if overall(&judgement) < 0.8 || !judgement.blamed.is_empty() {
                bad.push(format!(
                    "{} {}: {judgement:#?} {texts:#?}",
                    context.request,
                    overall(&judgement)
                ));
            }
        }
    }
    assert!(bad.is_empty(), "{} of {runs}\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn the_same_request_gets_the_same_result() {
    let context = context(REQUESTS[1].0);
    assert_eq!(result(&context), result(&context));
}

#[test]
fn a_truncated_draft_scores_clearly_lower() {
    for (request, _) in REQUESTS {
        let context = context(request);
        let text = result(&context);
        let cut: String = text.chars().take(text.chars().count() * 55 / 100).collect();
        // In the middle of a word, as an interrupted writer leaves it.
        let cut = cut.trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let (whole, part) = (judged(&context, &text), judged(&context, &cut));
        assert!(
            overall(&whole) - overall(&part) >= 0.15,
            "{request}: {} {}\n{:#?}\n{cut}",
            overall(&whole),
            overall(&part),
            part.dimensions
        );
    }
}

#[test]
fn a_repaired_draft_scores_higher_and_well_enough() {
    let bad = [
        "Nothing to see here. Nothing to see here. Nothing to see here.",
        "ok",
        "This is a text about something else entirely, and it goes on without",
    ];
    for (request, _) in REQUESTS {
        let context = context(request);
        for text in bad {
            let before = judged(&context, text);
            let feedback = before
                .blamed
                .get("draft")
                .cloned()
                .unwrap_or_else(|| panic!("{request}: nobody blamed for {text:?}"));
            for (agent, arguments) in [("writer_agent", json!({})), ("editor_agent", json!({"text": text}))] {
                let ask = WriteAsk {
                    agent: &super::unseen_requests::agent(agent),
                    tools: &NoTools,
                    arguments: arguments.as_object().unwrap(),
                    context: &context,
                    feedback: std::slice::from_ref(&feedback),
                };
                let repaired = text_of(&crate::write::write(&ask).unwrap()).unwrap();
                let after = judged(&context, &repaired);
                assert!(
                    overall(&after) >= overall(&before) + 0.2,
                    "{request} {agent}: {} {}",
                    overall(&before),
                    overall(&after)
                );
                if agent == "writer_agent" {
                    assert!(
                        overall(&after) >= 0.8,
                        "{request}: {} {feedback}\n{:#?}\n{repaired}",
                        overall(&after),
                        after.dimensions
                    );
                }
            }
        }
    }
}

#[test]
fn feedback_of_people_is_obeyed() {
    let context = context("Write a blog post about tea ceremonies");
    let write = |feedback: &str| {
        let feedback = [feedback.to_owned()];
        let arguments = Map::new();
        let ask = WriteAsk {
            agent: &agent("writer_agent"),
            tools: &NoTools,
            arguments: &arguments,
            context: &context,
            feedback: &feedback,
        };
        text_of(&crate::write::write(&ask).unwrap()).unwrap()
    };
    let words = |text: &str| text.split_whitespace().count();
    let plain = write("");
    assert!(write("mention the matcha whisk").contains("matcha whisk"));
    assert!(words(&write("make it shorter")) < words(&plain) * 9 / 10);
    assert!(words(&write("make it longer")) > words(&plain) * 11 / 10);
    assert!(write("add a section on seasonal sweets").contains("## Seasonal sweets"));
    assert!(write("tone friendlier").contains("friendly"));
    let avoided = plain
        .split_whitespace()
        .filter(|word| word.len() > 7 && word.chars().all(char::is_lowercase))
        .nth(9)
        .unwrap();
    assert!(!write(&format!("Do not use the word {avoided}")).contains(avoided));
    assert_ne!(write("I do not like it"), plain);
}

#[test]
fn blame_goes_to_the_step_whose_text_has_the_fault() {
    let context = Context {
        channels: vec!["blog".to_owned(), "linkedin".to_owned()],
        ..context("Write a blog post about tea ceremonies")
    };
    let good = result(&Context {
        channels: Vec::new(),
        ..context.clone()
    });
    let short: String = good.chars().take(400).collect();
    let piece = |key: &str, tool: &str, channel: &str, text: &str, upstream: &[&str]| JudgedText {
        step_key: key.to_owned(),
        tool_id: tool.to_owned(),
        channel: channel.to_owned(),
        text: text.to_owned(),
        visible: !channel.is_empty(),
        repairable: tool != "null",
        upstream: upstream.iter().map(|key| (*key).to_owned()).collect(),
    };
    let post = "A word on tea ceremonies, kept short for once.\n\nWith tea ceremonies, start from what you can already observe and write it down in plain words.\n\nTea ceremonies reward those who take their time and ask one good question.\n\n#TeaCeremonies";
    let blamed = |texts: &[JudgedText]| {
        let judgement = crate::judge::judge(&JudgeAsk {
            context: &context,
            criteria: &criteria(),
            texts,
            made: &[],
        });
        judgement.blamed.into_keys().collect::<Vec<_>>()
    };
    let linkedin = piece("linkedin", "social_agent", "linkedin", post, &["draft"]);
    let texts = [
        piece("draft", "writer_agent", "", &good, &[]),
        piece("blog", "editor_agent", "blog", &good, &["draft"]),
        linkedin.clone(),
    ];
    assert_eq!(blamed(&texts), Vec::<String>::new());
    let texts = [
        piece("draft", "writer_agent", "", &good, &[]),
        piece("blog", "editor_agent", "blog", &short, &["draft"]),
        linkedin.clone(),
    ];
    assert_eq!(blamed(&texts), ["blog"]);
    let texts = [
        piece("draft", "writer_agent", "", &short, &[]),
        piece("blog", "editor_agent", "blog", &short, &["draft"]),
        linkedin.clone(),
    ];
    assert_eq!(blamed(&texts), ["draft"]);
    let texts = [piece("blog", "null", "blog", &short, &[]), linkedin];
    assert_eq!(blamed(&texts), Vec::<String>::new());
}
