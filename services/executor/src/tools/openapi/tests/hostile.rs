//! Documents nobody should have written.

use super::super::{Expanded, expanded};
use super::api;
use serde_json::{Value, json};

fn document(operation: Value, schemas: Value) -> String {
    json!({"openapi": "3.1.0", "paths": {"/good": {"get": {"operationId": "good"}}, "/x": {"get": operation}},
        "components": {"schemas": schemas}})
    .to_string()
}

fn answering(schema: Value) -> Value {
    json!({"operationId": "x", "responses": {"200": {"content": {"application/json": {"schema": schema}}}}})
}

fn served(text: &str) -> (Vec<String>, Vec<(String, &'static str)>) {
    let Expanded { api, refused, .. } = expanded(&api(json!({})), text, None).unwrap();
    let names = api.endpoints.into_iter().map(|endpoint| endpoint.name).collect();
    let refused = refused
        .into_iter()
        .map(|refused| (refused.operation, refused.code))
        .collect();
    (names, refused)
}

#[test]
fn a_schema_that_leads_out_or_grows_without_end_is_rejected_and_the_others_are_served() {
    let doubling = |n: u32| {
        let next = json!({"$ref": format!("#/components/schemas/S{}", n + 1)});
        (format!("S{n}"), json!({"properties": {"a": next, "b": next}}))
    };
    let bomb: Value = (0..40).map(doubling).chain([("S40".to_owned(), json!({}))]).collect();
    for (schema, schemas) in [
        (json!({"$ref": "https://evil.example/schema.json"}), json!({})),
        (json!({"properties": {"a": {"$ref": "other.yaml#/a"}}}), json!({})),
        (json!({"$ref": "#/components/schemas/Gone"}), json!({})),
        (json!({"type": "nonsense"}), json!({})),
        (json!({"$ref": "#/components/schemas/S0"}), bomb),
        (json!({"enum": ["x".repeat(200 << 10)]}), json!({})),
    ] {
        let (names, refused) = served(&document(answering(schema), schemas));
        assert_eq!(
            (names, refused),
            (vec!["good".to_owned()], vec![("x".to_owned(), "schema_rejected")])
        );
    }
}

#[test]
fn a_schema_that_contains_itself_says_nothing_about_the_inner_one() {
    for own in [
        json!({"$ref": "#/components/schemas/A"}),
        json!({"allOf": [{"$ref": "#/components/schemas/A"}]}),
        json!({"properties": {"a": {"$ref": "#/components/schemas/A"}}}),
    ] {
        let text = document(answering(json!({"$ref": "#/components/schemas/A"})), json!({"A": own}));
        let (names, refused) = served(&text);
        assert_eq!((names.len(), refused.len()), (2, 0), "{own}");
    }
}

#[test]
fn of_too_many_operations_the_first_are_served() {
    let operation = |n: u32| (format!("/{n:04}"), json!({"get": {"operationId": format!("o{n:04}")}}));
    let paths: Value = (0..300).map(operation).collect();
    let (names, refused) = served(&json!({"openapi": "3.1.0", "paths": paths}).to_string());
    assert_eq!((names.len(), names.last().map(String::as_str)), (256, Some("o0255")));
    assert_eq!(refused.len(), 44);
    assert_eq!(refused[0], ("o0256".to_owned(), "too_many_operations"));
}

#[test]
fn a_path_is_no_template_and_no_way_out() {
    let path = |path: &str| {
        let operation = json!({"operationId": "x", "parameters": [
            {"name": "a", "in": "path", "required": true, "schema": {"type": "string"}}]});
        json!({"openapi": "3.1.0", "paths": {path: {"get": operation}}}).to_string()
    };
    assert_eq!(served(&path("/a/{a}.json")).0, ["x"]);
    for bad in [
        "/../{a}",
        "//{a}/..",
        "{a}",
        "/{{a}}",
        "/{% for a in a %}",
        "/x?y={a}",
        "/x#{a}",
        "/{b}",
        "/{a",
        "@evil.example/{a}",
    ] {
        assert_eq!(served(&path(bad)).1, [("x".to_owned(), "operation_unusable")], "{bad}");
    }
}

#[test]
fn a_text_that_is_no_document_is_refused_within_bounds() {
    let aliases: String = (1..12)
        .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")))
        .collect();
    let bomb = format!("openapi: 3.0.0\na0: &a0 [x, x, x]\n{aliases}paths: {{}}\n");
    for text in [
        "",
        "not: openapi",
        "{\"openapi\": \"2.0\"}",
        "{\"openapi\": \"3.0.0\"",
        "openapi: 3.0.0\n  bad: [indent",
        "openapi: 3.0.0\nopenapi: 3.0.0",
        &format!("openapi: 3.0.0\nx: {}", "[".repeat(10_000)),
        &format!("{{\"openapi\": \"3.0.0\", \"x\": {}", "[".repeat(10_000)),
        &format!("openapi: 3.0.0\nx: {}", "x".repeat(4 << 20)),
        &bomb,
    ] {
        let began = std::time::Instant::now();
        assert!(
            expanded(&api(json!({})), text, None).is_err(),
            "{}",
            &text[..text.len().min(80)]
        );
        assert!(began.elapsed().as_secs() < 5);
    }
}
