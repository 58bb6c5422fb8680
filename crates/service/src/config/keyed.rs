//! Lists of tables as tables by name, so that layers merge element by element, and back.

use serde_json::{Map, Value};

/// A list whose elements are known by one of their keys.
struct List {
    path: &'static str,
    by: &'static str,
    inner: &'static [List],
}

const LISTS: &[List] = &[
    List {
        path: "agents",
        by: "tool_id",
        inner: &[],
    },
    List {
        path: "apis",
        by: "name",
        inner: &[List {
            path: "endpoints",
            by: "name",
            inner: &[],
        }],
    },
    List {
        path: "mcp_servers",
        by: "name",
        inner: &[],
    },
    List {
        path: "channels",
        by: "name",
        inner: &[],
    },
    List {
        path: "webhooks",
        by: "name",
        inner: &[],
    },
];

/// Lists within a table.
const TABLES: &[(&str, &[List])] = &[
    (
        "policy",
        &[List {
            path: "tenant_budgets",
            by: "tenant",
            inner: &[],
        }],
    ),
    (
        "learning",
        &[List {
            path: "teams",
            by: "name",
            inner: &[],
        }],
    ),
];

/// What is wrong with a list as such: its path and why.
pub(super) type ListFault = (Vec<String>, &'static str, String);

/// Turns every list of one source into a table by name. What cannot be turned is taken out and told.
pub(super) fn key_lists(root: &mut Map<String, Value>) -> Vec<ListFault> {
    let mut faults = Vec::new();
    key(root, LISTS, &mut Vec::new(), &mut faults);
    for (name, lists) in TABLES {
        if let Some(Value::Object(table)) = root.get_mut(*name) {
            key(table, lists, &mut vec![(*name).to_owned()], &mut faults);
        }
    }
    faults
}

fn key(table: &mut Map<String, Value>, lists: &[List], at: &mut Vec<String>, faults: &mut Vec<ListFault>) {
    for list in lists {
        let Some(found) = table.remove(list.path) else { continue };
        at.push(list.path.to_owned());
        match found {
            Value::Array(elements) => {
                let keyed = key_elements(elements, list, at, faults);
                table.insert(list.path.to_owned(), Value::Object(keyed));
            }
            _ => faults.push((
                at.clone(),
                "not a list of tables",
                format!("write [[{}]]", at.join(".")),
            )),
        }
        at.pop();
    }
}

fn key_elements(
    elements: Vec<Value>,
    list: &List,
    at: &mut Vec<String>,
    faults: &mut Vec<ListFault>,
) -> Map<String, Value> {
    let mut keyed = Map::new();
    for (index, mut element) in elements.into_iter().enumerate() {
        let name = element.get(list.by).and_then(Value::as_str);
        // An element without name cannot merge; it stays, so that the schema can tell what it lacks.
        let name = name.map_or_else(|| format!("#{index}"), str::to_owned);
        at.push(name.clone());
        if let Value::Object(table) = &mut element {
            key(table, list.inner, at, faults);
        }
        if keyed.insert(name, element).is_some() {
            faults.push((
                at.clone(),
                "the name stands here twice",
                "rename one of the two".to_owned(),
            ));
        }
        at.pop();
    }
    keyed
}

/// Turns the tables back into lists, in order of name.
pub(super) fn unkey_lists(root: &mut Map<String, Value>) {
    unkey(root, LISTS);
    for (name, lists) in TABLES {
        if let Some(Value::Object(table)) = root.get_mut(*name) {
            unkey(table, lists);
        }
    }
}

fn unkey(table: &mut Map<String, Value>, lists: &[List]) {
    for list in lists {
        let Some(Value::Object(keyed)) = table.get_mut(list.path) else {
            continue;
        };
        let elements = std::mem::take(keyed).into_iter().map(|(name, mut element)| {
            if let Value::Object(table) = &mut element {
                unkey(table, list.inner);
                // An element that only the environment knows bears its name in the variable.
                if !name.starts_with('#') {
                    table.entry(list.by).or_insert(Value::String(name));
                }
            }
            element
        });
        let elements = elements.collect();
        table.insert(list.path.to_owned(), Value::Array(elements));
    }
}

/// Takes out every null.
pub(super) fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(table) => {
            table.retain(|_, value| !value.is_null());
            table.values_mut().for_each(strip_nulls);
        }
        Value::Array(elements) => {
            elements.retain(|element| !element.is_null());
            elements.iter_mut().for_each(strip_nulls);
        }
        _ => {}
    }
}
