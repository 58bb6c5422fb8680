//! The places of a step's arguments that are filled when it runs: references and templates.

use super::pointer::push_segment;
use serde_json::{Map, Value};

/// A value taken from another step's output: `{"$step": "draft", "pointer": "/text"}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference<'a> {
    /// Key of the step.
    pub step: &'a str,
    /// JSON pointer (RFC 6901) into its output; empty, or left out: the whole.
    pub pointer: &'a str,
}

/// An object with `$step` that is no reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a reference is {{\"$step\": key, \"pointer\": JSON pointer}} with no other members, both texts")]
pub struct MalformedReference;

impl<'a> Reference<'a> {
    /// The reference that `value` is; none when it is an ordinary value, one without the member `$step`.
    pub fn parse(value: &'a Value) -> Option<Result<Self, MalformedReference>> {
        let members = value.as_object()?;
        let step = members.get("$step")?;
        let pointer = members.get("pointer");
        let expected = 1 + usize::from(pointer.is_some());
        let texts = step.as_str().zip(pointer.map_or(Some(""), Value::as_str));
        Some(match texts {
            Some((step, pointer)) if members.len() == expected => Ok(Self { step, pointer }),
            _ => Err(MalformedReference),
        })
    }
}

/// Stands, in a step that runs once an item, for the item: `{"$item": "/title"}`, with a JSON pointer into it.
const ITEM: &str = "$item";

impl<'a> Reference<'a> {
    /// The pointer of the reference to the item that `value` is; none when it is an ordinary value, one without the
    /// member `$item`.
    pub fn item(value: &'a Value) -> Option<Result<&'a str, MalformedItem>> {
        let members = value.as_object()?;
        let pointer = members.get(ITEM)?;
        Some(match pointer.as_str() {
            Some(pointer) if members.len() == 1 => Ok(pointer),
            _ => Err(MalformedItem),
        })
    }
}

/// An object with `$item` that is no reference to the item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a reference to the item is {{\"$item\": JSON pointer}} with no other members; \"\" is the whole item")]
pub struct MalformedItem;

/// Whether a text is a template (minijinja) and not taken as it stands.
pub fn is_template(text: &str) -> bool {
    let mut opens = text.match_indices('{').map(|(at, _)| text.as_bytes().get(at + 1));
    opens.any(|next| matches!(next, Some(b'{' | b'%' | b'#')))
}

/// References and templates of a step's arguments, each with its JSON pointer into them.
#[derive(Debug, Default)]
pub struct Slots<'a> {
    /// In document order.
    pub references: Vec<(String, Result<Reference<'a>, MalformedReference>)>,
    /// In document order.
    pub templates: Vec<(String, &'a str)>,
    /// References to the item, with the pointer into it; in document order.
    pub items: Vec<(String, Result<&'a str, MalformedItem>)>,
}

impl<'a> Slots<'a> {
    /// Finds them. Does not look inside a reference, well formed or not.
    pub fn of(arguments: &'a Map<String, Value>) -> Self {
        let mut slots = Self::default();
        let mut path = Vec::new();
        for (name, value) in arguments {
            path.push(Segment::Name(name));
            slots.collect(value, &mut path);
            path.pop();
        }
        slots
    }

    /// Those of one value.
    pub fn of_value(value: &'a Value) -> Self {
        let mut slots = Self::default();
        slots.collect(value, &mut Vec::new());
        slots
    }

    /// A template mentions `feedback`.
    pub fn take_feedback(&self) -> bool {
        self.templates.iter().any(|(_, text)| text.contains("feedback"))
    }

    fn collect(&mut self, value: &'a Value, path: &mut Vec<Segment<'a>>) {
        if let Some(reference) = Reference::parse(value) {
            self.references.push((pointer(path), reference));
            return;
        }
        if let Some(item) = Reference::item(value) {
            self.items.push((pointer(path), item));
            return;
        }
        match value {
            Value::String(text) if is_template(text) => self.templates.push((pointer(path), text)),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Segment::Index(index));
                    self.collect(item, path);
                    path.pop();
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    path.push(Segment::Name(name));
                    self.collect(member, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

fn pointer(path: &[Segment<'_>]) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Name(name) => push_segment(&mut pointer, name),
            Segment::Index(index) => push_segment(&mut pointer, &index.to_string()),
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_has_no_other_members_and_only_texts() {
        let parse =
            |value: &Value| Reference::parse(value).map(|r| r.map(|r| (r.step.to_owned(), r.pointer.to_owned())));
        assert_eq!(parse(&json!({"a": 1})), None);
        assert_eq!(parse(&json!("$step")), None);
        assert_eq!(parse(&json!({"$step": "a"})), Some(Ok(("a".into(), String::new()))));
        assert_eq!(
            parse(&json!({"$step": "a", "pointer": "/x"})),
            Some(Ok(("a".into(), "/x".into())))
        );
        for bad in [
            json!({"$step": 1}),
            json!({"$step": "a", "pointer": 1}),
            json!({"$step": "a", "pointer": null}),
            json!({"$step": "a", "default": 1}),
            json!({"$step": "a", "pointer": "", "default": 1}),
        ] {
            assert_eq!(parse(&bad), Some(Err(MalformedReference)), "{bad}");
        }
    }

    #[test]
    fn slots_are_found_at_any_depth_and_pointed_to() {
        let arguments =
            json!({"a": [{"b/c": {"$step": "s"}}, "plain { text"], "t": "{{ request }}", "u": "{% if a %}"});
        let slots = Slots::of(arguments.as_object().unwrap());
        let references: Vec<_> = slots.references.iter().map(|(place, _)| place.as_str()).collect();
        let templates: Vec<_> = slots.templates.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(references, ["/a/0/b~1c"]);
        assert_eq!(templates, ["/t", "/u"]);
        assert!(!slots.take_feedback());
    }
}
