//! The plan's published JSON Schema.

use super::model::Plan;
use serde_json::{Value, json};

const ID: &str = "urn:orchestrator:schema:plan:1";
const DESCRIPTION: &str = "A workflow: steps and what flows between them. An argument value \
     {\"$step\": key, \"pointer\": JSON pointer} takes another step's output and implies the dependency; \
     in a step with for_each {\"$item\": JSON pointer} takes a value of the item; a text may be a template over request, preferences, business_metrics and feedback. Beyond this schema \
     a plan must name active tools, give arguments that satisfy their input schemas, refer to its own \
     steps, hold no cycle and keep the configured limits.";

/// JSON Schema (2020-12) of a plan document, as `GET /plan-schema` answers it.
pub fn plan_schema() -> Value {
    let mut schema = schemars::schema_for!(Plan).to_value();
    if let Some(members) = schema.as_object_mut() {
        members.insert("$id".to_owned(), json!(ID));
        members.insert("title".to_owned(), json!("Plan"));
        members.insert("description".to_owned(), json!(DESCRIPTION));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator() -> jsonschema::Validator {
        jsonschema::draft202012::new(&plan_schema()).unwrap()
    }

    #[test]
    fn a_full_plan_satisfies_the_schema_and_is_read_back_unchanged() {
        let mut plan = crate::plan::validate::fixtures::blog_plan();
        plan["steps"].as_array_mut().unwrap().push(json!({
            "key": "each", "tool_id": "writer", "arguments": {"topic": {"$item": "/title"}},
            "for_each": {"items": {"$step": "research", "pointer": "/titles"}, "max_items": 8}}));
        let errors: Vec<_> = validator().iter_errors(&plan).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        let read: Plan = serde_json::from_value(plan).unwrap();
        assert_eq!(
            serde_json::from_value::<Plan>(serde_json::to_value(&read).unwrap()).unwrap(),
            read
        );
    }

    #[test]
    fn what_is_no_plan_does_not() {
        let step = |extra: Value| {
            let mut step = json!({"key": "a", "tool_id": "null"});
            step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json!({ "steps": [step] })
        };
        let bad = [
            json!({}),
            json!({"steps": []}),
            json!({"steps": [{"key": "a"}]}),
            json!({"steps": [], "extra": 1}),
            step(json!({"key": "1a"})),
            step(json!({"arguments": []})),
            step(json!({"unknown": 1})),
            step(json!({"timeout_seconds": 0})),
            step(json!({"retry": {"max_attempts": 0}})),
            step(json!({"when": {"pointer": ""}})),
            step(json!({"when": {"pointer": "", "gt": 1, "lt": 2}})),
            step(json!({"when": {"pointer": "a", "exists": true}})),
            step(json!({"acceptance": [{"pointer": "/a"}]})),
            step(json!({"for_each": {"items": []}})),
            step(json!({"for_each": {"items": [], "max_items": 65}})),
        ];
        let validator = validator();
        for plan in bad {
            assert!(!validator.is_valid(&plan), "{plan}");
        }
        assert!(validator.is_valid(&step(json!({"when": {"pointer": "", "equals": null}}))));
    }

    #[test]
    fn every_member_is_described() {
        let schema = plan_schema();
        let types = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        for (name, member) in types.flat_map(|t| t["properties"].as_object().into_iter().flatten()) {
            assert!(member["description"].is_string(), "{name}: {member}");
        }
    }
}
