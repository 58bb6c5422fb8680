//! Where a setting stands: its parts, lists by the name of the element.

use serde_json::Value;

/// Parts of a key in the form with tables by name (see `keyed`).
pub(super) type Path = Vec<String>;

/// The path a JSON Pointer into `lists` names, by the same document with tables by name, `keyed`.
pub(super) fn by_name(pointer: &str, lists: &Value, keyed: &Value) -> Path {
    let (mut list, mut table) = (Some(lists), Some(keyed));
    let mut path = Path::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let nth = || part.parse::<usize>().ok();
        let named = match (list, table) {
            (Some(Value::Array(_)), Some(Value::Object(by_name))) => nth().and_then(|n| by_name.keys().nth(n)).cloned(),
            _ => None,
        };
        let part_by_name = named.unwrap_or_else(|| part.clone());
        table = table.and_then(|value| child(value, &part_by_name));
        list = list.and_then(|value| child(value, &part));
        path.push(part_by_name);
    }
    path
}

fn child<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Object(table) => table.get(part),
        Value::Array(elements) => elements.get(part.parse::<usize>().ok()?),
        _ => None,
    }
}

/// As people read it: `apis[shop].endpoints[stock].path`.
pub(super) fn display(path: &[String]) -> String {
    let mut text = String::new();
    let mut lists = false;
    for (depth, part) in path.iter().enumerate() {
        if lists || part.parse::<usize>().is_ok() {
            text.push_str(&format!("[{part}]"));
            lists = false;
            continue;
        }
        if depth > 0 {
            text.push('.');
        }
        text.push_str(part);
        lists = is_list(path.get(..=depth).unwrap_or_default());
    }
    text
}

fn is_list(path: &[String]) -> bool {
    match path {
        [one] => matches!(
            one.as_str(),
            "agents" | "apis" | "channels" | "mcp_servers" | "webhooks"
        ),
        [table, list] => matches!(
            (table.as_str(), list.as_str()),
            ("policy", "tenant_budgets") | ("learning", "teams")
        ),
        [apis, _, endpoints] => apis == "apis" && endpoints == "endpoints",
        _ => false,
    }
}

/// The parts of what [`display`] wrote.
pub(super) fn parse(text: &str) -> Path {
    let mut path = Path::new();
    let mut part = String::new();
    let mut bracket = false;
    for c in text.chars() {
        match (c, bracket) {
            ('[', false) | ('.', false) => {
                if !part.is_empty() {
                    path.push(std::mem::take(&mut part));
                }
                bracket = c == '[';
            }
            (']', true) => {
                path.push(std::mem::take(&mut part));
                bracket = false;
            }
            _ => part.push(c),
        }
    }
    if !part.is_empty() {
        path.push(part);
    }
    path
}
