use super::plan;
use crate::catalog::{ToolCard, agent_tools, null_tool};
use crate::memory::{KnownPreference, Memory};
use crate::port::{Context, PlanAsk};
use serde_json::{Value, json};

fn context(request: &str, channels: &[&str]) -> Context {
    Context {
        request: request.to_owned(),
        channels: channels.iter().map(|c| (*c).to_owned()).collect(),
        ..Context::default()
    }
}

fn planned(context: &Context, tools: &[ToolCard], feedback: &[&str]) -> Value {
    let feedback: Vec<String> = feedback.iter().map(|text| (*text).to_owned()).collect();
    let draft = plan(&PlanAsk {
        context,
        tools,
        memory: &Memory::default(),
        feedback: &feedback,
    })
    .unwrap();
    serde_json::from_str(&draft.plan_json).unwrap()
}

fn tools() -> Vec<ToolCard> {
    let mut tools = agent_tools();
    tools.push(null_tool());
    tools.push(ToolCard {
        tool_id: "shop.stock".to_owned(),
        name: "stock".to_owned(),
        description: "Current stock level of a product by SKU".to_owned(),
        category: "shop".to_owned(),
        input_schema: json!({"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}),
        output_schema: json!(true),
        source: "api".to_owned(),
        effects: "read_only".to_owned(),
    });
    tools
}

fn step<'a>(plan: &'a Value, key: &str) -> &'a Value {
    plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["key"] == key)
        .unwrap_or_else(|| panic!("no step {key}: {plan:#}"))
}

fn keys(plan: &Value) -> Vec<&str> {
    plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["key"].as_str().unwrap())
        .collect()
}

