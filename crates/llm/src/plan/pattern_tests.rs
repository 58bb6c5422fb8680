//! What the offline planner makes of patterns.

use super::plan;
use crate::catalog::{ToolCard, agent_tools};
use crate::memory::{KnownPattern, Memory, PatternDecision};
use crate::port::{Context, PlanAsk, PlanDraft};
use serde_json::{Value, json};

const FIRST: &str = "Write a blog post about AI trends for our shop, friendly tone";

fn draft(request: &str, tools: &[ToolCard], patterns: Vec<KnownPattern>, feedback: &[String]) -> PlanDraft {
    let context = Context {
        request: request.to_owned(),
        channels: vec!["blog".to_owned()],
        ..Context::default()
    };
    let memory = Memory {
        patterns,
        ..Memory::default()
    };
    let ask = PlanAsk {
        context: &context,
        tools,
        memory: &memory,
        feedback,
    };
    plan(&ask).unwrap()
}

fn tools_of(draft: &PlanDraft) -> Vec<String> {
    let plan: Value = serde_json::from_str(&draft.plan_json).unwrap();
    let steps = plan["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| step["tool_id"].as_str().unwrap().to_owned())
        .collect()
}

fn learned(tools: &[String]) -> KnownPattern {
    let step = |(at, tool): (usize, &String)| json!({"key": format!("s{at}"), "tool_id": tool, "arguments": {}});
    KnownPattern {
        pattern_id: "p1".to_owned(),
        intent: FIRST.to_owned(),
        plan: json!({"steps": tools.iter().enumerate().map(step).collect::<Vec<_>>()}),
        evidence: 1,
        ..KnownPattern::default()
    }
}

#[test]
fn later_requests_in_other_words_follow_the_pattern_and_cite_it() {
    let tools = agent_tools();
    let pattern = learned(&tools_of(&draft(FIRST, &tools, Vec::new(), &[])));
    let requests = [
        "Write an article on the history of coffee for our blog",
        "Please draft a blog post for our shop: five ways to brew tea",
        "New blog post, topic: sustainable packaging, friendly tone",
        "Create a blog post on autumn colours for knitters",
        "Generate a blog article about matcha",
    ];
    for request in requests {
        let draft = draft(request, &tools, vec![pattern.clone()], &[]);
        let used = &draft.patterns[0];
        assert!(used.decision.is_used(), "{request}: {used:?}");
        assert!(draft.reasoning.contains("pattern p1"), "{}", draft.reasoning);
    }
}

#[test]
fn what_people_left_out_of_the_first_plan_is_left_out_of_the_next() {
    let tools = agent_tools();
    let usual = tools_of(&draft(FIRST, &tools, Vec::new(), &[]));
    assert!(usual.contains(&"seo_agent".to_owned()), "{usual:?}");
    let without: Vec<String> = usual.into_iter().filter(|tool| tool != "seo_agent").collect();
    let request = "Write a blog post about green tea";
    let next = draft(request, &tools, vec![learned(&without)], &[]);
    assert_eq!(
        next.patterns[0].decision,
        PatternDecision::Adopted,
        "{:?}",
        next.patterns
    );
    assert!(!tools_of(&next).contains(&"seo_agent".to_owned()), "{}", next.plan_json);
    // People's word on this task goes before.
    let asked = draft(
        request,
        &tools,
        vec![learned(&without)],
        &["Please add keywords for seo.".to_owned()],
    );
    assert!(
        tools_of(&asked).contains(&"seo_agent".to_owned()),
        "{}",
        asked.plan_json
    );
}

#[test]
fn a_pattern_that_does_not_fit_is_refused_with_the_reason_and_changes_nothing() {
    let mut tools = agent_tools();
    tools.push(ToolCard {
        tool_id: "shop.order".to_owned(),
        name: "order".to_owned(),
        description: "Place an order for tea".to_owned(),
        category: "shop".to_owned(),
        input_schema: json!({"type": "object", "properties": {}}),
        output_schema: json!(true),
        source: "api".to_owned(),
        effects: "once".to_owned(),
    });
    let request = "Write a blog post about green tea";
    let usual = draft(request, &tools, Vec::new(), &[]);
    let with = |more: &[&str]| {
        let mut known = tools_of(&usual);
        known.extend(more.iter().map(|tool| (*tool).to_owned()));
        learned(&known)
    };
    let faq = KnownPattern {
        intent: "Write an FAQ about returns".to_owned(),
        ..with(&[])
    };
    for (pattern, reason) in [
        (with(&["gone.tool"]), "gone.tool"),
        (faq, "another kind of text"),
        (learned(&vec!["summary_agent".to_owned(); 9]), "none of its steps"),
        (KnownPattern::default(), "no steps"),
    ] {
        let draft = draft(request, &tools, vec![pattern], &[]);
        let used = &draft.patterns[0];
        assert_eq!(used.decision, PatternDecision::Refused, "{used:?}");
        assert!(used.reason.contains(reason), "{used:?}");
        assert_eq!(
            (&draft.plan_json, &draft.reasoning),
            (&usual.plan_json, &usual.reasoning)
        );
    }
    // A step with outside effects is not planned because an earlier task had one.
    let ordering = draft(request, &tools, vec![with(&["shop.order"])], &[]);
    assert!(
        !tools_of(&ordering).contains(&"shop.order".to_owned()),
        "{}",
        ordering.plan_json
    );
}

#[test]
fn of_several_patterns_one_is_followed() {
    let tools = agent_tools();
    let first = learned(&tools_of(&draft(FIRST, &tools, Vec::new(), &[])));
    let second = KnownPattern {
        pattern_id: "p2".to_owned(),
        ..first.clone()
    };
    let draft = draft("Write a blog post about tea", &tools, vec![first, second], &[]);
    let decisions: Vec<_> = draft.patterns.iter().map(|used| used.decision.is_used()).collect();
    assert_eq!(decisions, [true, false]);
    assert!(!draft.reasoning.contains("p2"));
}

#[test]
fn a_part_of_plans_is_taken_into_the_plan_and_takes_nothing_out_of_it() {
    let tools = agent_tools();
    let asked = "Write a blog post about tea";
    let whole = tools_of(&draft(asked, &tools, Vec::new(), &[]));
    let part = KnownPattern {
        fragment: true,
        ..learned(&["research_agent".to_owned(), "writer_agent".to_owned()])
    };
    let draft = draft(asked, &tools, vec![part], &[]);
    assert_eq!(tools_of(&draft), whole);
    assert_eq!(
        draft.patterns[0].decision,
        PatternDecision::Adopted,
        "{:?}",
        draft.patterns
    );
}
