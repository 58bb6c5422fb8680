//! Schemas of a document as schemas of their own: references replaced by what they name, OpenAPI's words by JSON
//! Schema's.

use serde_json::{Map, Value, json};

/// Bytes of one tool's schema.
const MAX_BYTES: usize = 128 << 10;
/// Parts of one schema while it is made.
const MAX_PARTS: usize = 20_000;
const MAX_DEPTH: usize = 64;
/// References that lead to references.
const MAX_CHAIN: usize = 8;

/// Words that say nothing about a value, or that would change where a reference leads.
const DROPPED: [&str; 17] = [
    "example",
    "examples",
    "xml",
    "externalDocs",
    "discriminator",
    "deprecated",
    "nullable",
    "readOnly",
    "writeOnly",
    "$id",
    "$schema",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$defs",
    "definitions",
    "$comment",
];

/// Which way a value goes: what only a server writes is not asked for, what only a client writes does not come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    In,
    Out,
}

impl Way {
    const fn hides(self) -> &'static str {
        match self {
            Self::In => "readOnly",
            Self::Out => "writeOnly",
        }
    }
}

/// What a reference within the document names; anything else is itself.
///
/// # Errors
/// In words: a reference out of the document, or to nothing.
pub fn resolve<'d>(document: &'d Value, node: &'d Value) -> Result<&'d Value, String> {
    let mut found = node;
    for _ in 0..MAX_CHAIN {
        let Some(reference) = found.get("$ref").and_then(Value::as_str) else {
            return Ok(found);
        };
        found = target(document, reference)?;
    }
    Err("a reference leads to references without end".to_owned())
}

fn target<'d>(document: &'d Value, reference: &str) -> Result<&'d Value, String> {
    let Some(pointer) = reference.strip_prefix('#') else {
        return Err("a reference leads out of the document".to_owned());
    };
    let pointer = pointer.replace("%7B", "{").replace("%7D", "}");
    document
        .pointer(&pointer)
        .ok_or_else(|| format!("the reference {reference} leads nowhere"))
}

/// The schema without references. One that contains itself says nothing about the inner one.
///
/// # Errors
/// In words: references as of [`resolve`], or too much of everything.
pub fn standalone(document: &Value, schema: &Value, way: Way) -> Result<Value, String> {
    let mut inliner = Inliner {
        document,
        old_words: super::reading::version(document) == Some("3.0"),
        way,
        open: Vec::new(),
        parts: 0,
    };
    let made = inliner.schema(schema, 0)?;
    if made.to_string().len() > MAX_BYTES {
        return Err(format!("the schema is longer than {MAX_BYTES} bytes"));
    }
    jsonschema::validator_for(&made).map_err(|error| format!("not a JSON Schema: {error}"))?;
    Ok(made)
}

struct Inliner<'d> {
    document: &'d Value,
    /// 3.0 has words of its own for what JSON Schema says otherwise.
    old_words: bool,
    way: Way,
    /// References that are being replaced.
    open: Vec<String>,
    parts: usize,
}

impl Inliner<'_> {
    fn schema(&mut self, schema: &Value, depth: usize) -> Result<Value, String> {
        self.parts += 1;
        if self.parts > MAX_PARTS || depth > MAX_DEPTH {
            return Err("the schema is too large".to_owned());
        }
        let Value::Object(words) = schema else {
            return Ok(schema.clone());
        };
        if let Some(reference) = words.get("$ref").and_then(Value::as_str) {
            return self.reference(reference, depth);
        }
        let mut made = Map::new();
        for (word, value) in words {
            if DROPPED.contains(&word.as_str()) || word.starts_with("x-") {
                continue;
            }
            made.insert(word.clone(), self.word(word, value, depth)?);
        }
        self.without_hidden(words, &mut made);
        if self.old_words {
            modernise(words, &mut made);
        }
        Ok(Value::Object(made))
    }

    fn reference(&mut self, reference: &str, depth: usize) -> Result<Value, String> {
        if self.open.iter().any(|open| open == reference) {
            return Ok(json!({}));
        }
        let document = self.document;
        let found = target(document, reference)?;
        self.open.push(reference.to_owned());
        let made = self.schema(found, depth + 1);
        self.open.pop();
        made
    }

    fn word(&mut self, word: &str, value: &Value, depth: usize) -> Result<Value, String> {
        match (word, value) {
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(schemas)) => {
                let made = schemas
                    .iter()
                    .map(|(name, schema)| Ok((name.clone(), self.schema(schema, depth + 1)?)));
                Ok(Value::Object(made.collect::<Result<_, String>>()?))
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                let made = schemas.iter().map(|schema| self.schema(schema, depth + 1));
                Ok(Value::Array(made.collect::<Result<_, String>>()?))
            }
            (
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedProperties"
                | "unevaluatedItems",
                schema,
            ) => self.schema(schema, depth + 1),
            _ => Ok(value.clone()),
        }
    }

    fn without_hidden(&self, words: &Map<String, Value>, made: &mut Map<String, Value>) {
        let properties = words.get("properties").and_then(Value::as_object);
        let hides = |schema: &Value| {
            let schema = resolve(self.document, schema).unwrap_or(schema);
            schema.get(self.way.hides()) == Some(&Value::Bool(true))
        };
        for (name, _) in properties.into_iter().flatten().filter(|(_, schema)| hides(schema)) {
            if let Some(Value::Object(kept)) = made.get_mut("properties") {
                kept.remove(name);
            }
            if let Some(Value::Array(required)) = made.get_mut("required") {
                required.retain(|one| one != name);
            }
        }
    }
}

/// OpenAPI 3.0's `nullable` and its exclusive bounds that are flags.
fn modernise(words: &Map<String, Value>, made: &mut Map<String, Value>) {
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match made.get(flag) {
            Some(Value::Bool(true)) => {
                if let Some(value) = made.remove(bound) {
                    made.insert(flag.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) => drop(made.remove(flag)),
            _ => {}
        }
    }
    if words.get("nullable") != Some(&Value::Bool(true)) {
        return;
    }
    if let Some(kind @ Value::String(_)) = made.get("type").cloned() {
        made.insert("type".to_owned(), json!([kind, "null"]));
    }
    if let Some(Value::Array(choices)) = made.get_mut("enum")
        && !choices.contains(&Value::Null)
    {
        choices.push(Value::Null);
    }
}
