//! A step's arguments, with references and templates resolved.

use crate::failure::RunFailure;
use crate::scope::Scope;
use crate::template::is_template;
use serde_json::{Map, Value};

/// Resolves every reference and template of `arguments`.
///
/// What a reference brings in is data: it is never read as a template or reference itself.
///
/// # Errors
/// `plan_ref` for a reference that leads nowhere, `plan_template` for a template that cannot be rendered.
pub fn resolve(
    arguments: Map<String, Value>,
    scope: &Scope<'_>,
    input_schema: &Value,
) -> Result<Map<String, Value>, RunFailure> {
    let mut resolved = Map::new();
    for (name, value) in arguments {
        let templated = value.as_str().is_some_and(is_template);
        let value = resolve_value(value, scope)?;
        let value = if templated {
            retype(value, declared_type(input_schema, &name))
        } else {
            value
        };
        resolved.insert(name, value);
    }
    add_feedback(&mut resolved, scope.feedback(), input_schema);
    Ok(resolved)
}

fn resolve_value(value: Value, scope: &Scope<'_>) -> Result<Value, RunFailure> {
    match value {
        Value::String(text) if is_template(&text) => scope.render(&text).map(Value::String),
        Value::Array(items) => items.into_iter().map(|item| resolve_value(item, scope)).collect(),
        Value::Object(members) => match members.get("$step").and_then(Value::as_str) {
            Some(step) => reference(step, members.get("pointer"), scope),
            None => members
                .into_iter()
                .map(|(name, member)| Ok((name, resolve_value(member, scope)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        },
        literal => Ok(literal),
    }
}

fn reference(step: &str, pointer: Option<&Value>, scope: &Scope<'_>) -> Result<Value, RunFailure> {
    let pointer = pointer.and_then(Value::as_str).unwrap_or_default();
    scope.value(Some(step), pointer).cloned().ok_or_else(|| {
        let message = if scope.has_output(step) {
            format!("the output of step `{step}` has nothing at `{pointer}`")
        } else {
            format!("there is no output of step `{step}`")
        };
        RunFailure::permanent("plan_ref", message)
    })
}

fn declared_type<'s>(schema: &'s Value, name: &str) -> Option<&'s str> {
    schema.get("properties")?.get(name)?.get("type")?.as_str()
}

/// A template makes text; where the tool wants a number or a flag, the text is read as one.
fn retype(value: Value, wanted: Option<&str>) -> Value {
    let (Value::String(text), Some("number" | "integer" | "boolean")) = (&value, wanted) else {
        return value;
    };
    match serde_json::from_str(text.trim()) {
        Ok(typed @ (Value::Number(_) | Value::Bool(_))) => typed,
        _ => value,
    }
}

/// Feedback reaches a tool as the argument `feedback` where its schema has one.
fn add_feedback(arguments: &mut Map<String, Value>, feedback: &[String], schema: &Value) {
    let declared = schema.pointer("/properties/feedback");
    if feedback.is_empty() || declared.is_none() {
        return;
    }
    let joined = feedback.join("\n");
    let wants_list = declared_type(schema, "feedback") == Some("array");
    let value = match arguments.get("feedback").and_then(Value::as_str) {
        // The plan's own words stay; `{{feedback}}` has brought the text in already.
        Some(own) if own.contains(&joined) => return,
        Some(own) if !own.is_empty() => Value::from(format!("{own}\n{joined}")),
        _ if wants_list => Value::from(feedback.to_vec()),
        _ => Value::from(joined),
    };
    arguments.insert("feedback".to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolved(arguments: Value, feedback: &[&str], schema: Value) -> Result<Value, String> {
        let submission = json!({
            "request": "write about tea",
            "business_metrics": {"revenue": 50000.0},
            "preferences": {"tone": "friendly"},
        });
        let outputs = [
            (
                "draft".to_owned(),
                json!({"text": "{{request}}", "parts": [1, 2], "$step": "x"}),
            ),
            ("raw".to_owned(), json!("plain")),
        ];
        let feedback: Vec<String> = feedback.iter().map(|f| (*f).to_owned()).collect();
        let outputs = outputs.into_iter().collect();
        let submission = submission.to_string();
        let scope = Scope::new(&submission, &outputs, &feedback);
        let Value::Object(arguments) = arguments else {
            unreachable!()
        };
        resolve(arguments, &scope, &schema)
            .map(Value::Object)
            .map_err(|f| f.code)
    }

    #[test]
    fn references_and_templates_are_replaced_at_any_depth() {
        let any = json!({});
        for (arguments, expected) in [
            (json!({"a": "literal { } {#"}), json!({"a": "literal { } {#"})),
            (json!({"a": {"$step": "raw"}}), json!({"a": "plain"})),
            (json!({"a": {"$step": "draft", "pointer": "/parts/1"}}), json!({"a": 2})),
            (
                json!({"a": [{"b": {"$step": "raw", "pointer": ""}}, "{{ metrics.revenue }}"]}),
                json!({"a": [{"b": "plain"}, "50000"]}),
            ),
            (
                json!({"a": "{{request}} ({{preferences.tone}}) {{steps.raw}} {{business_metrics.revenue}}"}),
                json!({"a": "write about tea (friendly) plain 50000"}),
            ),
        ] {
            assert_eq!(resolved(arguments, &[], any.clone()), Ok(expected));
        }
    }

    #[test]
    fn what_a_step_returned_is_never_read_as_a_template() {
        let arguments = json!({"a": {"$step": "draft", "pointer": "/text"}, "b": {"$step": "draft"}});
        let expected = json!({"a": "{{request}}", "b": {"text": "{{request}}", "parts": [1, 2], "$step": "x"}});
        assert_eq!(resolved(arguments, &[], json!({})), Ok(expected));
    }

    #[test]
    fn what_leads_nowhere_fails_with_a_code() {
        for (arguments, code) in [
            (json!({"a": {"$step": "draft", "pointer": "/nope"}}), "plan_ref"),
            (json!({"a": {"$step": "nope", "pointer": ""}}), "plan_ref"),
            (json!({"a": "{{ nope }}"}), "plan_template"),
        ] {
            assert_eq!(resolved(arguments, &[], json!({})), Err(code.to_owned()));
        }
    }

    #[test]
    fn a_template_for_a_number_becomes_one() {
        let schema = json!({"properties": {"n": {"type": "number"}, "s": {"type": "string"}}});
        let arguments = json!({"n": "{{ metrics.revenue }}", "s": "{{ metrics.revenue }}"});
        assert_eq!(resolved(arguments, &[], schema), Ok(json!({"n": 50000, "s": "50000"})));
    }

    #[test]
    fn feedback_arrives_where_the_schema_has_a_place_for_it() {
        let text = json!({"properties": {"feedback": {"type": "string"}}});
        let list = json!({"properties": {"feedback": {"type": "array"}}});
        for (arguments, schema, expected) in [
            (json!({}), json!({}), json!({})),
            (json!({}), text.clone(), json!({"feedback": "one\ntwo"})),
            (json!({}), list, json!({"feedback": ["one", "two"]})),
            (
                json!({"feedback": "own"}),
                text.clone(),
                json!({"feedback": "own\none\ntwo"}),
            ),
            (
                json!({"feedback": "see: {{feedback}}"}),
                text.clone(),
                json!({"feedback": "see: one\ntwo"}),
            ),
            (json!({"a": "{{feedback}}"}), json!({}), json!({"a": "one\ntwo"})),
        ] {
            assert_eq!(resolved(arguments, &["one", "two"], schema), Ok(expected));
        }
        assert_eq!(
            resolved(json!({"a": "[{{feedback}}]"}), &[], text),
            Ok(json!({"a": "[]"}))
        );
    }
}
