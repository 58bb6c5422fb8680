//! Client plans: with these the whole system runs without any model.

use serde_json::{Value, json};

/// A step that calls an endpoint of the oracle for `item`.
pub fn oracle_step(key: &str, endpoint: &str, item: &str, after: &[&str]) -> Value {
    json!({"key": key, "tool_id": format!("oracle.{endpoint}"), "arguments": {"item": item}, "depends_on": after})
}

/// A step that returns its arguments.
pub fn null_step(key: &str, arguments: &Value, after: &[&str]) -> Value {
    json!({"key": key, "tool_id": "null", "arguments": arguments, "depends_on": after})
}

/// One, then three that take their time side by side, then one that gathers their outputs.
/// `item` begins the items of the three; `endpoints` are theirs. Tagged with `channel`, the last one's
/// output is the deliverable, and it carries `item` so that it is known again outside.
pub fn fan(item: &str, endpoints: [&str; 3], channel: Option<&str>) -> Value {
    let [left, middle, right] = endpoints;
    let from = |key: &str| json!({"$step": key, "pointer": "/text"});
    let mut gather = null_step(
        "gather",
        &json!({
            "title": format!("Report {item}"),
            "content": format!("# Report {item}\n\nThe marker is <{item}>. Three findings were gathered and compared."),
            "findings": [from("left"), from("middle"), from("right")],
        }),
        &[],
    );
    if let (Some(channel), Some(step)) = (channel, gather.as_object_mut()) {
        step.insert("channel".to_owned(), json!(channel));
    }
    json!({
        "summary": format!("Three findings about {item}, gathered"),
        "steps": [
            null_step("begin", &json!({"topic": item}), &[]),
            oracle_step("left", left, &format!("{item}-left"), &["begin"]),
            oracle_step("middle", middle, &format!("{item}-middle"), &["begin"]),
            oracle_step("right", right, &format!("{item}-right"), &["begin"]),
            gather,
        ],
    })
}

/// `1 – width × depth – 1` steps of the null tool: `width` chains side by side.
pub fn layers(width: usize, depth: usize) -> Value {
    let mut steps = vec![null_step("first", &json!({"text": "begin"}), &[])];
    for layer in 0..depth {
        for lane in 0..width {
            let before = if layer == 0 {
                "first".to_owned()
            } else {
                format!("s{}-{lane}", layer - 1)
            };
            steps.push(null_step(
                &format!("s{layer}-{lane}"),
                &json!({"text": "work"}),
                &[&before],
            ));
        }
    }
    let ends: Vec<String> = (0..width)
        .map(|lane| format!("s{}-{lane}", depth.saturating_sub(1)))
        .collect();
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    steps.push(null_step("last", &json!({"text": "end"}), &ends));
    json!({"summary": "Many steps that do nothing", "steps": steps})
}

/// A request with that plan that nothing but the plan can fail: any quality passes, and it approves itself.
pub fn unattended(request: &str, plan: Value, channels: &[&str]) -> Value {
    json!({
        "request": request,
        "plan": plan,
        "auto_approve": true,
        "quality_threshold": 0.0,
        "preferences": {"channels": channels},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_have_as_many_steps_as_said() {
        let plan = layers(22, 9);
        assert_eq!(plan["steps"].as_array().unwrap().len(), 200);
        assert_eq!(plan["steps"][199]["depends_on"].as_array().unwrap().len(), 22);
    }
}
