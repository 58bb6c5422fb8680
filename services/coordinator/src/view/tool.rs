//! The document of a tool.

use super::{moment, put};
use crate::catalog::measures::Figures;
use crate::store::catalog::ListedTool;
use crate::store::from_db;
use serde_json::{Value, json};
use workflow::tool::ToolSpecification;

/// As `GET /tools` and `GET /tools/{tool_id}` answer it. What nobody has measured yet is null.
pub fn tool(listed: &ListedTool, figures: &Figures) -> Option<Value> {
    let row = &listed.row;
    let declared: ToolSpecification = serde_json::from_str(&row.spec).ok()?;
    let mut document = serde_json::to_value(figures.corrected(&declared)).ok()?;
    let members = [
        ("state", json!(row.state)),
        ("version_hash", json!(row.version_hash)),
        ("success_rate", json!(figures.success_rate())),
        ("measured", figures.document()),
        (
            "declared",
            json!({
                "estimated_cost": declared.estimated_cost,
                "estimated_duration": declared.estimated_duration,
            }),
        ),
        ("available", json!(listed.available)),
        ("origin", json!(row.origin)),
        ("announced_at", json!(row.announced_at.map(|at| moment(from_db(at))))),
        ("changed_at", moment(from_db(row.changed_at))),
    ];
    for (name, value) in members {
        put(&mut document, name, Some(value));
    }
    let by = Some(row.changed_by.as_str()).filter(|by| !by.is_empty());
    put(&mut document, "changed_by", by.map(Value::from));
    put(&mut document, "endpoint", endpoint(row.registration.as_deref()));
    put(
        &mut document,
        "pending",
        pending(row.pending.as_deref(), row.pending_hash.as_deref()),
    );
    Some(document)
}

/// What a registered tool calls. It bears no secret: none is taken in.
fn endpoint(registration: Option<&str>) -> Option<Value> {
    let mut registration: Value = serde_json::from_str(registration?).ok()?;
    registration.get_mut("endpoint").map(Value::take)
}

/// What would be in force after approval.
fn pending(document: Option<&str>, hash: Option<&str>) -> Option<Value> {
    let mut document: Value = serde_json::from_str(document?).ok()?;
    put(&mut document, "version_hash", Some(json!(hash)));
    Some(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::announced::{Said, announced};
    use crate::catalog::measures::Sums;
    use crate::catalog::transitions::{By, Definition};
    use crate::view::story;
    use workflow::vocabulary::EffectClass;

    fn listed() -> ListedTool {
        let spec = ToolSpecification {
            estimated_duration: Some(9.0),
            ..story::tool("shop.stock", EffectClass::ReadOnly, false)
        };
        let document = serde_json::to_string(&spec).unwrap();
        let found = Definition {
            spec: &spec,
            document: &document,
        };
        let by = By {
            actor: "executor-1",
            at: chrono::DateTime::UNIX_EPOCH,
        };
        ListedTool {
            row: announced(None, &found, &Said::default(), by).unwrap().row,
            available: true,
        }
    }

    #[test]
    fn a_tool_is_shown_with_what_is_not_known_as_null() {
        let tool = tool(&listed(), &Figures::default()).unwrap();
        for member in [
            "tool_id",
            "name",
            "description",
            "category",
            "input_schema",
            "output_schema",
            "estimated_cost",
            "estimated_duration",
            "success_rate",
            "requires_approval",
            "source",
            "effects",
            "state",
            "version_hash",
            "retry",
            "timeout_seconds",
            "measured",
        ] {
            assert!(tool.get(member).is_some(), "{member}");
        }
        assert_eq!((&tool["state"], &tool["source"]), (&json!("active"), &json!("builtin")));
        assert_eq!((&tool["success_rate"], &tool["measured"]), (&Value::Null, &Value::Null));
        assert_eq!(tool.get("pending"), None);
    }

    #[test]
    fn what_was_measured_is_shown_beside_what_was_declared() {
        let sums = Sums {
            runs: 10,
            succeeded: 9,
            seconds: 20.0,
            seconds_squared: 40.0,
            ..Sums::default()
        };
        let tool = tool(&listed(), &Figures::of(&sums, "builtin")).unwrap();
        assert_eq!(
            (&tool["estimated_duration"], &tool["success_rate"]),
            (&json!(2.0), &json!(0.9))
        );
        assert_eq!(tool["declared"]["estimated_duration"], 9.0);
        let measured = &tool["measured"];
        assert_eq!(
            (&measured["success_rate"]["n"], &measured["cost_usd"]),
            (&json!(10), &Value::Null)
        );
    }
}
