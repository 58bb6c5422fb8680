//! The tools: what they are called, what they take and answer, one file a subject.

mod approvals;
mod catalog;
mod decide;
mod patterns;
pub mod start_request;
mod tasks;

use super::{answer, decisions};
use crate::application::Application;
use crate::caller::Caller;
use crate::refusal::Refusal;
use contracts::coordinator::Document;
use rmcp::model::ToolAnnotations;
use serde_json::{Map, Value};
use service::config::Decisions;

/// A tool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tool {
    StartRequest,
    GetStatus,
    CancelRequest,
    ListApprovals,
    GetApproval,
    Decide,
    SearchPatterns,
    ListTools,
}

impl Tool {
    /// All, as they are listed.
    pub const ALL: [Self; 8] = [
        Self::StartRequest,
        Self::GetStatus,
        Self::CancelRequest,
        Self::ListApprovals,
        Self::GetApproval,
        Self::Decide,
        Self::SearchPatterns,
        Self::ListTools,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::StartRequest => "start_request",
            Self::GetStatus => "get_status",
            Self::CancelRequest => "cancel_request",
            Self::ListApprovals => "list_approvals",
            Self::GetApproval => "get_approval",
            Self::Decide => "decide",
            Self::SearchPatterns => "search_patterns",
            Self::ListTools => "list_tools",
        }
    }

    /// The tool of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Whether clients are told of it.
    pub fn is_offered(self, who: Decisions) -> bool {
        self != Self::Decide || decisions::by_tool(who)
    }

    /// As it is listed.
    pub fn definition(self) -> rmcp::model::Tool {
        let described = match self {
            Self::StartRequest => start_request::described(),
            Self::GetStatus => tasks::status_described(),
            Self::CancelRequest => tasks::cancel_described(),
            Self::ListApprovals => approvals::list_described(),
            Self::GetApproval => approvals::one_described(),
            Self::Decide => decide::described(),
            Self::SearchPatterns => patterns::described(),
            Self::ListTools => catalog::described(),
        };
        let input = answer::object(described.input);
        let mut tool = rmcp::model::Tool::new(self.name(), described.does, input);
        tool.title = Some(described.title.to_owned());
        tool.output_schema = Some(answer::schema(described.output));
        tool.annotations = Some(described.hints);
        tool
    }

    /// Calls it.
    ///
    /// # Errors
    /// As the REST route of the same verb; faults of arguments point into the arguments.
    pub async fn run(self, app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
        match self {
            Self::StartRequest => start_request::run(app, caller, arguments).await,
            Self::GetStatus => tasks::status(app, caller, arguments).await,
            Self::CancelRequest => tasks::cancel(app, caller, arguments).await,
            Self::ListApprovals => approvals::list(app, caller, arguments).await,
            Self::GetApproval => approvals::one(app, caller, arguments).await,
            Self::Decide => decide::run(app, caller, arguments).await,
            Self::SearchPatterns => patterns::run(app, caller, arguments).await,
            Self::ListTools => catalog::run(app, caller, arguments).await,
        }
    }
}

/// What a client is told of a tool.
pub struct Described {
    title: &'static str,
    does: &'static str,
    /// JSON Schema of the arguments: closed.
    input: Value,
    /// JSON Schema of the document: open, for documents grow.
    output: Value,
    hints: ToolAnnotations,
}

/// Hints of a tool that only reads.
fn reads() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