#[test]
fn the_sample_request_becomes_parallel_research_then_text_then_channels() {
    let mut context = context("Generate blog post about AI trends", &["blog", "linkedin"]);
    context.business_metrics.insert("revenue_monthly".to_owned(), 50_000.0);
    let plan = planned(&context, &tools(), &[]);
    assert_eq!(
        keys(&plan),
        [
            "research", "audience", "keywords", "outline", "draft", "blog", "linkedin"
        ]
    );
    for root in ["research", "audience", "keywords"] {
        assert!(step(&plan, root)["depends_on"].is_null());
    }
    assert_eq!(step(&plan, "draft")["tool_id"], "writer_agent");
    assert_eq!(
        step(&plan, "draft")["arguments"]["audience_notes"],
        json!({"$step": "audience", "pointer": ""})
    );
    assert_eq!(step(&plan, "blog")["channel"], "blog");
    assert_eq!(step(&plan, "linkedin")["tool_id"], "social_agent");
    assert_eq!(
        step(&plan, "linkedin")["arguments"]["text"],
        json!({"$step": "draft", "pointer": "/text"})
    );
    assert!(
        plan["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["reason"].as_str().is_some_and(|r| !r.is_empty()))
    );
}

#[test]
fn an_endpoint_is_used_only_where_the_request_asks_for_it_and_gives_what_it_needs() {
    let asked = planned(
        &context(
            "Write a blog post about our kettle. Check the current stock level of SKU K-100 first.",
            &["blog"],
        ),
        &tools(),
        &[],
    );
    assert_eq!(step(&asked, "shop_stock")["arguments"], json!({"sku": "K-100"}));
    assert_eq!(
        step(&asked, "draft")["arguments"]["inputs"],
        json!({"shop.stock": {"$step": "shop_stock", "pointer": ""}})
    );
    let not_asked = planned(&context("Write a blog post about tea", &["blog"]), &tools(), &[]);
    assert!(!keys(&not_asked).contains(&"shop_stock"));
    let lacking = planned(
        &context(
            "Write a blog post about our kettle and its current stock level by SKU",
            &["blog"],
        ),
        &tools(),
        &[],
    );
    assert!(!keys(&lacking).contains(&"shop_stock"));
}

#[test]
fn feedback_of_people_and_faults_change_the_plan() {
    let context = context("Write a blog post about tea", &["blog"]);
    let before = planned(&context, &tools(), &[]);
    let without = planned(&context, &tools(), &["Skip the keywords please"]);
    assert!(keys(&before).contains(&"keywords") && !keys(&without).contains(&"keywords"));
    let place = keys(&before).iter().position(|key| *key == "outline").unwrap();
    let fault = format!(r#"[{{"code":"plan_tool","pointer":"/steps/{place}/tool_id","detail":"suspended"}}]"#);
    assert!(!keys(&planned(&context, &tools(), &[&fault])).contains(&"outline"));
    let mention = planned(&context, &tools(), &["mention oolong"]);
    assert_eq!(step(&mention, "draft")["arguments"]["must_include"], json!(["oolong"]));
    assert_ne!(before, planned(&context, &tools(), &["I do not like it"]));
}

#[test]
fn posts_summaries_and_lines_need_fewer_steps() {
    assert_eq!(
        keys(&planned(&context("Write a tweet about tea", &[]), &tools(), &[])),
        ["post"]
    );
    assert_eq!(
        keys(&planned(
            &context("Write a LinkedIn post about tea", &["linkedin", "blog"]),
            &tools(),
            &[]
        )),
        ["linkedin", "blog"]
    );
    assert_eq!(
        keys(&planned(
            &context("Give me five taglines for a tea shop", &[]),
            &tools(),
            &[]
        )),
        ["draft"]
    );
    let text = "Summarize this: The river rose by two metres in one night and the lower town was flooded. People helped each other.";
    assert_eq!(keys(&planned(&context(text, &[]), &tools(), &[])), ["summary"]);
}

#[test]
fn a_foreign_catalog_is_used_by_its_descriptions_and_an_empty_one_is_refused() {
    let poet = ToolCard {
        tool_id: "copywriter".to_owned(),
        name: "Copywriter".to_owned(),
        description: "Writes a complete text such as a blog post or article".to_owned(),
        category: "writing".to_owned(),
        input_schema: json!({"type": "object", "properties": {"prompt": {"type": "string"}, "tone": {"type": "string", "enum": ["Friendly", "Formal"]}}, "required": ["prompt"]}),
        output_schema: json!(true),
        source: "builtin".to_owned(),
        effects: "read_only".to_owned(),
    };
    let context = context("Write a friendly blog post about tea", &[]);
    let plan_with_poet = planned(&context, std::slice::from_ref(&poet), &[]);
    assert_eq!(
        step(&plan_with_poet, "draft")["arguments"],
        json!({"prompt": "{{request}}", "tone": "Friendly"})
    );
    assert!(
        plan(&PlanAsk {
            context: &context,
            tools: &[null_tool()],
            memory: &Memory::default(),
            feedback: &[]
        })
        .is_err()
    );
}

#[test]
fn template_marks_of_users_stay_text() {
    let plan = planned(
        &context("Write a blog post about {{ mustache }} templates", &[]),
        &tools(),
        &[],
    );
    let topic = step(&plan, "draft")["arguments"]["topic"].as_str().unwrap().to_owned();
    assert!(!topic.contains("{{ mustache"), "{topic}");
}

#[test]
fn what_is_remembered_is_planned_by_where_the_request_leaves_it_open() {
    let known = |name: &str, value: Value| KnownPreference {
        name: name.to_owned(),
        value,
        source: "explicit".to_owned(),
        scope: "user".to_owned(),
        strength: 1.0,
    };
    let memory = Memory {
        preferences: vec![
            known("tone", json!("formal")),
            known("audience", json!("gardeners")),
            known("topic", json!("coffee")),
        ],
        ..Memory::default()
    };
    let drafted = |request: &str| {
        let context = context(request, &["blog"]);
        let draft = plan(&PlanAsk {
            context: &context,
            tools: &tools(),
            memory: &memory,
            feedback: &[],
        });
        draft.unwrap()
    };
    let open = drafted("Write a blog post about tea");
    assert!(
        open.plan_json.contains("formal") && open.plan_json.contains("gardeners"),
        "{}",
        open.plan_json
    );
    assert!(
        !open.plan_json.contains("coffee"),
        "what it is about is never remembered"
    );
    assert!(
        open.reasoning.contains("tone \"formal\" (stated by the user)"),
        "{}",
        open.reasoning
    );
    let intent: Value = serde_json::from_str(&open.intent_json).unwrap();
    assert_eq!(intent["preferences"]["tone"], "formal");
    let said = drafted("Write a friendly blog post about tea for students");
    assert!(
        said.plan_json.contains("friendly") && !said.plan_json.contains("formal"),
        "{}",
        said.plan_json
    );
    assert!(
        !said.plan_json.contains("gardeners") && !said.reasoning.contains("Remembered"),
        "{}",
        said.reasoning
    );
}
