//! Schemas of servers nobody here wrote: bounded before anything compiles or applies them.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};

/// Nodes of a schema with every reference followed: what applying it costs.
const MAX_NODES: usize = 10_000;
/// Schemas within schemas.
const MAX_DEPTH: usize = 64;
/// Bytes of a compiled pattern.
const MAX_PATTERN: usize = 1 << 20;

/// Why a schema is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// It would have to be fetched, or leads nowhere.
    #[error("the reference `{0}` leads out of the schema")]
    Reference(String),
    /// It contains itself.
    #[error("the reference `{0}` contains itself")]
    Recursive(String),
    /// Too much of it.
    #[error("it has more than {MAX_NODES} parts or {MAX_DEPTH} levels")]
    TooLarge,
    /// It is none, or has a pattern that may take for ever.
    #[error("{0}")]
    Invalid(String),
}

/// The linear engine where it knows the patterns; what only another one knows has to come from the operator.
///
/// # Errors
/// What is wrong with it.
pub fn compile(schema: &Value) -> Result<Validator, Unfit> {
    linear(schema).or_else(|_| jsonschema::validator_for(schema).map_err(|error| Unfit::Invalid(error.to_string())))
}

/// Checks that a schema stands by itself, ends, and has no pattern that takes more than linear time.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(schema: &Value) -> Result<(), Unfit> {
    let mut walk = Walk {
        root: schema,
        nodes: 0,
        following: Vec::new(),
    };
    walk.node(schema, 0)?;
    linear(schema).map(drop)
}

fn linear(schema: &Value) -> Result<Validator, Unfit> {
    let engine = PatternOptions::regex()
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN);
    let built = jsonschema::options().with_pattern_options(engine).build(schema);
    built.map_err(|error| Unfit::Invalid(error.to_string()))
}

struct Walk<'a> {
    root: &'a Value,
    nodes: usize,
    /// References that are being followed, outermost first.
    following: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a Value, depth: usize) -> Result<(), Unfit> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(Unfit::TooLarge);
        }
        match node {
            Value::Object(members) => self.object(members, depth),
            Value::Array(elements) => elements.iter().try_for_each(|element| self.node(element, depth + 1)),
            _ => Ok(()),
        }
    }

    fn object(&mut self, members: &'a Map<String, Value>, depth: usize) -> Result<(), Unfit> {
        for (name, member) in members {
            match (name.as_str(), member) {
                // Followed from where they are referred to.
                ("$defs" | "definitions", Value::Object(_)) => {}
                // Names of the author's own, which may be those of keywords.
                ("properties" | "patternProperties" | "dependentSchemas", Value::Object(named)) => {
                    named.values().try_for_each(|schema| self.node(schema, depth + 1))?;
                }
                // Data, in which a `$ref` is none.
                ("enum" | "const" | "default" | "examples", _) => {}
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(target)) => self.follow(target, depth)?,
                _ => self.node(member, depth + 1)?,
            }
        }
        Ok(())
    }

    fn follow(&mut self, target: &'a str, depth: usize) -> Result<(), Unfit> {
        let place = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let place = place.ok_or_else(|| Unfit::Reference(target.to_owned()))?;
        if self.following.contains(&target) || target == "#" {
            return Err(Unfit::Recursive(target.to_owned()));
        }
        self.following.push(target);
        self.node(place, depth + 1)?;
        self.following.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bomb() -> Value {
        let level = |n: u32| {
            let next = json!({"$ref": format!("#/$defs/l{}", n + 1)});
            (
                format!("l{n}"),
                json!({"properties": {"a": next, "b": next, "c": next}}),
            )
        };
        let mut levels: Map<String, Value> = (0..12).map(level).collect();
        levels.insert("l12".to_owned(), json!(true));
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/l0"}}, "$defs": levels})
    }

    fn deep() -> Value {
        (0..100).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}))
    }

    #[test]
    fn a_schema_that_reaches_out_or_never_ends_is_refused() {
        let ok = json!({"type": "object", "properties": {
            "when": {"$ref": "#/$defs/day"}, "until": {"$ref": "#/$defs/day"},
            "kind": {"enum": [{"$ref": "http://data.example/no-reference"}]},
            "name": {"type": "string", "pattern": "^(a+)+$"},
        }, "$defs": {"day": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}}});
        assert_eq!(check(&ok), Ok(()));
        for (schema, reason) in [
            (json!({"$ref": "http://169.254.169.254/schema"}), "leads out"),
            (json!({"properties": {"a": {"$ref": "other.json#/x"}}}), "leads out"),
            (json!({"$dynamicRef": "https://a.example/#x"}), "leads out"),
            (json!({"$ref": "#/$defs/gone"}), "leads out"),
            (json!({"properties": {"a": {"$ref": "#"}}}), "contains itself"),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}),
                "contains itself",
            ),
            (
                json!({"properties": {"default": {"$ref": "#/properties/default"}}}),
                "contains itself",
            ),
            (bomb(), "more than"),
            (deep(), "more than"),
            (json!({"pattern": "^(?=(a+))\\1b$"}), ""),
            (json!({"pattern": "((a{1000}){1000}){1000}"}), ""),
            (json!({"type": "sausage"}), ""),
            (json!({"$schema": "https://evil.example/meta"}), ""),
        ] {
            let refused = check(&schema).err().map(|unfit| unfit.to_string());
            assert!(
                refused.as_ref().is_some_and(|r| r.contains(reason)),
                "{refused:?} {reason}"
            );
        }
    }
}