fn read(document: &Document, what: &str) -> Result<Value, Refusal> {
    serde_json::from_str(&document.json).map_err(|_| crate::application::unreadable(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents;
    use contracts::api::{ApproveRequest, Budget, ProcessRequest};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn accepts(tool: Tool, arguments: &Value) -> bool {
        let schema = Value::Object(tool.definition().input_schema.as_ref().clone());
        jsonschema::draft202012::new(&schema).unwrap().is_valid(arguments)
    }

    /// Names the schema tells, and those of the document with every field set.
    fn names(tool: Tool, document: &Value) -> [Vec<String>; 2] {
        let schema = Value::Object(tool.definition().input_schema.as_ref().clone());
        let of = |value: &Value| {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        [of(&schema["properties"]), of(document)]
    }

    #[test]
    fn what_start_request_tells_of_its_arguments_is_what_it_reads() {
        let plan = json!({"steps": [
            {"key": "a", "tool_id": "null", "arguments": {"x": 1}},
            {"key": "b", "tool_id": "null", "arguments": {"y": {"$step": "a", "pointer": "/x"}},
             "when": {"pointer": "/a/x", "equals": 1}},
        ]});
        let document = ProcessRequest {
            request: "write".to_owned(),
            plan: Some(serde_json::from_value(plan).unwrap()),
            business_metrics: BTreeMap::from([("revenue".to_owned(), 1.5)]),
            preferences: json!({"tone": "dry", "channels": ["blog"], "other": [1]})
                .as_object()
                .unwrap()
                .clone(),
            budget: Some(Budget {
                max_cost_usd: Some(1.0),
                max_tokens: Some(5),
                max_calls: Some(3),
                max_duration_seconds: Some(60.0),
            }),
            quality_threshold: Some(0.5),
            max_refinements: Some(3),
            plan_review: Some(true),
            auto_approve: Some(false),
            priority: Some(-3),
            metadata: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        };
        let whole = serde_json::to_value(&document).unwrap();
        let read = documents::process::read(whole.as_object().unwrap().clone()).unwrap();
        assert_eq!(read, document);
        let mut arguments = whole;
        arguments["idempotency_key"] = json!("key-1");
        assert!(accepts(Tool::StartRequest, &arguments));
        let [told, taken] = names(Tool::StartRequest, &arguments);
        assert_eq!(told, taken);
        for wrong in [
            json!({}),
            json!({"request": ""}),
            json!({"request": "x", "reqest": "x"}),
            json!({"request": "x", "max_refinements": 11}),
            json!({"request": "x", "plan": {"steps": [{"key": "a"}]}}),
        ] {
            assert!(!accepts(Tool::StartRequest, &wrong), "{wrong}");
        }
    }

    #[test]
    fn what_decide_tells_of_its_arguments_is_what_it_reads() {
        let document = ApproveRequest {
            approved: true,
            gate_id: Some("01900000-0000-7000-8000-00000000aaaa".to_owned()),
            publish_to_channels: Some(vec!["blog".to_owned()]),
            feedback: Some("shorter".to_owned()),
            edits: BTreeMap::from([("blog".to_owned(), "text".to_owned())]),
            arguments: json!({"to": "a"}).as_object().cloned(),
            responses: json!({"q1": {"ok": true}}).as_object().cloned(),
            plan: serde_json::from_value(json!({"steps": [{"key": "a", "tool_id": "null"}]})).ok(),
            content_hash: Some("ab".to_owned()),
            // A model's word labels nothing.
            dimensions: Vec::new(),
            action: Some(workflow::vocabulary::Action::Approve),
        };
        let mut arguments = serde_json::to_value(&document).unwrap();
        let read = documents::approve::read(arguments.as_object().unwrap().clone()).unwrap();
        assert_eq!(read, document);
        arguments["task_id"] = json!("01900000-0000-7000-8000-00000000bbbb");
        assert!(accepts(Tool::Decide, &arguments));
        let [told, taken] = names(Tool::Decide, &arguments);
        assert_eq!(told, taken);
    }

    #[test]
    fn every_tool_is_closed_described_and_told_whether_it_only_reads() {
        for tool in Tool::ALL {
            let told = tool.definition();
            assert_eq!(Tool::named(&told.name), Some(tool));
            assert_eq!(told.input_schema["additionalProperties"], false, "{tool:?}");
            assert!(!accepts(tool, &json!({"surprise": 1})), "{tool:?}");
            let output = Value::Object(told.output_schema.unwrap().as_ref().clone());
            let output = jsonschema::draft202012::new(&output).unwrap();
            let refusal = Refusal::new(422, "validation", "wrong");
            assert!(output.is_valid(&answer::problem(&refusal)), "{tool:?}");
            assert!(!output.is_valid(&json!({})), "{tool:?}");
            let changes = [Tool::StartRequest, Tool::CancelRequest, Tool::Decide].contains(&tool);
            assert_eq!(told.annotations.unwrap().read_only_hint, Some(!changes), "{tool:?}");
        }
    }
}
